"""How long a lease of a dead process is left lying."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import sqlalchemy as sa

from bench.crash.children import Process
from deepguard.errors import StoreError
from deepguard.model import DeliveryStatus
from deepguard.store.store import Store
from deepguard.store.tables import deliveries

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery in a process's hands."""

    delivery: int
    attempt: int
    owner: str
    until: float


class LeaseWatch:
    """Looks at the leases twenty times a second.

    Attributes:
        left_lying: For each lease that its owner did not live to end: the seconds beyond its end that a living process
            let it lie, the longest when there were several.
    """

    def __init__(self, store: Store, children: list[Process]) -> None:
        """Watch a store.

        Args:
            store: An open store.
            children: Every child; may grow.
        """
        self.left_lying: list[float] = []
        self._store = store
        self._children = children
        self._left: set[Lease] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def of(self, message_id: str, route: str) -> Lease | None:
        """The lease of a delivery that is being attempted, or was when its process ended."""
        c = deliveries.c
        found = await self._leases(c.notification_id == message_id, c.notifier == route)
        return next(iter(found), None)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(StoreError):  # it may be stopped: that is what is being tried
                await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        asked = time.time()
        dead = {child.process_id for child in self._children if child.gone_at is not None and child.gone_at < asked}
        leased = await self._leases()
        for lease in self._left - leased:
            self.left_lying.append(self._seen_lying(lease, time.time()))
        self._left = {lease for lease in leased if lease.owner in dead}

    async def _leases(self, *where: sa.ColumnElement[bool]) -> set[Lease]:
        c = deliveries.c
        statement = sa.select(c.id, c.attempts, c.lease_owner, c.lease_until).where(
            c.status == DeliveryStatus.LEASED, *where
        )
        return await self._store.read(lambda db: {Lease(*row) for row in db.execute(statement)})

    def _seen_lying(self, lease: Lease, now: float) -> float:
        """The longest time that one living process saw it beyond its end."""
        seen = [
            min(child.leaving_at or now, now) - max(child.ready_at, lease.until)
            for child in self._children
            if child.ready_at is not None
        ]
        return max([0.0, *seen])
