"""From what a guard has written down to every destination that wants to know it."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from loguru import logger

from deepguard import __version__
from deepguard.config.models import SilenceWindow
from deepguard.config.snapshot import Snapshot
from deepguard.errors import StoreError
from deepguard.model import Delivery, Notification
from deepguard.notify import acknowledging
from deepguard.notify.destination import Draw
from deepguard.notify.health import DestinationHealth, StoreHealth
from deepguard.notify.journal import Journal
from deepguard.notify.keeper import Keeper, OnAcknowledged
from deepguard.notify.lane import Counts, Lane
from deepguard.notify.outbox import Outbox
from deepguard.notify.planning import Planner, ShouldNotify
from deepguard.notify.repeats import Repeats
from deepguard.notify.route import Route, build_routes
from deepguard.notify.unwritten import Unwritten
from deepguard.store import upkeep
from deepguard.store.entry import Entry, Planned
from deepguard.store.store import Store
from deepguard.store.upkeep import Backlog


class Dispatcher:
    """Plans where notifications go, writes them down with what they tell of, and delivers what is written down.

    For one event loop: no method may be called from another thread.

    Attributes:
        process_id: This process, as the store knows it.
        planner: Who is told what.
        journal: What waits to be written down.
    """

    def __init__(
        self,
        store: Store,
        routes: Iterable[Route],
        *,
        on_delivery: Callable[[Delivery], None],
        on_acknowledged: OnAcknowledged = lambda _incident_id, _at, _by: None,
        on_repeated: Callable[[Notification], None] = lambda _notification: None,
        should_notify: ShouldNotify = lambda _notification, _notifier: None,
        windows: Sequence[SilenceWindow] = (),
        ack_url: Callable[[Notification], str] = lambda _notification: "",
        keep_seconds: float = 30 * 86400.0,
        max_size: int | None = None,
        pictures: bool = False,
        configuration: Snapshot | None = None,
        draw: Draw = random.uniform,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            store: Where everything is written down; opened and closed by the dispatcher.
            routes: The notifiers and what each is told; their names are unique.
            on_delivery: Told how each attempt ended. An exception of it is logged, no more.
            on_acknowledged: Told that an incident of this process was acknowledged, by whatever process.
            on_repeated: Told that an incident of this process is being told again.
            should_notify: The ``deepguard_should_notify`` hooks.
            windows: The silences of the configuration.
            ack_url: Makes the page on which an incident can be acknowledged.
            keep_seconds: How long history is kept.
            max_size: How many bytes of recorded calls are kept; None: as many as there are.
            pictures: Whether the store keeps pictures of incidents.
            configuration: What calls are guarded with; written down beside them.
            draw: Draws waits.
        """
        self.process_id = uuid.uuid4().hex
        self.planner = Planner(routes, should_notify=should_notify, windows=windows)
        self._store = store
        self._on_delivery = on_delivery
        self._on_acknowledged = on_acknowledged
        self._on_repeated = on_repeated
        self._outbox = Outbox(store, self.process_id, ack_url=ack_url, pictures=pictures, draw=draw)
        self.journal = Journal(store, self.process_id, self._committed, self._wake_all, configuration)
        self._lanes = {
            route.name: Lane(route, self._outbox, self._told, Unwritten(route, self.journal, draw, ack_url))
            for route in self.planner.routes.values()
        }
        self._repeats = Repeats(self.planner)
        self._keeper = Keeper(
            store,
            self.process_id,
            self.planner,
            self._repeats,
            keep_seconds=keep_seconds,
            max_size=max_size,
            record=self._repeat,
            wake=self._wake,
            on_delivery=self._died,
            on_acknowledged=self._acknowledged,
        )
        self._started = False

    @property
    def counts(self) -> Mapping[str, Counts]:
        """What became of the attempts of this process so far, by notifier."""
        return {name: replace(lane.counts) for name, lane in self._lanes.items()}

    @property
    def backlogs(self) -> Mapping[str, Backlog]:
        """What is not delivered, by notifier, half a second ago."""
        return self._keeper.backlogs

    @property
    def destinations(self) -> Mapping[str, DestinationHealth]:
        """How each destination is, by notifier, half a second ago."""
        return self._keeper.destinations

    @property
    def looked_at(self) -> float:
        """Unix time when ``backlogs`` and ``destinations`` were read; 0 before the first time."""
        return self._keeper.looked_at

    @property
    def store_health(self) -> StoreHealth:
        """Whether the store can be used now."""
        detail = self.journal.down or self._keeper.down
        return StoreHealth(ok=not detail, detail=detail, waiting=self.journal.waiting)

    @property
    def taken_over(self) -> int:
        """How many deliveries of ended processes this one gave back to all."""
        return self._keeper.taken_over

    async def start(self) -> None:
        """Open the store and begin to deliver. Safe twice.

        Notifiers start in the background: a slow one delays neither the others nor the program. One that does not start
        is reported, and tries again with its next notification.

        Raises:
            StoreError: The store cannot be used; says what to do.
        """
        if self._started:
            return
        await self._store.open()
        await self._store.write(lambda db: upkeep.announce_process(db, self.process_id, __version__))
        self._started = True
        # New credentials may be why it starts: whoever refused the old ones is asked once.
        await self._outbox.restart(list(self.planner.routes.values()))
        await self._keeper.load_silences()
        for lane in self._lanes.values():
            lane.route.notifier.acknowledge = self.acknowledge
            lane.open()
        self.journal.start()
        self._keeper.start()

    def record(self, entry: Entry, only: Sequence[str] | None = None) -> None:
        """Write down what happened, and tell it. Never blocks.

        Args:
            entry: What happened.
            only: Names of the only notifiers that are told; None for all that want it.
        """
        planned = self.planner.plan(entry, only)
        self._repeats.note(planned)
        self.journal.put(planned)

    async def acknowledge(self, incident_id: str, by: str) -> bool:
        """Acknowledge an incident of whatever process.

        Args:
            incident_id: Which.
            by: Who does; untrusted text.

        Returns:
            False when there is no such incident.

        Raises:
            StoreError: The store failed; nothing was changed.
        """
        stored, news = await acknowledging.acknowledge(self._store, self.planner, incident_id, by)
        if stored is not None and news:
            incident = stored.incident
            # At once, and not with the keeper's next look: what is told of its end names who took it over.
            self._repeats.forget(incident_id)
            self._acknowledged(incident_id, incident.acknowledged_at or time.time(), incident.acknowledged_by)
            self._wake_all()
        return stored is not None

    async def drain(self, seconds: float) -> bool:
        """Wait until everything recorded is written down, and nothing of it can be delivered at this moment.

        Args:
            seconds: How long at most.

        Returns:
            Whether that came to be.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.journal.flushed()
                for lane in self._lanes.values():
                    await lane.idle()
        except TimeoutError:
            return False
        return True

    async def close(self, seconds: float = 3.0) -> None:
        """Drain, then end every notifier. What is written down and not delivered waits for the next start. Safe twice.

        Args:
            seconds: How long to drain; notifiers get some seconds more to close.
        """
        if self._started:
            await self.drain(seconds)
        await self._keeper.close()
        await self.journal.close()
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))
        if self._started:
            self._started = False
            try:
                await self._store.write(lambda db: upkeep.leave(db, self.process_id))
            except StoreError as error:
                logger.warning("{}", error)
        await self._store.close()

    def _committed(self, batch: Sequence[Planned]) -> None:
        for name in {each.notifier for planned in batch for each in planned.outgoing}:
            self._wake(name)

    def _wake_all(self) -> None:
        for lane in self._lanes.values():
            lane.wake()

    def _wake(self, name: str) -> None:
        if (lane := self._lanes.get(name)) is not None:
            lane.wake()

    def _died(self, delivery: Delivery) -> None:
        if (lane := self._lanes.get(delivery.notifier)) is not None:
            lane.counts.dead += 1
        self._told(delivery)

    def _told(self, delivery: Delivery) -> None:
        try:
            self._on_delivery(delivery)
        except Exception as error:  # noqa: BLE001 - whoever watches deliveries must not stop them
            logger.error("Showing a delivery to {} failed: {}", delivery.notifier, type(error).__name__)

    def _repeat(self, entry: Entry, only: Sequence[str] | None) -> None:
        self.record(entry, only)
        for notification in entry.notifications:
            try:
                self._on_repeated(notification)
            except Exception as error:  # noqa: BLE001 - whoever watches must not stop the upkeep
                logger.error("Showing a repeat failed: {}", type(error).__name__)

    def _acknowledged(self, incident_id: str, at: float, by: str) -> None:
        try:
            self._on_acknowledged(incident_id, at, by)
        except Exception as error:  # noqa: BLE001 - whoever watches must not stop the upkeep
            logger.error("Showing an acknowledgement failed: {}", type(error).__name__)


__all__ = ["Dispatcher", "Route", "build_routes"]
