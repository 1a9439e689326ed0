"""When each stream sends next: one loop for all callers, whose moments are spread over the time there is."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time

from deepguard.density.streams import Stream

TURN = 0.002
"""Seconds between two turns of the loop at least: a turn costs about as much as sending two packets."""

LATE = 0.02
"""Seconds after its moment from which on something sent counts as late: the length of an audio packet."""

GIVEN_UP = 0.5
"""Seconds behind from which on a stream goes on from now, and does not send what it missed all at once."""


class Pacer:
    """Sends what all streams of a process have to send, each in its own rhythm.

    Attributes:
        sent: How often a stream sent something.
        late: Of these, how often it was late.
        worst: How late at most, in seconds.
    """

    def __init__(self) -> None:
        """Begin without a stream."""
        self.sent = self.late = 0
        self.worst = 0.0
        self._order = itertools.count()
        self._next: list[tuple[float, int, Stream]] = []
        self._stopped: set[Stream] = set()
        self._added = asyncio.Event()

    def add(self, stream: Stream, phase: float) -> None:
        """Begin to send a stream.

        Args:
            stream: The stream.
            phase: Where in its period it sends, 0 to 1: streams of different phases do not send at once.
        """
        heapq.heappush(self._next, (time.monotonic() + phase / stream.per_second, next(self._order), stream))
        self._added.set()

    def remove(self, stream: Stream) -> None:
        """Send a stream no longer."""
        self._stopped.add(stream)

    def reset(self) -> None:
        """Count anew."""
        self.sent = self.late = 0
        self.worst = 0.0

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            if not self._next:
                self._added.clear()
                await self._added.wait()
            await asyncio.sleep(max(TURN, self._next[0][0] - time.monotonic()))
            now = time.monotonic()
            while self._next and self._next[0][0] <= now:
                self._send_first(now)

    def _send_first(self, now: float) -> None:
        due, order, stream = heapq.heappop(self._next)
        if stream in self._stopped:
            self._stopped.discard(stream)
            return
        stream.send()
        behind = time.monotonic() - due
        self.sent += 1
        self.late += behind > LATE
        self.worst = max(self.worst, behind)
        if behind > GIVEN_UP:
            due = now
        heapq.heappush(self._next, (due + 1 / stream.per_second, order, stream))


__all__ = ["Pacer"]
