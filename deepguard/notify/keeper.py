"""What has to be looked at again and again: what others put into the store, what waits for too long, who is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from loguru import logger

from deepguard.errors import StoreError
from deepguard.model import Delivery, DeliveryStatus, NotificationKind, Resolution
from deepguard.notify.planning import Planner
from deepguard.notify.repeats import Repeats
from deepguard.notify.silence import Silence
from deepguard.policy.incidents import end, incident_notification
from deepguard.store import deliveries, incidents, silences, upkeep
from deepguard.store.entry import Entry
from deepguard.store.history import write_history
from deepguard.store.store import Store
from deepguard.store.upkeep import Backlog

TICK_SECONDS = 0.5
SEEN_SECONDS = 5.0
"""Seconds from one sign of life of this process to the next."""
PURGE_SECONDS = 60.0

OnAcknowledged = Callable[[str, float, str], None]
"""Told that an incident of this process was acknowledged: its id, when, by whom."""


class Keeper:
    """Looks at the store twice a second.

    Attributes:
        backlogs: What each notifier has not delivered, also notifiers that only other hosts know.
        taken_over: Deliveries that an ended process had in hand and that this one gave back to all.
        looked_at: Unix time of the last look that succeeded; 0 before the first.
    """

    def __init__(
        self,
        store: Store,
        process_id: str,
        planner: Planner,
        repeats: Repeats,
        *,
        keep_seconds: float,
        record: Callable[[Entry, Sequence[str] | None], None],
        wake: Callable[[str], None],
        on_delivery: Callable[[Delivery], None],
        on_acknowledged: OnAcknowledged,
    ) -> None:
        """Wait for ``start``.

        Args:
            store: An open store.
            process_id: This process, as the store knows it.
            planner: Takes silences; says who is told of what.
            repeats: The open incidents of this process.
            keep_seconds: How long history is kept.
            record: Takes an entry, and the only notifiers that are told of it.
            wake: Wakes a notifier's lane, if there is one of that name.
            on_delivery: Told what died of age.
            on_acknowledged: Told what was acknowledged.
        """
        self.backlogs: Mapping[str, Backlog] = {}
        self.taken_over = 0
        self.looked_at = 0.0
        self._store = store
        self._process_id = process_id
        self._planner = planner
        self._repeats = repeats
        self._keep_seconds = keep_seconds
        self._record = record
        self._wake = wake
        self._on_delivery = on_delivery
        self._on_acknowledged = on_acknowledged
        self._next_seen = 0.0
        self._next_purge = 0.0
        self._failing = False
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="deepguard-keeper")

    async def close(self) -> None:
        """End. Safe twice."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self.look()
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    logger.warning("The store cannot be looked at: {}", error)
                self._failing = True
            except Exception as error:  # noqa: BLE001 - the next look may succeed; without any, nobody takes over
                if not self._failing:
                    logger.opt(exception=error).error("Looking at the store failed")
                self._failing = True
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._stop.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """Look once, and do what is to be done.

        Raises:
            StoreError: The store failed.
        """
        for entry, names in self._repeats.due(time.time()):
            self._record(entry, names)
        open_ids = self._repeats.incident_ids

        def read(db: sa.Connection) -> tuple[dict[str, Backlog], bool, list[dict[str, Any]], Sequence[Any]]:
            acknowledged = incidents.acknowledged(db, open_ids) if open_ids else ()
            return (
                upkeep.backlogs(db),
                upkeep.needs_upkeep(db),
                silences.in_force(db),
                acknowledged,
            )

        self.backlogs, late, in_force, acknowledged = await self._store.read(read)
        self.looked_at = time.time()
        self._planner.silences = [Silence.stored(row) for row in in_force]
        for incident_id, at, by in acknowledged:
            self._repeats.forget(incident_id)
            self._on_acknowledged(incident_id, at, by)
        if late:
            await self._catch_up()
        now = time.monotonic()
        if now >= self._next_seen:
            self._next_seen = now + SEEN_SECONDS
            await self._sign_of_life()
        if now >= self._next_purge:
            self._next_purge = now + PURGE_SECONDS
            await self._purge()
        for name, backlog in self.backlogs.items():
            if backlog.due:
                self._wake(name)

    async def _catch_up(self) -> None:
        def work(db: sa.Connection) -> tuple[int, Sequence[Mapping[str, Any]]]:
            return upkeep.take_back_leases(db), upkeep.give_up(db)

        taken_over, died = await self._store.write(work)
        if taken_over:
            self.taken_over += taken_over
            logger.warning("{} deliveries were left by a process that ended; they are made now", taken_over)
            for name in self._planner.routes:
                self._wake(name)
        for row in died:
            logger.error(
                "Notification {} to {} is dead: it could not be delivered in time; `deepguard deliveries replay {}` "
                "tries again",
                row["notification_id"],
                row["notifier"],
                row["id"],
            )
            self._on_delivery(
                Delivery(
                    notification_id=row["notification_id"],
                    call_id=row["call_id"],
                    notifier=row["notifier"],
                    status=DeliveryStatus.DEAD,
                    at=time.time(),
                    seconds=max(0.0, time.time() - row["created_at"]),
                    attempts=row["attempts"],
                    detail=row["detail"] or "it could not be delivered in time",
                )
            )

    async def _sign_of_life(self) -> None:
        def work(db: sa.Connection) -> int:
            upkeep.seen(db, self._process_id)
            abandoned = upkeep.abandoned_calls(db)
            for call_id in abandoned:
                self._end_abandoned(db, call_id)
            return len(abandoned)

        if abandoned := await self._store.write(work):
            logger.warning("{} calls were guarded by a process that ended; their incidents are resolved", abandoned)
            for name in self._planner.routes:
                self._wake(name)

    def _end_abandoned(self, db: sa.Connection, call_id: str) -> None:
        if not incidents.end_call(db, call_id, Resolution.GUARD_LOST.value):
            return
        for stored in incidents.find(db, call_ids=[call_id], is_open=True):
            resolved = end(stored.incident, Resolution.GUARD_LOST, time.time()).incident
            if resolved is None:
                continue
            told = incident_notification(
                resolved, NotificationKind.RESOLVED, detector=stored.detector, simulated=stored.simulated
            )
            entry = Entry(call_id=call_id, notifications=(told,))
            write_history(db, [entry], self._process_id)
            deliveries.add(db, self._planner.plan(entry).outgoing)

    async def _purge(self) -> None:
        def work(db: sa.Connection) -> int:
            upkeep.forget_pictures(db)
            return upkeep.purge(db, self._keep_seconds)

        while await self._store.write(work) and not self._stop.is_set():
            pass


__all__ = ["Keeper", "OnAcknowledged"]
