"""A notifier for tests."""

from __future__ import annotations

import asyncio
from collections import deque

from deepguard.contracts import Notifier
from deepguard.errors import NotifyError
from deepguard.model import Notification


class RecordingNotifier(Notifier):
    """Remembers what it is handed; takes it, or fails as it was told to.

    Attributes:
        notifications: What it took, in order.
        failures: What the next calls of ``send`` raise, one each; None takes that notification.
        started: How often ``start`` was called.
        closed: How often ``close`` was called.
    """

    def __init__(self, *failures: NotifyError | None) -> None:
        """Remember nothing yet.

        Args:
            *failures: What the first calls of ``send`` raise, one each; None takes that notification.
        """
        self.failures = deque(failures)
        self.notifications: list[Notification] = []
        self.started = 0
        self.closed = 0
        self._news = asyncio.Condition()

    async def start(self) -> None:
        """Count the start."""
        self.started += 1

    async def send(self, notification: Notification) -> None:
        """Remember ``notification``.

        Raises:
            NotifyError: The next one of ``failures``.
        """
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        async with self._news:
            self.notifications.append(notification)
            self._news.notify_all()

    async def close(self) -> None:
        """Count the close."""
        self.closed += 1

    async def wait_for(self, count: int, seconds: float = 5.0) -> list[Notification]:
        """Wait until it took at least ``count`` notifications, and return all that it took.

        Args:
            count: How many.
            seconds: How long at most.

        Raises:
            TimeoutError: Fewer came in time.
        """
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.notifications) >= count)
            return list(self.notifications)


__all__ = ["RecordingNotifier"]
