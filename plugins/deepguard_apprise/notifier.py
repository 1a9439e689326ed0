"""Tells services through Apprise."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable
from functools import partial

from apprise import Apprise, AppriseResult, NotifyFormat, NotifyType

from deepguard import Level, Notification, NotificationKind, Notifier, NotifyError
from deepguard_apprise.config import AppriseConfig
from deepguard_apprise.services import service
from deepguard_apprise.words import body_of, title_of

MOST_THREADS = 4
"""Attempts for one address that may be going on, all but the last given up: they cannot be ended from outside."""
MOST_REMEMBERED = 100
"""Notifications that some addresses have taken and others not."""

_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
_TYPES = {
    NotificationKind.ACKNOWLEDGED: NotifyType.INFO,
    NotificationKind.RESOLVED: NotifyType.SUCCESS,
    NotificationKind.COVERAGE_LOST: NotifyType.WARNING,
    NotificationKind.COVERAGE_REGAINED: NotifyType.SUCCESS,
    NotificationKind.TEST: NotifyType.INFO,
}
_TYPES_BY_LEVEL = {
    Level.ALERT: NotifyType.FAILURE,
    Level.SUSPICIOUS: NotifyType.WARNING,
    Level.CLEAR: NotifyType.INFO,
}


class AppriseNotifier(Notifier):
    """Hands each notification to every address; those that have taken it are not told again when others fail."""

    def __init__(self, config: AppriseConfig) -> None:
        """Prepare; nothing is opened yet."""
        self._channels = [_Channel(f"urls[{index}]", url.get_secret_value()) for index, url in enumerate(config.urls)]
        self._taken: dict[str, set[_Channel]] = {}

    async def send(self, notification: Notification) -> None:
        """Make one attempt for each address that has not taken the notification yet.

        Raises:
            NotifyError: One of them did not take it.
        """
        taken = self._taken.setdefault(notification.id, set())
        while len(self._taken) > MOST_REMEMBERED:
            del self._taken[next(iter(self._taken))]
        attempt = partial(
            Apprise.notify,
            title=title_of(notification),
            body=body_of(notification),
            notify_type=type_of(notification),
            body_format=NotifyFormat.TEXT,
            interpret_escapes=False,
        )
        waiting = [channel for channel in self._channels if channel not in taken]
        async with asyncio.TaskGroup() as group:
            attempts = [group.create_task(channel.send(attempt, taken)) for channel in waiting]
        if errors := [error for each in attempts if (error := each.result())]:
            raise _together(errors)
        del self._taken[notification.id]


class _Channel:
    """One address."""

    def __init__(self, name: str, url: str) -> None:
        found = service(url)
        self._who = f"{name} ({found.service_name})"
        self._apprise = Apprise()
        self._apprise.add(found)
        self._threads = 0

    async def send(self, attempt: Callable[[Apprise], AppriseResult], taken: set[_Channel]) -> NotifyError | None:
        """Make an attempt, and note in ``taken`` when the address took it; else say why not."""
        if self._threads >= MOST_THREADS:
            return NotifyError(f"{self._who}: {self._threads} earlier attempts have not come to an end yet")
        try:
            result = await self._in_thread(attempt, taken)
        # A service's module may raise anything, with the address in its text.
        except Exception as error:  # noqa: BLE001
            return NotifyError(f"{self._who}: Apprise failed with {type(error).__name__}")
        return None if result else self._explained(result)

    async def _in_thread(self, attempt: Callable[[Apprise], AppriseResult], taken: set[_Channel]) -> AppriseResult:
        """Run ``attempt`` beside the event loop.

        In a thread of its own: those of a pool are shared, and one that hangs would keep the program from ending.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[AppriseResult] = loop.create_future()

        def settle(result: AppriseResult | None, error: Exception | None) -> None:
            self._threads -= 1
            # Also when core has given it up: the next attempt then leaves this address out.
            if result:
                taken.add(self)
            if future.done():
                return
            if result is not None:
                future.set_result(result)
            else:
                future.set_exception(error or RuntimeError())

        def run() -> None:
            result = error = None
            try:
                result = attempt(self._apprise)
            except Exception as caught:  # noqa: BLE001
                error = caught
            # The program may have ended its loop meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        self._threads += 1
        threading.Thread(target=run, name="deepguard-apprise", daemon=True).start()
        return await future

    def _explained(self, result: AppriseResult) -> NotifyError:
        # All that Apprise tells of the reason is its log line, in which nearly every service names the HTTP status. The
        # line itself is not shown: whether it holds a token is up to each service's module.
        for log in (log for outcome in result for made in outcome for log in made):
            if status := _STATUS.search(log.message):
                return NotifyError.for_status(self._who, int(status[1]))
        return NotifyError(f"{self._who} did not take it: check that it can be reached, and its address")


def type_of(notification: Notification) -> NotifyType:
    """What Apprise makes a colour or a symbol of."""
    found = _TYPES.get(notification.kind, _TYPES_BY_LEVEL[notification.level])
    # Success is shown in green: not for somebody whom nobody watches.
    return NotifyType.INFO if found is NotifyType.SUCCESS and not notification.covered else found


def _together(errors: list[NotifyError]) -> NotifyError:
    """One error for several: tried again when that may help one of them."""
    return NotifyError(
        "; ".join(map(str, errors)),
        retryable=any(error.retryable for error in errors),
        refused=all(error.refused or not error.retryable for error in errors) and any(e.refused for e in errors),
    )
