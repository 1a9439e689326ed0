"""What has to be looked at again and again: what others put into the store, what waits for too long, who is gone."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from loguru import logger

from deepguard import __version__
from deepguard.errors import StoreError
from deepguard.model import Delivery, DeliveryStatus, NotificationKind, Resolution
from deepguard.notify.destination import CLOCK_STEP, Destination
from deepguard.notify.failure import kind_and_lines
from deepguard.notify.health import DestinationHealth
from deepguard.notify.planning import Planner
from deepguard.notify.repeats import Repeats
from deepguard.notify.silence import Silence
from deepguard.policy.incidents import end
from deepguard.policy.notifications import incident_notification
from deepguard.store import deliveries, destinations, incidents, silences, upkeep
from deepguard.store.entry import Entry
from deepguard.store.history import write_history
from deepguard.store.store import Store
from deepguard.store.upkeep import Backlog

TICK_SECONDS = 0.5
SEEN_SECONDS = 5.0
"""Seconds from one sign of life of this process to the next."""
GAP_SECONDS = upkeep.GONE_SECONDS / 2
"""Seconds without a sign of life of this process after which it watches the others anew."""
WATCH_SECONDS = upkeep.GONE_SECONDS
"""Seconds that this process watches the others before it takes one for gone."""
PURGE_SECONDS = 60.0
ROUNDING = 0.002
"""Seconds; more than what SQLite's clock rounds."""

OnAcknowledged = Callable[[str, float, str], None]
"""Told that an incident of this process was acknowledged: its id, when, by whom."""


class Keeper:
    """Looks at the store twice a second.

    Attributes:
        backlogs: What each notifier has not delivered, also notifiers that only other hosts know.
        taken_over: Deliveries that an ended process had in hand and that this one gave back to all.
        destinations: How each destination is.
        looked_at: Unix time of the last look that succeeded; 0 before the first.
        down: Why the store could not be used at the last look, in words for people; empty when it could.
    """

    def __init__(
        self,
        store: Store,
        process_id: str,
        planner: Planner,
        repeats: Repeats,
        *,
        keep_seconds: float,
        max_size: int | None = None,
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
            max_size: How many bytes of recorded calls are kept; None: as many as there are.
            record: Takes an entry, and the only notifiers that are told of it.
            wake: Wakes a notifier's lane, if there is one of that name.
            on_delivery: Told what died of age.
            on_acknowledged: Told what was acknowledged.
        """
        self.backlogs: Mapping[str, Backlog] = {}
        self.destinations: Mapping[str, DestinationHealth] = {}
        self.taken_over = 0
        self.looked_at = 0.0
        self.down = ""
        self._store = store
        self._process_id = process_id
        self._planner = planner
        self._repeats = repeats
        self._keep_seconds = keep_seconds
        self._max_size = max_size
        self._record = record
        self._wake = wake
        self._on_delivery = on_delivery
        self._on_acknowledged = on_acknowledged
        self._strangers: set[str] = set()
        self._next_seen = 0.0
        self._last_seen = -math.inf
        self._clock = 0.0
        self._watching_since = 0.0
        self._next_purge = 0.0
        self._failing = False
        self._next_look = TICK_SECONDS
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="deepguard-keeper")

    async def load_silences(self) -> None:
        """Know the silences before anything is told.

        Raises:
            StoreError: The store failed.
        """
        self._planner.silences = [Silence.stored(row) for row in await self._store.read(silences.in_force)]

    async def close(self) -> None:
        """End. Safe twice."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._stop.is_set():
            self._next_look = TICK_SECONDS
            try:
                await self.look()
                self.down = ""
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    logger.warning("The store cannot be looked at: {}", error)
                self.down = str(error)
                self._failing = True
            except Exception as error:  # noqa: BLE001 - the next look may succeed; without any, nobody takes over
                if not self._failing:
                    logger.error("Looking at the store failed: {}", kind_and_lines(error))
                self._failing = True
            try:
                async with asyncio.timeout(min(TICK_SECONDS, self._next_look)):
                    await self._stop.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """Look once, and do what is to be done.

        Raises:
            StoreError: The store failed.
        """
        try:
            await self._read()
        finally:
            # After who acknowledged is known, and also while the store cannot say so.
            for entry, names in self._repeats.due(time.time()):
                self._record(entry, names)
        now = time.monotonic()
        if now >= self._next_seen:
            await self._sign_of_life(now)
            self._next_seen = now + SEEN_SECONDS  # one that failed is tried again at the next look
        if now >= self._next_purge:
            # What is left goes with the next looks: nothing waits for it, and much waits for those.
            self._next_purge = now if await self._purge() else now + PURGE_SECONDS
        for name, backlog in self.backlogs.items():
            if backlog.due:
                self._wake(name)
            if backlog.waiting and name not in self._planner.routes and name not in self._strangers:
                self._strangers.add(name)
                logger.warning(
                    "{} deliveries wait for '{}', which this configuration does not name: was it renamed? A host that "
                    "names it makes them; `deepguard deliveries drop --all --notifier {}` gives them up",
                    backlog.waiting,
                    name,
                    name,
                )

    async def _read(self) -> None:
        """Take in what others wrote, and what is late.

        Raises:
            StoreError: The store failed.
        """
        open_ids = self._repeats.incident_ids

        def read(db: sa.Connection) -> tuple[Any, ...]:
            return (
                upkeep.backlogs(db),
                destinations.all_rows(db),
                upkeep.next_upkeep(db),
                silences.in_force(db),
                incidents.acknowledged(db, open_ids) if open_ids else (),
            )

        self.backlogs, rows, next_upkeep, in_force, acknowledged = await self._store.read(read)
        self.destinations = {name: _health(row) for name, row in rows.items()}
        self.looked_at = time.time()
        self._planner.silences = [Silence.stored(row) for row in in_force]
        for incident_id, at, by in acknowledged:
            self._repeats.forget(incident_id)
            self._on_acknowledged(incident_id, at, by)
        if next_upkeep is not None and next_upkeep <= 0:
            await self._catch_up()
        elif next_upkeep is not None:
            self._next_look = next_upkeep + ROUNDING  # a lease that its owner does not end is taken over at its end

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

    async def _sign_of_life(self, now: float) -> None:
        clock = await self._store.write(lambda db: upkeep.seen(db, self._process_id, __version__)) - now
        # Also when the database's clock was set: by it the others may not have been seen for hours.
        if now - self._last_seen > GAP_SECONDS or clock - self._clock > CLOCK_STEP:
            self._watching_since = now
        self._last_seen, self._clock = now, clock
        # While the store was away nobody could write that it is there: whoever comes back first must not think that
        # all the others are gone.
        if now - self._watching_since >= WATCH_SECONDS:
            await self._end_abandoned_calls()

    async def _end_abandoned_calls(self) -> None:
        ended = 0
        for call_id in await self._store.read(upkeep.abandoned_calls):
            try:
                ended += await self._end_abandoned(call_id)
            except (KeyError, ValueError) as error:  # a newer version's, which knows how to end it
                logger.warning("Call {} was abandoned; ending it failed: {}", call_id, kind_and_lines(error))
        if ended:
            logger.warning("{} calls were guarded by a process that ended; their incidents are resolved", ended)
            for name in self._planner.routes:
                self._wake(name)

    async def _end_abandoned(self, call_id: str) -> bool:
        found = await self._store.read(lambda db: incidents.find(db, call_ids=[call_id], is_open=True))
        resolved = [(end(stored.incident, Resolution.GUARD_LOST, time.time()).incident, stored) for stored in found]
        told = [
            incident_notification(
                incident, NotificationKind.RESOLVED, detector=stored.detector, simulated=stored.simulated
            )
            for incident, stored in resolved
            if incident is not None
        ]
        # Planned here, not in the transaction: hooks are called on the event loop only.
        planned = self._planner.plan(Entry(call_id=call_id, notifications=tuple(told)))

        def work(db: sa.Connection) -> bool:
            if not incidents.end_call(db, call_id, Resolution.GUARD_LOST.value):
                return False
            write_history(db, [planned.entry], self._process_id)
            deliveries.add(db, planned.outgoing)
            return True

        return await self._store.write(work)

    async def _purge(self) -> int:
        def work(db: sa.Connection) -> int:
            upkeep.forget_pictures(db)
            return upkeep.purge(db, self._keep_seconds, self._max_size)

        return await self._store.write(work)


def _health(row: Mapping[str, Any]) -> DestinationHealth:
    known = Destination.stored(row)
    return DestinationHealth(
        blocked=known.open or known.blocked_until > row["now"],
        refused=known.refused,
        disabled=known.disabled,
        detail=known.detail,
    )


__all__ = ["Keeper", "OnAcknowledged"]
