"""A clock that a test moves."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """A clock that stands still until it is moved: wherever code takes ``time.time``, ``time.monotonic`` or a sleep.

    ``clock()``, ``clock.time()`` and ``clock.monotonic()`` are one and the same number.
    """

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        """Stand still at ``at``, in seconds."""
        self._now = at
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        """Seconds, as a Unix time."""
        return self._now

    time = monotonic = __call__

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock has been moved by ``seconds``."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Move the clock. Whoever's sleep ends goes on when the event loop runs next, the earliest first.

        Args:
            seconds: How far.

        Raises:
            ValueError: Less than nothing.
        """
        if seconds < 0:
            raise ValueError("a clock cannot be moved back")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heapq.heappop(self._sleepers)
            # Done already: whoever slept was cancelled.
            if not woken.done():
                woken.set_result(None)


__all__ = ["FakeClock"]
