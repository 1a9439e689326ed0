"""Lengths of time, and moments, as people write and read them."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Annotated

import typer

from deepguard.errors import DeepguardError
from deepguard.text import one_line

LONGEST_AGO = 3650 * 86400.0
"""Seconds that a moment may lie back."""

SinceOption = Annotated[
    str | None, typer.Option("--since", help="Calls that began since then: 30d ago, or 2026-11-01.", metavar="WHEN")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Calls that began before then: 7d ago, or 2026-11-08.", metavar="WHEN")
]

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?=\d)" + "".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)


def parse_duration(text: str, option: str, *, most: float) -> float:
    """Read a length of time such as ``90s``, ``30m``, ``2h``, ``1d`` or ``1h30m``.

    Args:
        text: What was written.
        option: Where, for the error.
        most: Seconds that it may be at most.

    Returns:
        Seconds, more than 0.

    Raises:
        DeepguardError: It is none, or too long.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise DeepguardError(f"{option}: '{one_line(text, 40)}' is no length of time; write 90s, 30m, 2h, 1d or 1h30m")
    seconds = sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True))
    if not 0 < seconds <= most:
        raise DeepguardError(f"{option}: it must be more than nothing, and at most {span(most)}")
    return float(seconds)


def span(seconds: float) -> str:
    """A length of time in its two largest units, for example ``1 h 30 min``."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    left, words = round(seconds), []
    for unit, name in zip(_UNITS.values(), ("d", "h", "min", "s"), strict=True):
        count, left = divmod(left, unit)
        if count or words:
            words.append(f"{count} {name}" if count else "")
        if len(words) == 2:
            break
    return " ".join(filter(None, words))


def parse_moment(text: str | None, option: str) -> float | None:
    """Read a length of time until now (``30d``, ``1h30m``), or a local date, with a time of day or without.

    Args:
        text: What was written, if anything.
        option: Where, for the error.

    Returns:
        Unix time in seconds; None when nothing was written.

    Raises:
        DeepguardError: It is neither.
    """
    if text is None:
        return None
    if re.match(r"\d{4}-", text.strip()):
        try:
            return datetime.fromisoformat(text.strip()).timestamp()
        except (ValueError, OverflowError, OSError):
            raise DeepguardError(
                f"{option}: '{one_line(text, 40)}' is no date; write 2026-11-01, or 2026-11-01T08:30"
            ) from None
    return time.time() - parse_duration(text, option, most=LONGEST_AGO)


__all__ = ["SinceOption", "UntilOption", "parse_duration", "parse_moment", "span"]
