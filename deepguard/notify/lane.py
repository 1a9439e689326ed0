"""One notifier's way: its own task, which takes one delivery at a time, so that it can hold up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loguru import logger

from deepguard.errors import NotifyError, StoreError
from deepguard.model import Delivery, DeliveryStatus, Notification
from deepguard.notify.claim import Claim, Idle
from deepguard.notify.failure import is_of_the_system, kind_and_lines
from deepguard.notify.outbox import LEASE_MARGIN, Outbox
from deepguard.notify.outcome import Failure
from deepguard.notify.route import Route
from deepguard.notify.unwritten import Unwritten
from deepguard.store.entry import Outgoing
from deepguard.text import one_line

CLAIM_SECONDS = 10.0
"""Seconds that the store gets to say what is to be delivered."""
STORE_SECONDS = 0.5
"""Seconds until a store that failed is asked again."""
CLOSE_TIMEOUT = 2.0
"""Seconds that a notifier gets to release what it holds."""
END_TIMEOUT = CLOSE_TIMEOUT + 1.0
"""Seconds after which a task that ignores its cancellation is left behind."""


@dataclass(slots=True)
class Counts:
    """What became of one notifier's attempts in this process.

    Attributes:
        attempts: Attempts to deliver.
        delivered: Notifications that the destination took, those of a digest one by one.
        failed: Attempts that failed.
        dead: Notifications that failed for good.
        digests: Digests that the destination took.
    """

    attempts: int = 0
    delivered: int = 0
    failed: int = 0
    dead: int = 0
    digests: int = 0


class Lane:
    """Delivers what the store holds for one notifier.

    Starting, sending and closing happen in one task, as some client libraries demand.

    Attributes:
        route: The notifier.
        counts: What became of its attempts.
    """

    def __init__(
        self,
        route: Route,
        outbox: Outbox,
        on_delivery: Callable[[Delivery], None],
        unwritten: Unwritten | None = None,
    ) -> None:
        """Wait for ``open``.

        Args:
            route: The notifier.
            outbox: Where deliveries come from.
            on_delivery: Told how each attempt ended; must not raise.
            unwritten: Where they come from while the store fails.
        """
        self.route = route
        self.counts = Counts()
        self._outbox = outbox
        self._unwritten = unwritten
        self._store_fails = False
        self._claims_fail = False
        self._on_delivery = on_delivery
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._attempt_limit: asyncio.Timeout | None = None
        self._started = False
        self._released = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin: the notifier is started in the background."""
        if self._task is None and not self._closing:
            self._task = asyncio.create_task(self._run(), name=f"notifier {self.route.name}")

    def wake(self) -> None:
        """Look for deliveries now."""
        self._idle.clear()
        self._news.set()

    async def idle(self) -> None:
        """Wait until nothing can be delivered at this moment."""
        await self._idle.wait()

    async def close(self) -> None:
        """End: an attempt that is under way is cut short, its delivery given back. Safe twice."""
        self._closing = True
        self._news.set()
        if self._attempt_limit is not None:
            self._attempt_limit.reschedule(asyncio.get_running_loop().time())
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=END_TIMEOUT)
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=END_TIMEOUT)
            if not self._task.done():
                logger.error("The notifier {} does not end when it is cancelled", self.route.name)
                return
        # A task that was cancelled before its first step has released nothing.
        await self._release()

    async def _run(self) -> None:
        try:
            if (failure := await self._attempt(self._start, "start")) is not None:
                logger.warning("The notifier {} did not start: {}", self.route.name, failure.detail)
            while not self._closing:
                self._news.clear()
                found = await self._claim()
                if isinstance(found, Claim):
                    await self._deliver(found)
                    continue
                seconds = found.seconds
                # A disk may have room for what a claim changes, and none for what is new.
                if self._unwritten is not None and (self._store_fails or self._unwritten.journal_fails):
                    stranded = self._unwritten.claim()
                    if stranded is not None:
                        await self._deliver_unwritten(self._unwritten, stranded)
                        continue
                    seconds = STORE_SECONDS
                if not self._news.is_set():
                    self._idle.set()
                await self._wait(seconds)
        finally:
            self._idle.set()
            await self._release()

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            self._idle.clear()

    async def _claim(self) -> Claim | Idle:
        try:
            # What is taken after that nobody waits for: another attempt takes it when its lease ends.
            async with asyncio.timeout(CLAIM_SECONDS):
                found = await self._outbox.claim(self.route)
        except (StoreError, TimeoutError):
            self._store_fails = True  # whoever writes to the store says what is wrong with it
            return Idle(STORE_SECONDS)
        except Exception as error:  # noqa: BLE001 - without this task nothing would be delivered any more
            if not self._claims_fail:
                logger.error("Deliveries to {} cannot be taken: {}", self.route.name, kind_and_lines(error))
            self._claims_fail = True
            return Idle(STORE_SECONDS)
        self._store_fails = self._claims_fail = False
        return found

    async def _deliver(self, claim: Claim) -> None:
        failure, thread = await self._send(claim.notification)
        if failure is not None and self._closing:
            await self._settle(lambda: self._outbox.release(self.route, claim))
        elif failure is None:
            self._tell(await self._settle(lambda: self._outbox.delivered(self.route, claim, thread)) or [])
        else:
            ended = await self._settle(lambda: self._outbox.failed(self.route, claim, failure)) or []
            dead = any(delivery.status is DeliveryStatus.DEAD for delivery in ended)
            replay = f"; it is dead: `deepguard deliveries replay {claim.delivery_id}` tries again" if dead else ""
            self._warn(claim.notification, failure, replay, logger.error if dead else logger.warning)
            self._tell(ended)

    async def _deliver_unwritten(self, unwritten: Unwritten, stranded: Outgoing) -> None:
        failure, _ = await self._send(stranded.notification)
        if failure is not None:
            self._warn(stranded.notification, failure, "", logger.warning)
        self._tell(await unwritten.ended(stranded, failure))

    async def _send(self, notification: Notification) -> tuple[Failure | None, str]:
        """Make one attempt; why it failed, and what the service calls what it took."""
        self.counts.attempts += 1
        thread: str | None = None

        async def send() -> None:
            nonlocal thread
            await self._start()
            thread = await self.route.notifier.send(notification)

        failure = await self._attempt(send, "send")
        if failure is not None and not self._closing:
            self.counts.failed += 1
        return failure, one_line(thread, 500) if isinstance(thread, str) else ""

    def _warn(self, told: Notification, failure: Failure, more: str, log: Callable[..., None]) -> None:
        log("The notifier {} did not deliver {} ({}): {}{}", self.route.name, told.id, told.kind, failure.detail, more)

    def _tell(self, ended: Sequence[Delivery]) -> None:
        delivered = sum(delivery.status is DeliveryStatus.DELIVERED for delivery in ended)
        self.counts.delivered += delivered
        self.counts.digests += int(delivered > 1)
        self.counts.dead += sum(delivery.status is DeliveryStatus.DEAD for delivery in ended)
        for delivery in ended:
            self._on_delivery(delivery)

    async def _settle(self, write: Callable[[], Awaitable[Any]]) -> Any:
        """Write down how an attempt ended; a store that fails is asked again for as long as the lease lasts."""
        deadline = asyncio.get_running_loop().time() + LEASE_MARGIN
        while True:
            try:
                return await write()
            except StoreError as error:
                if self._closing or asyncio.get_running_loop().time() > deadline:
                    logger.warning(
                        "How a delivery to {} ended could not be written down; it may be made again: {}",
                        self.route.name,
                        error,
                    )
                    return None
                await asyncio.sleep(STORE_SECONDS)
            except Exception as error:  # noqa: BLE001 - its lease ends by itself; the next delivery may go well
                logger.error("Writing down a delivery to {} failed: {}", self.route.name, kind_and_lines(error))
                return None

    async def _start(self) -> None:
        if not self._started:
            await self.route.notifier.start()
            self._started = True

    async def _release(self) -> None:
        if self._released:
            return
        self._released = True
        self._closing = False  # the notifier's close gets its own time
        failure = await self._attempt(self.route.notifier.close, "close", CLOSE_TIMEOUT)
        self._closing = True
        if failure:
            logger.warning("The notifier {} did not close: {}", self.route.name, failure.detail)

    async def _attempt(
        self, action: Callable[[], Awaitable[None]], what: str, seconds: float | None = None
    ) -> Failure | None:
        """Run the notifier's code for a bounded time; whatever it raises becomes a failure."""
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        limit = self.route.timeout if seconds is None else seconds
        self._attempt_limit = asyncio.timeout(0 if self._closing else limit)
        try:
            async with self._attempt_limit:
                await action()
        except NotifyError as error:
            return Failure(one_line(str(error)), error.retryable, error.retry_after, error.refused)
        except asyncio.CancelledError as error:
            # The notifier may have awaited something that was cancelled: that must not end this task.
            if task and task.cancelling() > cancelled_before:
                raise
            return self._unexpected(error, what)
        except (Exception, BaseExceptionGroup, SystemExit) as error:  # noqa: BLE001 - somebody else's code may raise anything
            if self._attempt_limit.expired():
                return Failure(f"no answer within {limit:g} s")
            return self._unexpected(error, what)
        finally:
            self._attempt_limit = None
        return None

    def _unexpected(self, error: BaseException, what: str) -> Failure:
        logger.error("The notifier {} failed to {}: {}", self.route.name, what, kind_and_lines(error))
        # What the operating system says of a connection is no bug, though the notifier should have said it itself.
        return Failure(f"{type(error).__name__}; see the log", fault=not is_of_the_system(error))


__all__ = ["CLOSE_TIMEOUT", "END_TIMEOUT", "Counts", "Lane"]
