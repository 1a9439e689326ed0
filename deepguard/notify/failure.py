"""What may be shown of an exception that somebody else's code raised."""

from __future__ import annotations

import traceback
from pathlib import Path


def kind_and_lines(error: BaseException) -> str:
    """Name the exception's type and the lines that it came through, outermost first.

    Only who raises a ``NotifyError`` has promised that its words hold no secret. Any other exception of a notifier may
    carry an address with a token, headers or a password in its text, so the text is not shown; nor is a traceback,
    since loguru prints the variables of each frame.

    Args:
        error: Caught by the caller, whose own frame is left out.
    """
    frames = list(traceback.walk_tb(error.__traceback__))[1:13]
    lines = " > ".join(f"{Path(frame.f_code.co_filename).name}:{line}" for frame, line in frames)
    kind = type(error).__name__
    return f"{kind} at {lines}" if lines else kind


def is_of_the_system(error: BaseException) -> bool:
    """Whether an exception is, or follows from, what the operating system says, of a connection mostly.

    Many libraries raise one of their own from it.
    """
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        if isinstance(one, OSError):
            return True
        seen.add(id(one))
        one = one.__cause__
    return False


__all__ = ["is_of_the_system", "kind_and_lines"]
