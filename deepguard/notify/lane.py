"""One notifier's way: its own queue and its own task, so that it can hold up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from loguru import logger

from deepguard.errors import NotifyError
from deepguard.model import Delivery, DeliveryStatus, Notification
from deepguard.notify.failure import kind_and_lines
from deepguard.notify.route import Route
from deepguard.text import one_line

QUEUE_SIZE = 256
ATTEMPTS = 3
BACKOFF_BASE = 0.5
"""Seconds; the wait after attempt n is drawn from 0 to this times 2 to the n (full jitter)."""
LONGEST_WAIT = 30.0
"""Seconds that a service may ask to wait; when it asks for more, this notification has failed."""
CLOSE_TIMEOUT = 2.0
"""Seconds that a notifier gets to release what it holds."""
END_TIMEOUT = CLOSE_TIMEOUT + 1.0
"""Seconds after which a task that ignores its cancellation is left behind."""


@dataclass(slots=True)
class Counts:
    """What became of one notifier's notifications.

    Attributes:
        delivered: The notifier took them.
        failed: It did not, and no further attempt is made.
        dropped: They were never handed to it: its queue was full, or the program ended.
        suppressed: A ``deepguard_should_notify`` hook kept them from it.
        retries: Attempts after a first one.
    """

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    suppressed: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    notification: Notification
    since: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt failed, and after how many seconds another may help; None: it will not."""

    detail: str
    wait: float | None = None


class Lane:
    """Queues the notifications of one notifier and hands them over, one at a time, in order.

    Starting, sending and closing happen in one task, as some client libraries demand.

    Attributes:
        route: The notifier.
        counts: What became of its notifications.
    """

    def __init__(
        self, route: Route, on_delivery: Callable[[Delivery], None], jitter: Callable[[float, float], float]
    ) -> None:
        """Wait for ``open``.

        Args:
            route: The notifier.
            on_delivery: Told how each delivery ended; must not raise.
            jitter: Draws a number of seconds between its two arguments.
        """
        self.route = route
        self.counts = Counts()
        self._on_delivery = on_delivery
        self._jitter = jitter
        self._queue: deque[_Waiting] = deque()
        self._current: _Waiting | None = None
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._started = False
        self._released = False
        self._overflowing = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin: the notifier is started in the background."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name=f"notifier {self.route.name}")

    def put(self, notification: Notification) -> None:
        """Queue a notification. Never blocks; a full queue loses its oldest."""
        waiting = _Waiting(notification, time.monotonic())
        if self._closed:
            self._end(waiting, "dropped", "deepguard is shutting down")
            return
        if len(self._queue) >= QUEUE_SIZE:
            if not self._overflowing:
                logger.warning(
                    "The notifier {} is too slow: {} notifications wait, and the oldest are being dropped",
                    self.route.name,
                    QUEUE_SIZE,
                )
            self._overflowing = True
            self._end(self._queue.popleft(), "dropped", f"{QUEUE_SIZE} newer notifications were waiting")
        self._queue.append(waiting)
        self._idle.clear()
        self._news.set()

    async def idle(self) -> None:
        """Wait until nothing is queued or being sent."""
        await self._idle.wait()

    async def close(self) -> None:
        """End the task, account for what was not delivered, and release the notifier. Safe twice."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=END_TIMEOUT)
        self._end_current("failed", "deepguard shut down before the destination answered")
        while self._queue:
            self._end(self._queue.popleft(), "dropped", "deepguard shut down")
        self._idle.set()
        if self._task is not None and not self._task.done():
            logger.error("The notifier {} does not end when it is cancelled", self.route.name)
        else:
            # A task that was cancelled before its first step has released nothing.
            await self._release()

    async def _run(self) -> None:
        try:
            await self._start()
            while not self._closed:
                if self._queue:
                    self._current = self._queue.popleft()
                    await self._deliver(self._current.notification)
                    continue
                self._overflowing = False
                self._idle.set()
                self._news.clear()
                await self._news.wait()
        finally:
            await self._release()

    async def _start(self) -> _Failure | None:
        if self._started:
            return None
        failure = await self._attempt(self.route.notifier.start, "start", self.route.timeout)
        self._started = failure is None
        if failure:
            logger.warning("The notifier {} did not start: {}", self.route.name, failure.detail)
        return failure

    async def _deliver(self, notification: Notification) -> None:
        failure = await self._send(notification)
        for attempt in range(1, ATTEMPTS):
            # A notifier that swallows the cancellation of its task must not keep it going.
            if failure is None or failure.wait is None or self._closed:
                break
            self.counts.retries += 1
            await asyncio.sleep(failure.wait + self._jitter(0.0, BACKOFF_BASE * 2**attempt))
            failure = await self._send(notification)
        if failure is None:
            self._end_current("delivered", "")
            return
        logger.warning("The notifier {} did not deliver {}: {}", self.route.name, notification.id, failure.detail)
        self._end_current("failed", failure.detail)

    async def _send(self, notification: Notification) -> _Failure | None:
        return await self._start() or await self._attempt(
            lambda: self.route.notifier.send(notification), "send", self.route.timeout
        )

    async def _release(self) -> None:
        if self._released:
            return
        self._released = True
        failure = await self._attempt(self.route.notifier.close, "close", CLOSE_TIMEOUT)
        if failure:
            logger.warning("The notifier {} did not close: {}", self.route.name, failure.detail)

    async def _attempt(self, action: Callable[[], Awaitable[None]], what: str, seconds: float) -> _Failure | None:
        """Run the notifier's code for a bounded time; whatever it raises becomes a failure."""
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                await action()
        except NotifyError as error:
            detail = one_line(str(error))
            if not error.retryable:
                return _Failure(detail)
            wait = max(0.0, error.retry_after or 0.0)
            return (
                _Failure(detail, wait) if wait <= LONGEST_WAIT else _Failure(f"{detail} (asked to wait {wait:.0f} s)")
            )
        except asyncio.CancelledError as error:
            # The notifier may have awaited something that was cancelled: that must not end this task.
            if task and task.cancelling() > cancelled_before:
                raise
            return self._unexpected(error, what)
        except (Exception, BaseExceptionGroup, SystemExit) as error:  # noqa: BLE001 - somebody else's code may raise anything
            if timeout.expired():
                return _Failure(f"no answer within {seconds:g} s", 0.0)
            return self._unexpected(error, what)
        return None

    def _unexpected(self, error: BaseException, what: str) -> _Failure:
        logger.error("The notifier {} failed to {}: {}", self.route.name, what, kind_and_lines(error))
        return _Failure(f"{type(error).__name__}; see the log")

    def _end_current(self, status: DeliveryStatus, detail: str) -> None:
        # Whoever comes second, ``close`` or a send that would not be cancelled, finds it ended already.
        if self._current is not None:
            current, self._current = self._current, None
            self._end(current, status, detail)

    def _end(self, waiting: _Waiting, status: DeliveryStatus, detail: str) -> None:
        setattr(self.counts, status, getattr(self.counts, status) + 1)
        self._on_delivery(
            Delivery(
                notification_id=waiting.notification.id,
                call_id=waiting.notification.call_id,
                notifier=self.route.name,
                status=status,
                at=time.time(),
                seconds=time.monotonic() - waiting.since,
                detail=detail,
            )
        )


__all__ = ["ATTEMPTS", "LONGEST_WAIT", "QUEUE_SIZE", "Counts", "Lane"]
