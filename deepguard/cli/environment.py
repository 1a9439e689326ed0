"""The ``.env`` file of the working directory."""

from __future__ import annotations

from pathlib import Path

from deepguard.errors import ConfigError, Problem


def read_dotenv() -> None:
    """Take variables from ``.env`` of the working directory, if there is one; real variables win.

    Raises:
        ConfigError: The file cannot be read.
    """
    path = Path(".env")
    if not path.is_file():
        return
    from dotenv import load_dotenv

    try:
        load_dotenv(path.absolute(), override=False)
    except UnicodeDecodeError:
        raise ConfigError([Problem("the file is not UTF-8 text; save it as UTF-8", file=".env")]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "a variable cannot be set"
        raise ConfigError([Problem(f"the file cannot be read: {reason}", file=".env")]) from None


__all__ = ["read_dotenv"]
