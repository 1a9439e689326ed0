"""Notices a connection that takes samples and gives nothing back."""

from __future__ import annotations

import asyncio


class Watchdog:
    """Resolves ``silent`` when an answer was due for ``timeout`` seconds and nothing at all was heard meanwhile."""

    def __init__(self, timeout: float) -> None:
        """Begin with nothing due; needs a running event loop.

        Args:
            timeout: Seconds.
        """
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.silent: asyncio.Future[None] = self._loop.create_future()

    def expect(self) -> None:
        """An answer is due from now on, if none was before."""
        if self._since is None:
            self._since = self._loop.time()
        if self._timer is None:
            self._check()

    def heard(self, *, more_due: bool) -> None:
        """Something came; ``more_due`` when answers are still due."""
        self._since = self._loop.time() if more_due else None

    def stop(self) -> None:
        """Watch no more."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        # One timer that looks again is cheaper than a new one for each message.
        self._timer = None
        if self._since is None or self.silent.done():
            return
        left = self._since + self._timeout - self._loop.time()
        if left <= 0:
            self.silent.set_result(None)
        else:
            self._timer = self._loop.call_later(left, self._check)


__all__ = ["Watchdog"]
