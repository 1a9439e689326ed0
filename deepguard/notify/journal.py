"""Writes entries to the store, many in one transaction; keeps them in memory while the store fails."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import sqlalchemy as sa
from loguru import logger

from deepguard.config.snapshot import Snapshot
from deepguard.errors import StoreError
from deepguard.model import DeliveryStatus, NotificationKind
from deepguard.notify.failure import kind_and_lines
from deepguard.store import configurations, deliveries
from deepguard.store.entry import Outgoing, Planned
from deepguard.store.faults import is_about_data
from deepguard.store.history import write_history
from deepguard.store.store import Store

BATCH = 200
"""Entries in one transaction at most."""
LINGER = 0.5
"""Seconds that entries which tell nobody anything wait for others: a hundred calls need not sync a hundred times."""
MOST_WAITING = 10_000
"""Entries kept in memory while the store fails; beyond that the oldest go, those that tell nobody anything first."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
STRANDED_SECONDS = 2.0
"""Seconds after which an alert that the store has not taken is told without it."""

Key: TypeAlias = tuple[str, str]
"""Notification and notifier."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    planned: Planned
    since: float
    """Monotonic seconds."""


class Journal:
    """The one writer of a process's entries, in the order in which they happened.

    Attributes:
        lost: Entries that tell somebody something and could not be kept or written.
        skipped: Other entries of which the same is true.
        down: Why the store cannot be written to, in words for people; empty while it can.
        down_since: Unix time since when it cannot; 0 while it can.
    """

    def __init__(
        self,
        store: Store,
        process_id: str,
        on_committed: Callable[[Sequence[Planned]], None],
        on_failed: Callable[[], None] = lambda: None,
        configuration: Snapshot | None = None,
    ) -> None:
        """Wait for ``start``.

        Args:
            store: An open store.
            process_id: This process, as the store knows it.
            on_committed: Told what is on disk now; must not raise.
            on_failed: Told that the store could not be written to; must not raise.
            configuration: What calls are guarded with; written beside each that begins.
        """
        self.lost = 0
        self.skipped = 0
        self.down = ""
        self.down_since = 0.0
        self._store = store
        self._process_id = process_id
        self._on_committed = on_committed
        self._on_failed = on_failed
        self._configuration = configuration
        self._waiting: deque[_Waiting] = deque()
        self._writing: list[_Waiting] = []
        self._told_without: set[Key] = set()
        self._urgent = asyncio.Event()
        self._news = asyncio.Event()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Entries that are in memory only."""
        return len(self._waiting) + len(self._writing)

    def start(self) -> None:
        """Begin to write."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="deepguard-journal")

    def put(self, planned: Planned) -> None:
        """Take an entry. Never blocks."""
        if self._closed:
            self._lose(planned, "recorded after the end")
            return
        if len(self._waiting) >= MOST_WAITING:
            self._make_room()
        self._waiting.append(_Waiting(planned, time.monotonic()))
        self._flushed.clear()
        self._news.set()
        if planned.outgoing:
            self._urgent.set()

    async def flushed(self) -> None:
        """Wait until everything taken so far is on disk."""
        self._urgent.set()
        await self._flushed.wait()

    def stranded(self, notifier: str, but: Collection[Key] = ()) -> Outgoing | None:
        """The oldest alert to a notifier that the store has not taken for seconds, and that nobody was told of yet.

        What follows from an opening that the store has taken waits for it: it must not come before the opening.

        Args:
            notifier: To whom.
            but: What is left out, and with it what came later of the same incident.
        """
        late = time.monotonic() - STRANDED_SECONDS
        opened: set[str] = set()
        for waiting in self._in_memory():
            if waiting.since > late:
                return None
            for each in waiting.planned.outgoing:
                if each.notifier != notifier or each.status is not DeliveryStatus.PENDING:
                    continue
                incident = each.notification.incident
                if key_of(each) in but:
                    opened.discard(incident.id if incident else "")
                    continue
                if incident is not None:
                    if each.notification.kind is NotificationKind.OPENED:
                        opened.add(incident.id)
                    elif incident.id not in opened:
                        continue
                if key_of(each) not in self._told_without:
                    return each
        return None

    async def told_without_store(self, outgoing: Outgoing) -> None:
        """Note that a stranded alert was delivered: the store, when it is back, need not tell it."""
        key = key_of(outgoing)
        if any(key_of(each) == key for waiting in self._in_memory() for each in waiting.planned.outgoing):
            self._told_without.add(key)
        else:
            # While it was being told, the store came back and took it as one that is yet to be told.
            await self._end_in_store([key])

    def _in_memory(self) -> Iterator[_Waiting]:
        yield from self._writing
        yield from self._waiting

    async def close(self) -> None:
        """End; what is not on disk then is lost, and said so. Safe twice."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        untold = [
            each.notification.id
            for waiting in self._in_memory()
            for each in waiting.planned.outgoing
            if each.status is DeliveryStatus.PENDING and key_of(each) not in self._told_without
        ]
        if untold:
            logger.error(
                "The store could not be written to before the end ({}); {} deliveries are lost, of: {}",
                self.down or "no time was left",
                len(untold),
                ", ".join(dict.fromkeys(untold[:20])),
            )
        self._waiting.clear()
        self._writing = []

    def _make_room(self) -> None:
        for may_go in (_is_routine, _tells_nobody):
            for index, waiting in enumerate(self._waiting):
                if may_go(waiting.planned):
                    del self._waiting[index]
                    self.skipped += 1
                    return
        self._lose(self._waiting.popleft().planned, f"{MOST_WAITING} entries wait for the store")

    def _lose(self, planned: Planned, why: str) -> None:
        self.lost += bool(planned.outgoing)
        self.skipped += not planned.outgoing
        told = ", ".join(notification.id for notification in planned.entry.notifications)
        logger.error("An entry of call {} is lost ({}){}", planned.entry.call_id, why, told and f": {told}")

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._next()
            self._writing = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._write([waiting.planned for waiting in self._writing])
            except Exception as error:  # noqa: BLE001 - a writer that ended would lose everything from then on
                self._waiting.extendleft(reversed(self._writing))
                self._writing = []
                self._failed(error if isinstance(error, StoreError) else StoreError(kind_and_lines(error)))
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
                continue
            self._writing = []
            pause = FIRST_PAUSE
            self._recovered()
            if not self._waiting:
                self._flushed.set()

    async def _next(self) -> None:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        if not any(waiting.planned.outgoing for waiting in self._waiting) and not self._urgent.is_set():
            try:
                async with asyncio.timeout(LINGER):
                    await self._urgent.wait()
            except TimeoutError:
                pass
        self._urgent.clear()

    async def _write(self, batch: Sequence[Planned]) -> None:
        """Write a batch; what cannot be written whatever the store's state is left out.

        Raises:
            StoreError: The store failed; what is not written is in ``_writing`` still.
        """
        written = [self._as_it_stands(each) for planned in batch for each in planned.outgoing]

        def work(db: sa.Connection) -> None:
            # With the call, and not only at the start: what no call names is deleted after a while.
            if self._configuration is not None and any(planned.entry.began for planned in batch):
                configurations.keep(db, self._configuration)
            write_history(db, [planned.entry for planned in batch], self._process_id)
            deliveries.add(db, written)

        try:
            await self._store.write(work)
        except Exception as error:
            if not is_about_data(error.__cause__ if isinstance(error, StoreError) and error.__cause__ else error):
                raise
            if len(batch) == 1:
                self._lose(batch[0], f"it cannot be written: {type(error.__cause__ or error).__name__}")
                del self._writing[0]
                return
            for planned in batch:
                await self._write([planned])
            return
        del self._writing[: len(batch)]
        await self._settle(written)
        self._on_committed(batch)

    def _as_it_stands(self, each: Outgoing) -> Outgoing:
        if key_of(each) not in self._told_without:
            return each
        return replace(each, status=DeliveryStatus.DELIVERED, detail="told while the store could not be written to")

    async def _settle(self, written: Sequence[Outgoing]) -> None:
        """End what was told while it was being written: it must not be told again."""
        told = [each for each in written if key_of(each) in self._told_without]
        late = [key_of(each) for each in told if each.status is DeliveryStatus.PENDING]
        if late:
            await self._end_in_store(late)
        self._told_without.difference_update(key_of(each) for each in told)

    async def _end_in_store(self, keys: Sequence[Key]) -> None:
        try:
            await self._store.write(lambda db: deliveries.told_without(db, keys))
        except StoreError as error:
            logger.warning("{} deliveries may be made again: {}", len(keys), error)

    def _failed(self, error: StoreError) -> None:
        if not self.down:
            self.down_since = time.time()
            logger.error("The store cannot be written to, alerts wait in memory: {}", error)
        self.down = str(error)
        self._on_failed()

    def _recovered(self) -> None:
        if self.down:
            seconds = time.time() - self.down_since
            logger.info("The store can be written to again, after {:.0f} s; everything that waited is written", seconds)
        self.down, self.down_since = "", 0.0


def _tells_nobody(planned: Planned) -> bool:
    return not planned.outgoing


def _is_routine(planned: Planned) -> bool:
    """Whether it is one verdict among many: without a call's beginning or end, nobody would know that it was left."""
    entry = planned.entry
    return not (planned.outgoing or entry.notifications or entry.began or entry.ended)


def key_of(each: Outgoing) -> Key:
    """What tells one delivery from all others."""
    return each.notification.id, each.notifier


__all__ = ["MOST_WAITING", "STRANDED_SECONDS", "Journal", "Key", "key_of"]
