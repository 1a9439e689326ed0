"""The live stream of a call: events for pages and in-call messages, to any number of readers of any speed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

LiveEvent: TypeAlias = dict[str, Any]
"""One JSON object as described in docs/live-events.md."""

READER_BACKLOG = 256
RECENT_EVENTS = 200


class LiveReader:
    """One reader's place in the stream."""

    def __init__(self, snapshot: Callable[[], LiveEvent]) -> None:
        """Begin with a snapshot.

        Args:
            snapshot: Makes a ``state`` event of this moment.
        """
        self._snapshot = snapshot
        self._queue: deque[LiveEvent] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self.lagged = 0
        self._stale = True
        self._wake.set()

    def push(self, event: LiveEvent) -> None:
        """Hand over an event; a reader that is too slow loses its backlog and gets a new snapshot instead."""
        if self._stale:
            return  # the snapshot, taken when it is read, will hold this event
        if len(self._queue) >= READER_BACKLOG:
            self._queue.clear()
            self._stale = True
            self.lagged += 1
        else:
            self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        """Let the reader end after what it still has."""
        self._closed = True
        self._wake.set()

    async def events(self) -> AsyncIterator[LiveEvent]:
        """The stream, a snapshot first, until it is closed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._stale:
                self._stale = False
                yield self._snapshot()
            while self._queue:
                yield self._queue.popleft()
            if self._closed and not self._stale and not self._queue:
                return


class LiveStream:
    """Publishes a call's events."""

    def __init__(self, snapshot: Callable[[list[LiveEvent]], LiveEvent]) -> None:
        """Start empty.

        Args:
            snapshot: Makes a ``state`` event of this moment, given the recent events.
        """
        self._make_snapshot = snapshot
        self._readers: set[LiveReader] = set()
        self._recent: deque[LiveEvent] = deque(maxlen=RECENT_EVENTS)
        self._closed = False

    @property
    def readers(self) -> int:
        """How many readers there are now."""
        return len(self._readers)

    def publish(self, event: LiveEvent, *, keep: bool = True) -> None:
        """Hand an event to every reader.

        Args:
            event: The event.
            keep: Whether later snapshots show it among the recent events.
        """
        if keep:
            self._recent.append(event)
        for reader in self._readers:
            reader.push(event)

    def snapshot(self) -> LiveEvent:
        """A ``state`` event of this moment."""
        return self._make_snapshot(list(self._recent))

    @contextmanager
    def reader(self) -> Iterator[LiveReader]:
        """A new reader, for as long as the block lasts."""
        reader = LiveReader(self.snapshot)
        self._readers.add(reader)
        if self._closed:
            reader.close()
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every reader's stream after what it still has."""
        self._closed = True
        for reader in self._readers:
            reader.close()
