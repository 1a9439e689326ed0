"""What a server that is measured notes of itself: how late its event loop is, and when samples arrived."""

from __future__ import annotations

import asyncio
import time

from deepguard.model import Source

PROBE_SECONDS = 0.05


class LoopProbe:
    """How late a timer of 50 ms is: what an event loop does to whatever waits for it.

    Attributes:
        lags: Seconds, one for each time that the timer went off.
    """

    def __init__(self) -> None:
        """Begin without a measurement."""
        self.lags: list[float] = []

    async def run(self) -> None:
        """Measure, until cancelled."""
        while True:
            due = time.monotonic() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            self.lags.append(max(0.0, time.monotonic() - due))


class Arrivals:
    """When samples came to where they are judged.

    Attributes:
        taken: Call, source and monotonic seconds of each sample, in order.
    """

    def __init__(self) -> None:
        """Begin without a sample."""
        self.taken: list[tuple[str, Source, float]] = []
        self._seen: dict[Source, set[str]] = {source: set() for source in Source}
        self._fresh = asyncio.Event()

    def note(self, call_id: str, source: Source) -> None:
        """A sample is here."""
        self.taken.append((call_id, source, time.monotonic()))
        if call_id not in self._seen[source]:
            self._seen[source].add(call_id)
            self._fresh.set()

    async def of_calls(self, count: int, sources: set[Source]) -> None:
        """Wait until so many calls had a sample of each of these sources."""
        while any(len(self._seen[source]) < count for source in sources):
            self._fresh.clear()
            await self._fresh.wait()


__all__ = ["Arrivals", "LoopProbe"]
