"""What a task waits for that takes a track's media."""

from __future__ import annotations

import asyncio

from aiortc import MediaStreamError


class News:
    """Wakes the one task that takes a track when something came, changed, or ended."""

    def __init__(self) -> None:
        """Begin before anything came."""
        self._waited: asyncio.Future[None] | None = None
        self._ended = False

    def tell(self) -> None:
        """Wake the task."""
        if self._waited is not None and not self._waited.done():
            self._waited.set_result(None)

    def end(self) -> None:
        """Note that the track ended: whoever waits, or will, is told."""
        self._ended = True
        self.tell()

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
        # Several times for each picture: an event and a timeout of asyncio's cost twice as much.
        loop = asyncio.get_running_loop()
        self._waited = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self.tell)
        try:
            await self._waited
        finally:
            if timer is not None:
                timer.cancel()
        self.check()


__all__ = ["News"]
