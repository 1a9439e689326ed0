"""How long to wait between two attempts to connect."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Backoff:
    """Full-jitter exponential backoff: each wait is random between nothing and a ceiling that doubles."""

    def __init__(self, base: float, cap: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        """Start small.

        Args:
            base: The first ceiling in seconds.
            cap: The highest ceiling in seconds.
            uniform: Picks a number between two others.
        """
        self._base = base
        self._cap = cap
        self._uniform = uniform
        self._failures = 0

    def wait(self, *, busy: bool = False) -> float:
        """Count a failure and say how long to wait, in seconds.

        Args:
            busy: The service asked to be left alone for a while: never less than half of the cap.
        """
        # Beyond 64 doublings every base has met every cap, and a float would overflow in the end.
        ceiling = min(self._cap, self._base * 2 ** min(self._failures, 64))
        self._failures += 1
        if busy:
            return self._uniform(self._cap / 2, self._cap)
        return self._uniform(0, ceiling)

    def reset(self) -> None:
        """Start small again: the connection was stable."""
        self._failures = 0


def parse_retry_after(value: str | None, now: datetime, cap: float) -> float | None:
    """Read a ``Retry-After`` header.

    Args:
        value: The header: seconds, or an HTTP date.
        now: The present moment, aware of its time zone.
        cap: Longest answer in seconds.

    Returns:
        Seconds from 0 to ``cap``, or None when the header is missing or makes no sense.
    """
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # A number of more than nine digits is beyond any cap, and a long one is costly to read.
        return cap if len(text) > 9 else min(float(text), cap)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), cap)


__all__ = ["Backoff", "parse_retry_after"]
