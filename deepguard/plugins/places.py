"""Where a plugin's code stands, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepguard.text import one_line


def place_of(thing: Any) -> str:
    """The file and the line in which a function or a method begins; its name where that is not known."""
    function = getattr(thing, "__func__", thing)
    code = getattr(function, "__code__", None)
    if code is None:
        return one_line(getattr(thing, "__qualname__", type(thing).__name__))
    return f"{one_line(shortest(Path(code.co_filename)))}:{code.co_firstlineno}"


def shortest(path: Path) -> str:
    """A file as it is seen from the working directory, where it lies below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


__all__ = ["place_of", "shortest"]
