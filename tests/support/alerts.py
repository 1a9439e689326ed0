"""A store with alerts in it, as a guard and its notifiers leave it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepguard.model import DeliveryStatus, Notification
from deepguard.store import deliveries, letters
from deepguard.store.entry import Entry, Outgoing
from deepguard.store.history import write_history
from deepguard.store.letters import Letter
from deepguard.store.store import Store

OWNER = "a process of the test"


@dataclass(frozen=True)
class Alerts:
    """What a test puts into a store and finds in it."""

    store: Store

    async def happened(self, *notifications: Notification) -> None:
        """What the guard writes down, told to nobody."""
        entries = [Entry(call_id=one.call_id, notifications=(one,)) for one in notifications]
        await self.store.write(lambda db: write_history(db, entries, OWNER))

    async def outgoing(
        self,
        notifier: str,
        notification: Notification,
        status: DeliveryStatus = DeliveryStatus.PENDING,
        detail: str = "",
    ) -> int:
        """One delivery that stands so; its number."""

        def work(db: sa.Connection) -> int:
            deliveries.add(db, [Outgoing(notification, notifier, 3600.0)])
            (letter,) = letters.find(db, notification_id=notification.id, notifier=notifier)
            if status is not DeliveryStatus.PENDING:
                deliveries.lease(db, letter.id, OWNER, 60.0)
            if status not in (DeliveryStatus.PENDING, DeliveryStatus.LEASED):
                deliveries.end(db, letter.id, OWNER, 1, status, detail=detail)
            return letter.id

        return await self.store.write(work)

    async def letters(self, **wanted: Any) -> list[Letter]:
        """Deliveries, oldest first."""
        return list(reversed(await self.store.read(lambda db: letters.find(db, **wanted))))

    async def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        return await self.store.read(work)

    async def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        return await self.store.write(work)


@contextlib.asynccontextmanager
async def alerts_in(url: str) -> AsyncIterator[Alerts]:
    """A store, made if need be, open for as long as the block lasts."""
    store = Store(url)
    await store.open()
    try:
        yield Alerts(store)
    finally:
        await store.close()


def statuses(found: Sequence[Letter]) -> dict[str, str]:
    """Where the deliveries stand, by notifier."""
    return {letter.notifier: letter.status for letter in found}


__all__ = ["Alerts", "alerts_in", "statuses"]
