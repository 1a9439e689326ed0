"""What an author fills in, and the means of all checks."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from deepguard.contracts import Notifier, NotifierType
from deepguard.errors import NotifyError
from deepguard.model import Notification
from deepguard.testing.endpoint import Answer, Request, ScriptedEndpoint
from deepguard.testing.failing import fail
from deepguard.testing.outcomes import STATUSES, Outcome

PATIENCE = 10.0
"""Seconds that one call of the notifier may take."""

LONGEST_THREAD = 500


class ContractBase:
    """What the author fills in.

    Attributes:
        notifier_type: What ``deepguard_register_notifiers`` offers.
        secrets: Every secret in ``settings``; no check lets one show. Empty: there is none.
        speaks_http: False for a notifier that does not use HTTP: the checks with an endpoint are left out, and
            ``destination`` is to be overridden where it needs one.
        statuses: What becomes of a notification by the HTTP status of the answer; a service with other ideas changes
            a few: ``NotifierContract.statuses | {404: Outcome.DEAD}``. A status that is left out is not checked.
        largest_request: Bytes that the requests for one notification may have in all, whatever the names in it.
        largest_digest: The same for a digest of a hundred.
        grace: Seconds that its tasks and connections get to end after ``close``.
    """

    notifier_type: ClassVar[NotifierType]
    secrets: ClassVar[tuple[str, ...]]
    speaks_http: ClassVar[bool] = True
    statuses: ClassVar[Mapping[int, Outcome]] = dict(STATUSES)
    largest_request: ClassVar[int] = 100_000
    largest_digest: ClassVar[int] = 1_000_000
    grace: ClassVar[float] = 5.0

    endpoint: ScriptedEndpoint
    """The service, in the checks of a notifier that speaks HTTP."""

    _blocks: ClassVar[bool] = False

    def settings(self, url: str) -> dict[str, Any]:
        """The settings of a notifier, as they stand in the YAML, secrets included.

        Args:
            url: Where the service is: ``http://127.0.0.1:41234``, or what ``destination`` yields.
        """
        raise NotImplementedError("the contract needs `settings`: the notifier's settings, as they stand in the YAML")

    def make(self, url: str) -> Notifier:
        """Build the notifier; to be overridden only where ``settings`` cannot lead it to the endpoint."""
        return self.notifier_type.factory(self.notifier_type.config.model_validate(self.settings(url)))

    def accepts(self, request: Request) -> Answer:
        """What the service answers when it takes a notification; called in a thread of the endpoint's own.

        Args:
            request: One of those that a ``send`` makes, or a ``start``.
        """
        return Answer()

    def answer(self, status: int) -> Answer:
        """What the service answers when it does not take a notification.

        The default repeats every secret, as a service may: no error may quote it unseen.
        """
        return Answer(status, f"no: {' '.join(self.secrets)}")

    def inspect(self, request: Request) -> None:
        """Look at a request with a hostile name in it; an ``assert`` of the author's own, for the service's markup."""

    @asynccontextmanager
    async def destination(self) -> AsyncIterator[str]:
        """The service for one check, as an address; overridden where it does not speak HTTP."""
        if not self.speaks_http:
            yield ""
            return
        cls = type(self)
        if cls._blocks:
            fail(BLOCKED)
        async with ScriptedEndpoint(self.accepts) as self.endpoint:
            try:
                yield self.endpoint.url
            finally:
                # Found out once is enough: each check would wait for it again.
                cls._blocks |= self.endpoint.blocked

    # -- means of the checks -----------------------------------------------------------------------------------------

    def _made(self, url: str) -> Notifier:
        try:
            notifier = self.make(url)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            fail("the notifier could not be built from what `settings` returns", error)
        if not isinstance(notifier, Notifier):
            fail(f"the factory built a {type(notifier).__name__}; it has to build a deepguard.Notifier")
        notifier.acknowledge = _acknowledge
        return notifier

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Notifier]:
        async with self.destination() as url:
            notifier = self._made(url)
            try:
                if error := await self._start(notifier):
                    fail("start failed though nothing is wrong with the service", error)
                yield notifier
            finally:
                await notifier.close()

    async def _start(self, notifier: Notifier) -> NotifyError | None:
        timeout = asyncio.timeout(PATIENCE)
        try:
            async with timeout:
                await notifier.start()
        except NotifyError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            if timeout.expired():
                fail(f"start took longer than {PATIENCE:g} s: it must neither wait nor try again itself")
            fail(f"start raised {type(error).__name__}: {_NOT_NOTIFY_ERROR}", error)
        return None

    async def _send(self, notifier: Notifier, notification: Notification) -> tuple[str, NotifyError | None]:
        """Make one attempt; what ``send`` returned, and the ``NotifyError`` that it raised."""
        timeout = asyncio.timeout(PATIENCE)
        thread = failure = None
        try:
            async with timeout:
                thread = await notifier.send(notification)
        except NotifyError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            if timeout.expired():
                fail(
                    f"send took longer than {PATIENCE:g} s though the service had answered: it must neither wait "
                    f"nor try again itself; raise NotifyError(retry_after=…), and core waits"
                )
            fail(f"send raised {type(error).__name__}: {_NOT_NOTIFY_ERROR}", error)
        # Not there when the check is that nobody listens.
        if "endpoint" in vars(self) and self.endpoint.blocked:
            fail(BLOCKED)
        if thread is not None and not isinstance(thread, str):
            fail(f"send returned a {type(thread).__name__}; it has to return None or a str")
        if thread and len(thread) > LONGEST_THREAD:
            fail(f"send returned {len(thread)} characters; core keeps at most {LONGEST_THREAD}")
        return thread or "", failure

    async def _deliver(self, notifier: Notifier, notification: Notification, what: str) -> str:
        """Send what has to be taken; what ``send`` returned."""
        thread, error = await self._send(notifier, notification)
        if error:
            fail(f"send raised NotifyError for {what}, though the service takes everything", error)
        return thread

    @asynccontextmanager
    async def _leaving_nothing(self) -> AsyncIterator[None]:
        """See that no task and no open session or file outlives what is done inside."""
        gc.collect()
        before = asyncio.all_tasks()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            # aiohttp tells it to the loop as well, whose handler would log it.
            loop = asyncio.get_running_loop()
            handler = loop.get_exception_handler()
            loop.set_exception_handler(lambda *_: None)
            try:
                yield
                await self._see_tasks_end(asyncio.all_tasks() - before)
                gc.collect()
            finally:
                loop.set_exception_handler(handler)
        if open_ones := sorted({str(one.message) for one in caught if one.category is ResourceWarning}):
            fail(
                f"something stays open after close: {'; '.join(open_ones)[:500]}. Close in `close` what `start` opened"
            )

    async def _see_tasks_end(self, left: set[asyncio.Task[Any]]) -> None:
        if not left:
            return
        _, running = await asyncio.wait(left, timeout=self.grace)
        if running:
            names = ", ".join(sorted(task.get_coro().__qualname__ for task in running))  # pyright: ignore
            fail(f"a task still runs after close: {names}. Cancel it in `close`, and await it there")

    async def _see_connections_end(self) -> None:
        try:
            await self.endpoint.wait_until_left(self.grace)
        except TimeoutError:
            fail("a connection to the service is still open after close: close the session in `close`")


async def _acknowledge(incident_id: str, who: str) -> bool:
    return False


_NOT_NOTIFY_ERROR = (
    "core takes anything but a NotifyError for a fault of the plugin, and shows only its type. Raise "
    "NotifyError, with words of your own, for whatever the service does"
)
BLOCKED = (
    "send blocks the event loop: while it waits for the service, no call is guarded. Use an asynchronous client "
    "(aiohttp), or asyncio.to_thread around one that is not"
)

__all__ = ["BLOCKED", "PATIENCE", "ContractBase", "fail"]
