"""Dispatchers, each with a store of its own on one database, as several processes have them."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from deepguard.contracts import Notifier
from deepguard.model import Delivery, Level, Notification, NotificationKind, Resolution
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.store.entry import Entry
from deepguard.store.store import Store
from deepguard.store.tables import deliveries
from deepguard.testing import RecordingNotifier, make_notification

PATIENCE = 15.0
"""Seconds after which what a test waits for will not come."""


def route(name: str, notifier: Notifier, **over: Any) -> Route:
    """A route that keeps nothing back and puts nothing together."""
    fast: dict[str, Any] = {"timeout": 5.0, "rate": 1000.0, "burst": 1000, "digest_after": 1000, "repeat_every": 0.0}
    return Route(name=name, notifier=notifier, **(fast | over))


def telling(*notifications: Notification, **over: Any) -> Entry:
    """An entry of the first notification's call."""
    return Entry(call_id=notifications[0].call_id, notifications=notifications, **over)


def end_of(opened: Notification) -> Notification:
    """Tells that the incident of ``opened`` is over."""
    assert opened.incident is not None
    now = time.time()
    over = replace(opened.incident, level=Level.CLEAR, updated_at=now, resolved_at=now, resolution=Resolution.CLEARED)
    about = {"call_id": opened.call_id, "participant_id": opened.participant_id}
    return make_notification(kind=NotificationKind.RESOLVED, incident=over, at=now, **about)


def lowest(low: float, _high: float) -> float:
    """A draw without chance: the shortest wait."""
    return low


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds of which nobody tells."""
    async with asyncio.timeout(PATIENCE):
        while not (await found if inspect.isawaitable(found := holds()) else found):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


class Host:
    """One process's worth: a dispatcher and its store.

    Attributes:
        store: Its own.
        dispatcher: Its dispatcher.
        deliveries: How attempts ended, as it was told.
    """

    def __init__(self, url: str, *routes: Route, **options: Any) -> None:
        self.store = Store(url)
        self.deliveries: list[Delivery] = []
        self._news = asyncio.Event()
        settings: dict[str, Any] = {"draw": lowest, **options}
        self.dispatcher = Dispatcher(self.store, routes, on_delivery=self._told, **settings)

    def _told(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self._news.set()

    def record(self, *notifications: Notification, **over: Any) -> None:
        """Record each notification in an entry of its own."""
        for notification in notifications:
            self.dispatcher.record(telling(notification, **over))

    def statuses(self, name: str) -> list[str]:
        """How attempts to a notifier ended."""
        return [delivery.status.value for delivery in self.deliveries if delivery.notifier == name]

    async def ended(self, count: int = 1, *, status: str | None = None, name: str | None = None) -> list[Delivery]:
        """Wait for so many attempts to end, in a certain way and at a certain notifier."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self._news.clear()
                found = [
                    delivery
                    for delivery in self.deliveries
                    if status in (None, delivery.status) and name in (None, delivery.notifier)
                ]
                if len(found) >= count:
                    return found
                await self._news.wait()

    async def rows(self, *columns: sa.ColumnElement[Any], **where: Any) -> list[Any]:
        """Deliveries in the database, oldest first: whole rows, or the columns asked for (plain values when one)."""
        statement = sa.select(*(columns or (deliveries,))).filter_by(**where).order_by(deliveries.c.id)
        if len(columns) == 1:
            return await self.store.read(lambda db: list(db.execute(statement).scalars()))
        return await self.store.read(lambda db: list(db.execute(statement).all()))

    async def stands(self, **where: Any) -> list[str]:
        """Where the deliveries in the database stand, oldest first."""
        return await self.rows(deliveries.c.status, **where)

    async def execute(self, statement: sa.Executable) -> None:
        """Change the database behind everybody's back."""
        await self.store.write(lambda db: db.execute(statement) and None)

    async def move(self, column: str, seconds: float, **where: Any) -> None:
        """Let a time of the deliveries be so much earlier, instead of waiting for it."""
        changed = {column: deliveries.c[column] - seconds}
        await self.execute(sa.update(deliveries).filter_by(**where).values(changed))


class Fleet:
    """Makes hosts on one database, and ends those that are left."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hosts: list[Host] = []

    async def __call__(self, *routes: Route, start: bool = True, **options: Any) -> Host:
        host = Host(self.url, *routes, **options)
        self.hosts.append(host)
        if start:
            await host.dispatcher.start()
        return host

    async def end(self) -> None:
        """Close every host at once."""
        for host in self.hosts:
            await host.dispatcher.close(seconds=0)


class Scripted(RecordingNotifier):
    """Goes through a list of what to do at each start, send and close; after its end all goes well.

    Attributes:
        attempts: Ids of the notifications it was handed, in order.
        entered: Set as soon as it was handed one.
    """

    def __init__(self, sends: Any = (), starts: Any = (), closes: Any = ()) -> None:
        super().__init__()
        self.script = {"start": list(starts), "send": list(sends), "close": list(closes)}
        self.attempts: list[str] = []
        self.entered = asyncio.Event()

    async def start(self) -> None:
        await super().start()
        await self._play("start")

    async def send(self, notification: Notification) -> None:
        self.attempts.append(notification.id)
        self.entered.set()
        await self._play("send")
        await super().send(notification)

    async def close(self) -> None:
        await super().close()
        await self._play("close")

    async def _play(self, what: str) -> None:
        if self.script[what]:
            act = self.script[what].pop(0)
            if isinstance(act, BaseException):
                raise act
            if act is not None:
                await act()


class Always(RecordingNotifier):
    """Does the same with each notification that it is handed, or with those that are named and digests of them.

    Attributes:
        act: An exception to raise, or None to take it; may be changed at any time.
        attempts: Ids of the notifications it was handed, in order.
    """

    def __init__(self, act: BaseException | None, only: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.act = act
        self.only = only
        self.attempts: list[str] = []
        self._tried = asyncio.Event()

    async def send(self, notification: Notification) -> None:
        self.attempts.append(notification.id)
        self._tried.set()
        named = {notification.id, *(item.id for item in notification.items)}
        if self.act is not None and (not self.only or not named.isdisjoint(self.only)):
            raise self.act
        await super().send(notification)

    async def tried(self, count: int) -> None:
        """Wait for so many attempts."""
        async with asyncio.timeout(PATIENCE):
            while len(self.attempts) < count:
                self._tried.clear()
                await self._tried.wait()


async def hang() -> None:
    """Never end by itself."""
    await asyncio.Event().wait()


__all__ = ["PATIENCE", "Always", "Fleet", "Host", "Scripted", "end_of", "hang", "lowest", "route", "telling", "until"]
