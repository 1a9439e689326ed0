"""What was committed, held against what was received."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench.crash.receiver import Arrival
from deepguard.model import DeliveryStatus
from deepguard.store.store import Store
from deepguard.store.tables import deliveries, incidents, notifications

OPEN = frozenset({DeliveryStatus.PENDING, DeliveryStatus.LEASED, DeliveryStatus.DIGESTED})


class Key(NamedTuple):
    """One notification's way to one notifier."""

    route: str
    notification: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What there was, and what was wrong. Every tuple but the counts is to be empty.

    Attributes:
        committed: Deliveries in the database, those left out that something newer took the place of.
        received: Messages answered with 2xx.
        duplicates: Those of them that had been received before under the same id.
        named_again: Notifications of all that were named that had been named before, in whatever message.
        named: How often a notification was named, in a message of its own or in a digest.
        lost: Committed, and never received.
        waiting: Not delivered at the end.
        dead: Given up.
        unknown: Received, and not committed.
        changed: Received more than once under one id, with different bodies.
        renamed: Received in messages with different ids.
        disordered: Incidents of which something was received before what had happened before it.
        replaced_for_nothing: Gave way to something newer that never came.
        unresolved: Incidents left open.
        unwritten: Recorded by processes that lived on, and never committed.
    """

    committed: int
    received: int
    duplicates: int
    named_again: int
    named: int
    lost: tuple[Key, ...]
    waiting: tuple[Key, ...]
    dead: tuple[Key, ...]
    unknown: tuple[Key, ...]
    changed: tuple[Key, ...]
    renamed: tuple[Key, ...]
    disordered: tuple[str, ...]
    replaced_for_nothing: tuple[Key, ...]
    unresolved: tuple[str, ...]
    unwritten: tuple[str, ...]

    @property
    def duplicate_percent(self) -> float:
        """Messages received again, of all received."""
        return 100.0 * self.duplicates / max(1, self.received)

    @property
    def problems(self) -> list[str]:
        """What must not be, in words; empty when all is well."""
        wrong = {
            "committed and never received": self.lost,
            "still waiting at the end": self.waiting,
            "given up": self.dead,
            "received and never committed": self.unknown,
            "received again with another body": self.changed,
            "received again under another id": self.renamed,
            "received in the wrong order": self.disordered,
            "replaced by what never came": self.replaced_for_nothing,
            "incidents left open": self.unresolved,
            "recorded and never committed": self.unwritten,
        }
        found = [f"{what}: {len(which)}, for example {which[0]}" for what, which in wrong.items() if which]
        if not self.committed:
            found.append("nothing was committed")
        return found


@dataclass(frozen=True, slots=True)
class _Told:
    """What was received: where each notification was first named, and in which messages."""

    first: dict[Key, tuple[int, int]]
    messages: dict[Key, set[str]]
    bodies: dict[Key, set[bytes]]
    received: int
    named: int


async def compare(
    store: Store, arrivals: Sequence[Arrival], *, all_resolved: bool = False, recorded: Collection[str] = ()
) -> Findings:
    """Hold the database against the receiver, when everything has come to rest.

    Args:
        store: The store, open.
        arrivals: What came.
        all_resolved: Whether every incident must have ended.
        recorded: Notifications that must have been committed.
    """
    rows, known, unresolved = await store.read(_committed)
    told = _told(arrivals)
    by_status: dict[str, list[Key]] = defaultdict(list)
    for row in rows:
        by_status[row.status].append(Key(row.notifier, row.notification_id))
    delivered = by_status[DeliveryStatus.DELIVERED]
    return Findings(
        committed=len(rows) - len(by_status[DeliveryStatus.SUPERSEDED]),
        received=told.received,
        duplicates=told.received - len(told.bodies),
        named_again=told.named - len(told.first),
        named=told.named,
        lost=tuple(key for key in delivered if key not in told.first),
        waiting=tuple(key for status in OPEN for key in by_status[status]),
        dead=tuple(key for status in (DeliveryStatus.DEAD, DeliveryStatus.DROPPED) for key in by_status[status]),
        unknown=tuple(key for key in told.first if key.notification not in known),
        changed=tuple(key for key, bodies in told.bodies.items() if len(bodies) > 1),
        renamed=tuple(key for key, ids in told.messages.items() if len(ids) > 1),
        disordered=tuple(_disordered(rows, told)),
        replaced_for_nothing=tuple(_replaced_for_nothing(rows, told)),
        unresolved=tuple(unresolved) if all_resolved else (),
        unwritten=tuple(sorted(set(recorded) - known)),
    )


def at_rest(db: sa.Connection, *, all_resolved: bool, recorded: Collection[str]) -> bool:
    """Whether nothing waits any more, what was recorded is committed, and, when asked for, no incident is open."""
    waiting = sa.select(deliveries.c.id).where(deliveries.c.status.in_(tuple(OPEN)))
    still_open = sa.select(incidents.c.id).where(incidents.c.resolved_at.is_(None))
    if db.execute(waiting.limit(1)).first() or (all_resolved and db.execute(still_open.limit(1)).first()):
        return False
    return set(db.execute(sa.select(notifications.c.id)).scalars()) >= set(recorded)


def _committed(db: sa.Connection) -> tuple[Sequence[Any], set[str], Sequence[str]]:
    rows = db.execute(sa.select(deliveries).order_by(deliveries.c.id)).all()
    known = set(db.execute(sa.select(notifications.c.id)).scalars())
    unresolved = db.execute(sa.select(incidents.c.id).where(incidents.c.resolved_at.is_(None))).scalars().all()
    return rows, known, unresolved


def _told(arrivals: Sequence[Arrival]) -> _Told:
    told = _Told({}, defaultdict(set), defaultdict(set), sum(arrival.received for arrival in arrivals), 0)
    named = 0
    for number, arrival in enumerate(arrivals):
        if not arrival.received:
            continue
        message = Key(arrival.route, arrival.message_id)
        told.bodies[message].add(arrival.body)
        for place, notification in enumerate(_named(arrival)):
            named += 1
            key = Key(arrival.route, notification)
            told.first.setdefault(key, (number, place))
            told.messages[key].add(arrival.message_id)
    return _Told(told.first, told.messages, told.bodies, told.received, named)


def _named(arrival: Arrival) -> Iterator[str]:
    data = json.loads(arrival.body)["data"]
    yield from (item["data"]["id"] for item in data.get("items", ()))
    yield data["id"]


def _disordered(rows: Collection[Any], told: _Told) -> Iterator[str]:
    """Incidents of which something was first received before what was written down before it."""
    places: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        place = told.first.get(Key(row.notifier, row.notification_id))
        if row.incident_id is not None and place is not None:
            places[row.notifier, row.incident_id].append(place)
    for (notifier, incident), found in places.items():
        if found != sorted(found):
            yield f"{incident} at {notifier}"


def _replaced_for_nothing(rows: Collection[Any], told: _Told) -> Iterator[Key]:
    last: dict[tuple[str, str], Key] = {}
    for row in rows:
        if row.incident_id is not None and row.status != DeliveryStatus.SUPERSEDED:
            last[row.notifier, row.incident_id] = Key(row.notifier, row.notification_id)
    newest = {key: number for number, key in enumerate(Key(row.notifier, row.notification_id) for row in rows)}
    for row in rows:
        if row.status != DeliveryStatus.SUPERSEDED:
            continue
        key = Key(row.notifier, row.notification_id)
        instead = last.get((row.notifier, row.incident_id))
        if instead is None or newest[instead] < newest[key] or instead not in told.first:
            yield key
