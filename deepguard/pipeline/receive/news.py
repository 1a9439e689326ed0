"""What a task waits for that takes a track's media."""

from __future__ import annotations

import asyncio

from aiortc import MediaStreamError


class News:
    """Wakes the one task that takes a track when something came, changed, or ended."""

    def __init__(self) -> None:
        """Begin before anything came."""
        self._event = asyncio.Event()
        self._ended = False

    def tell(self) -> None:
        """Wake the task."""
        self._event.set()

    def end(self) -> None:
        """Note that the track ended: whoever waits, or will, is told."""
        self._ended = True
        self._event.set()

    def check(self) -> None:
        """See that the track goes on.

        Raises:
            MediaStreamError: It ended.
        """
        if self._ended:
            raise MediaStreamError

    async def wait(self, seconds: float | None) -> None:
        """Wait for something that comes from now on, for so long at most; None: however long it takes.

        Raises:
            MediaStreamError: The track ended.
        """
        self.check()
        self._event.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        self.check()


__all__ = ["News"]
