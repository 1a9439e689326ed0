"""The rows of the outbox as a program and a person change them, on both databases."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from deepguard.model import DeliveryStatus, Notification, NotificationKind
from deepguard.store import deliveries, letters
from deepguard.store.entry import Outgoing
from deepguard.store.store import Store
from deepguard.store.tables import deliveries as table
from deepguard.testing import make_notification
from support.hosts import end_of

UPDATED, REPEATED = NotificationKind.UPDATED, NotificationKind.REPEATED
KINDS = [kind.value for kind in NotificationKind]


class Outbox:
    """A store, and what is done with deliveries to ``a`` in it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def do(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return await self.store.write(lambda db: work(db, *arguments, **named))

    async def add(self, *told: Notification, to: str = "a", **over: Any) -> None:
        await self.do(deliveries.add, [Outgoing(each, to, 60.0, **over) for each in told])

    async def stands(self) -> list[tuple[str, str]]:
        statement = sa.select(table.c.kind, table.c.status).order_by(table.c.id)
        rows = await self.store.read(lambda db: list(db.execute(statement)))
        return [(kind.rpartition(".")[2], status) for kind, status in rows]

    async def lease_next(self, owner: str = "me", seconds: float = 60.0) -> Any:
        def work(db: sa.Connection) -> Any:
            row = deliveries.next_due(db, "a", KINDS)
            if row is not None:
                deliveries.lease(db, row.id, owner, seconds)
            return row

        return await self.store.write(work)


@pytest.fixture
async def outbox(tables_url: str) -> AsyncIterator[Outbox]:
    store = Store(tables_url)
    await store.open()
    yield Outbox(store)
    await store.close()


async def test_what_is_written_once_more_changes_nothing(outbox: Outbox) -> None:
    opened = make_notification()
    updates = [make_notification(kind=UPDATED, incident=opened.incident) for _ in range(2)]
    for _ in range(3):  # nobody could tell whether the commit before went through
        await outbox.add(opened, *updates)
    assert await outbox.stands() == [("opened", "pending"), ("updated", "superseded"), ("updated", "pending")]
    await outbox.add(end_of(opened))
    await outbox.add(opened, *updates)
    assert await outbox.stands() == [
        ("opened", "pending"),
        ("updated", "superseded"),
        ("updated", "superseded"),
        ("resolved", "pending"),
    ]


async def test_only_what_waits_for_the_same_notifier_about_the_same_incident_gives_way(outbox: Outbox) -> None:
    opened, other = make_notification(), make_notification()
    await outbox.add(make_notification(kind=UPDATED, incident=opened.incident), to="b")
    await outbox.add(make_notification(kind=UPDATED, incident=other.incident))
    await outbox.add(make_notification(kind=UPDATED, incident=opened.incident))
    leased = await outbox.lease_next()
    await outbox.add(make_notification(kind=REPEATED, incident=opened.incident))
    await outbox.add(make_notification(kind=NotificationKind.COVERAGE_LOST))
    await outbox.add(
        make_notification(kind=UPDATED, incident=opened.incident), status=DeliveryStatus.SILENCED, detail="a silence"
    )
    assert other.incident
    assert leased.incident_id == other.incident.id
    assert [status for _, status in await outbox.stands()] == [
        "pending",
        "leased",
        "superseded",
        "pending",
        "pending",
        "silenced",
    ]


@pytest.mark.parametrize("kind", [NotificationKind.OPENED, NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED])
async def test_what_happens_once_is_told_once(outbox: Outbox, kind: NotificationKind) -> None:
    opened = make_notification()
    for _ in range(3):
        await outbox.add(make_notification(kind=kind, incident=opened.incident))
    assert len(await outbox.stands()) == 1
    await outbox.add(make_notification(kind=kind, incident=opened.incident), to="b")
    assert len(await outbox.stands()) == 2


async def test_of_one_incident_only_the_oldest_is_due(outbox: Outbox) -> None:
    opened = make_notification()
    other = make_notification()
    await outbox.add(opened, end_of(opened), other)
    first, second = await outbox.lease_next(), await outbox.lease_next()
    assert [first.notification_id, second.notification_id] == [opened.id, other.id]
    assert await outbox.lease_next() is None
    assert await outbox.do(deliveries.end, first.id, "me", 1, DeliveryStatus.DELIVERED)
    assert (await outbox.lease_next()).kind == "incident.resolved"


@pytest.mark.parametrize(("owner", "attempt"), [("another", 1), ("me", 0), ("me", 2)])
async def test_only_the_holder_of_this_lease_ends_it(outbox: Outbox, owner: str, attempt: int) -> None:
    await outbox.add(make_notification())
    row = await outbox.lease_next()
    assert not await outbox.do(deliveries.end, row.id, owner, attempt, DeliveryStatus.DELIVERED)
    assert not await outbox.do(deliveries.put_back, row.id, owner, attempt, 0.0, "")
    assert await outbox.stands() == [("opened", "leased")]
    assert await outbox.do(deliveries.put_back, row.id, "me", 1, 0.0, "busy\x00\ud800")
    assert not await outbox.do(deliveries.end, row.id, "me", 1, DeliveryStatus.DELIVERED)


async def test_what_this_version_cannot_read_is_not_due_for_it(outbox: Outbox) -> None:
    await outbox.add(make_notification())
    assert await outbox.store.write(lambda db: deliveries.next_due(db, "a", ["incident.resolved"])) is None
    assert await outbox.store.write(lambda db: deliveries.next_due(db, "b", KINDS)) is None
    assert (await outbox.lease_next()).attempts == 0


async def test_letters_show_what_became_of_each(outbox: Outbox) -> None:
    hostile = replace(make_notification(), title="\ud800 <b>")
    resolved = end_of(hostile)
    await outbox.add(hostile, resolved)
    row = await outbox.lease_next()
    await outbox.do(deliveries.end, row.id, "me", 1, DeliveryStatus.DEAD, detail="too long")
    assert hostile.incident
    of_incident = await outbox.do(letters.find, incident_id=hostile.incident.id)
    assert [(letter.kind, letter.status) for letter in of_incident] == [
        ("incident.resolved", "pending"),
        ("incident.opened", "dead"),
    ]
    (dead,) = await outbox.do(letters.find, statuses=["dead"], notifier="a", notification_id=hostile.id)
    assert (dead.detail, dead.attempts, dead.title) == ("too long", 1, hostile.title)
    assert dead.ended_at
    for odd in ("\x00", "\ud800", "x" * 100_000):
        assert await outbox.do(letters.find, notifier=odd) == []
        assert await outbox.do(letters.read_notification, "nothing") is None


async def test_a_person_replays_the_dead_and_drops_what_waits(outbox: Outbox) -> None:
    sent = [make_notification() for _ in range(4)]
    await outbox.add(*sent)
    rows = [await outbox.lease_next() for _ in range(2)]
    for row in rows:
        await outbox.do(deliveries.end, row.id, "me", 1, DeliveryStatus.DEAD)
    assert await outbox.do(letters.replay, ids=[rows[0].id, 10**9], notifier="a", give_up_after=60.0) == [rows[0].id]
    assert await outbox.do(letters.replay, notifier="b", give_up_after=60.0) == []
    assert [status for _, status in await outbox.stands()] == ["pending", "dead", "pending", "pending"]
    dropped = await outbox.do(letters.drop, ids=[rows[0].id, rows[1].id], by="Ann\x00\ud800")
    assert dropped == [rows[0].id, rows[1].id]
    assert [status for _, status in await outbox.stands()] == ["dropped", "dropped", "pending", "pending"]
    # What was dropped comes back only when it is asked for by name.
    assert await outbox.do(letters.replay, give_up_after=60.0) == []
    assert await outbox.do(letters.replay, ids=dropped, give_up_after=60.0) == dropped
    again = await outbox.lease_next()
    assert (again.notification_id, again.attempts) in {(told.id, count) for told in sent for count in (0, 1)}


async def test_what_is_being_delivered_can_neither_be_dropped_nor_replayed(outbox: Outbox) -> None:
    await outbox.add(make_notification())
    row = await outbox.lease_next()
    assert await outbox.do(letters.drop, by="Ann") == []
    assert await outbox.do(letters.replay, ids=[row.id], give_up_after=60.0) == []
    assert await outbox.do(deliveries.end, row.id, "me", 1, DeliveryStatus.DELIVERED)


async def test_thousands_can_be_replayed_at_once(outbox: Outbox) -> None:
    await outbox.add(*(make_notification() for _ in range(2500)))
    await outbox.do(lambda db: db.execute(sa.update(table).values(status="dead")) and None)
    ids = await outbox.do(letters.replay, give_up_after=60.0)
    assert len(ids) == 2500
    assert len(await outbox.do(letters.drop, ids=ids, by="Ann")) == 2500
