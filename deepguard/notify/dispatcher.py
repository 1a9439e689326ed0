"""Hands each notification to every notifier that wants it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from loguru import logger

from deepguard.model import Delivery, Notification
from deepguard.notify.lane import Counts, Lane
from deepguard.notify.route import Route, build_routes


class Dispatcher:
    """Routes notifications; a lane for each notifier delivers them.

    What waits here is in memory: it does not outlive the process. ``notify`` is where a notification would be written
    down first, and ``Lane`` is where a delivery would be taken from what was written.

    For one event loop: no method may be called from another thread.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        on_delivery: Callable[[Delivery], None],
        should_notify: Callable[[Notification, str], bool | None],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            routes: The notifiers and what each is told; their names are unique.
            on_delivery: Told how each delivery ended. An exception of it is logged, no more.
            should_notify: The ``deepguard_should_notify`` hooks, called with a notification and a notifier's name;
                None hands the notification over.
            jitter: Draws the seconds to wait before a retry between its two arguments.
        """
        self._on_delivery = on_delivery
        self._should_notify = should_notify
        self._lanes = [Lane(route, self._delivered, jitter) for route in routes]

    @property
    def counts(self) -> Mapping[str, Counts]:
        """What became of the notifications so far, by notifier."""
        return {lane.route.name: replace(lane.counts) for lane in self._lanes}

    async def start(self) -> None:
        """Begin to deliver. Notifiers start in the background: a slow one delays neither the others nor the program.

        One that does not start is reported, and tries again before its next notification.
        """
        for lane in self._lanes:
            lane.open()

    def notify(self, notification: Notification) -> None:
        """Queue a notification for every notifier whose ``on`` lets it through. Never blocks."""
        for lane in self._lanes:
            if not lane.route.wants(notification.kind):
                continue
            if self._allowed(notification, lane.route.name):
                lane.put(notification)
            else:
                lane.counts.suppressed += 1

    async def drain(self, seconds: float) -> bool:
        """Wait until everything queued has been delivered or has failed.

        Args:
            seconds: How long at most.

        Returns:
            Whether nothing waits any more.
        """
        try:
            async with asyncio.timeout(seconds):
                for lane in self._lanes:
                    await lane.idle()
        except TimeoutError:
            return False
        return True

    async def close(self, seconds: float = 3.0) -> None:
        """Drain, then end every notifier. What could not be delivered is counted and told. Safe twice.

        Args:
            seconds: How long to drain; notifiers get about three seconds more to close.
        """
        await self.drain(seconds)
        await asyncio.gather(*(lane.close() for lane in self._lanes))

    def _allowed(self, notification: Notification, notifier: str) -> bool:
        try:
            answer = self._should_notify(notification, notifier)
        except Exception as error:  # noqa: BLE001 - a hook's failure must not silence an alert
            logger.error("deepguard_should_notify failed ({}); {} is told", type(error).__name__, notifier)
            return True
        return answer is None or bool(answer)

    def _delivered(self, delivery: Delivery) -> None:
        try:
            self._on_delivery(delivery)
        except Exception as error:  # noqa: BLE001 - whoever watches deliveries must not stop them
            logger.error("Showing a delivery to {} failed: {}", delivery.notifier, type(error).__name__)


__all__ = ["Dispatcher", "Route", "build_routes"]
