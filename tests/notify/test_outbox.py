"""Leases, order, digests, breaker and rate, with several processes on one database, of each kind."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa

from deepguard.errors import NotifyError
from deepguard.model import Notification, NotificationKind
from deepguard.notify.claim import Claim
from deepguard.notify.destination import FAILURES_TO_OPEN
from deepguard.notify.outbox import DIGEST_MOST, Outbox
from deepguard.notify.outcome import Failure
from deepguard.notify.route import Route
from deepguard.store import letters, upkeep
from deepguard.store.deliveries import add
from deepguard.store.entry import Outgoing
from deepguard.store.tables import deliveries, destinations, notifications
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import Always, Fleet, Host, Scripted, hang, route, until

OPENED, UPDATED, RESOLVED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED


def of(opened: Notification, kind: NotificationKind, **over: Any) -> Notification:
    return make_notification(kind=kind, incident=opened.incident, **over)


def ids(told: list[Notification]) -> list[str]:
    return [each.id for each in told]


async def written(host: Host, *told: Notification) -> None:
    host.record(*told)
    await host.dispatcher.journal.flushed()


def outgoing(db: sa.Connection, sent: list[Notification], to: Route) -> None:
    add(db, [Outgoing(each, to.name, to.give_up_after) for each in sent])


async def destination(host: Host) -> Any:
    return await host.store.read(lambda db: db.execute(sa.select(destinations)).mappings().one())


async def unblock(host: Host) -> None:
    await host.execute(sa.update(destinations).values(blocked_until=0.0))
    await host.move("due_at", 3600)


# -- leases ------------------------------------------------------------------------------------------------------


async def test_processes_share_the_work_and_none_is_done_twice(fleet: Fleet) -> None:
    in_hand: set[str] = set()

    class Alone(RecordingNotifier):
        async def send(self, notification: Notification) -> None:
            assert notification.id not in in_hand
            in_hand.add(notification.id)
            await asyncio.sleep(0)
            await super().send(notification)

    notifiers = [Alone() for _ in range(3)]
    made = [await fleet(route("a", notifier)) for notifier in notifiers]
    sent = [make_notification() for _ in range(30)]
    await written(made[0], *sent)
    await until(lambda: sum(len(notifier.notifications) for notifier in notifiers) == len(sent))
    assert in_hand == set(ids(sent))
    await until(lambda: sum(len(host.deliveries) for host in made) == len(sent))
    assert await made[0].stands() == ["delivered"] * len(sent)
    assert await made[0].rows(deliveries.c.attempts) == [1] * len(sent)


async def test_what_a_process_left_behind_is_delivered_by_the_next(fleet: Fleet) -> None:
    stuck = Scripted(sends=[hang])
    gone = await fleet(route("a", stuck))
    sent = [make_notification() for _ in range(3)]
    await written(gone, *sent)
    await stuck.entered.wait()
    notifier = RecordingNotifier()
    host = await fleet(route("a", notifier))
    assert ids(await notifier.wait_for(2)) == ids(sent[1:])
    await host.ended(2)
    assert await host.stands() == ["leased", "delivered", "delivered"]
    await host.move("lease_until", 3600, status="leased")
    assert ids(await notifier.wait_for(3))[2] == sent[0].id
    assert host.dispatcher.taken_over + gone.dispatcher.taken_over == 1


async def test_a_lease_ends_by_itself_when_its_process_is_gone(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepguard.notify.outbox.LEASE_MARGIN", 0.1)
    notifier = RecordingNotifier()
    host = await fleet(route("a", Always(NotifyError("not now", retry_after=0.2))))
    killed = Outbox(host.store, "a process that was killed")
    await written(host, make_notification())
    await host.dispatcher.close()
    await host.store.open()
    await unblock(host)
    claim = await killed.claim(route("a", notifier, timeout=0.1))
    assert isinstance(claim, Claim)
    assert not isinstance(await Outbox(host.store, "another").claim(route("a", notifier)), Claim)
    await host.store.close()
    other = await fleet(route("a", notifier))
    assert ids(await notifier.wait_for(1)) == [claim.notification.id]
    assert (await other.ended())[0].attempts == claim.attempt + 1


async def test_a_clock_that_is_set_back_holds_up_nothing(fleet: Fleet) -> None:
    gone, notifier = await fleet(start=False), RecordingNotifier()
    waits, leased = sent = [make_notification() for _ in range(2)]
    claimed = route("a", notifier)
    await gone.store.open()
    await gone.store.write(lambda db: outgoing(db, sent, claimed))
    for one in sent:
        outbox = Outbox(gone.store, "killed", only=[one.id])
        claim = await outbox.claim(claimed)
        assert isinstance(claim, Claim)
        if one is waits:
            await outbox.failed(claimed, claim, Failure("answered 503"))
    for column in ("due_at", "lease_until"):
        await gone.move(column, -3600)
    await gone.execute(sa.update(destinations).values(refilled_at=destinations.c.refilled_at + 3600))
    host = await fleet(claimed)
    await host.ended(2, status="delivered")
    assert sorted(ids(notifier.notifications)) == sorted([waits.id, leased.id])


async def test_who_has_lost_its_lease_cannot_end_the_delivery(fleet: Fleet) -> None:
    release, slow, quick = asyncio.Event(), Scripted(), Scripted(sends=[hang])
    slow.script["send"] = [release.wait]
    first = await fleet(route("a", slow))
    await written(first, make_notification())
    await slow.entered.wait()
    second = await fleet(route("a", quick))
    await first.move("lease_until", 3600)
    await quick.entered.wait()
    owner = await first.rows(deliveries.c.lease_owner)
    assert owner == [second.dispatcher.process_id]
    release.set()
    await slow.wait_for(1)
    assert await first.dispatcher.drain(5)
    assert first.deliveries == []
    assert await first.rows(deliveries.c.status, deliveries.c.lease_owner, deliveries.c.attempts) == [
        ("leased", *owner, 2)
    ]


@pytest.mark.parametrize("failure", [NotifyError("busy"), NotifyError("never", retryable=False), KeyError("bug")])
async def test_nor_can_it_give_it_back_or_kill_it(hosts: Fleet, failure: Exception) -> None:
    release, quick = asyncio.Event(), Scripted(sends=[hang])

    async def fail_late() -> None:
        await release.wait()
        raise failure

    slow = Scripted(sends=[fail_late])
    first = await hosts(route("a", slow))
    await written(first, make_notification())
    await slow.entered.wait()
    second = await hosts(route("a", quick))
    await first.move("lease_until", 3600)
    await quick.entered.wait()
    release.set()
    await until(lambda: first.dispatcher.counts["a"].failed == 1)
    assert await first.dispatcher.drain(5)
    assert first.deliveries == []
    assert await first.rows(deliveries.c.status, deliveries.c.lease_owner) == [("leased", second.dispatcher.process_id)]


# -- order, and what gives way -----------------------------------------------------------------------------------


async def test_an_incident_is_told_in_order_and_holds_up_no_other(fleet: Fleet) -> None:
    opened, other = make_notification(), make_notification()
    notifier = Always(NotifyError("busy"), only=(opened.id,))
    host = await fleet(route("a", notifier), draw=lambda _low, _high: 0.0)
    resolved = of(opened, RESOLVED)
    await written(host, opened, resolved, other)
    await host.ended(1, status="delivered")
    await notifier.tried(4)
    assert resolved.id not in notifier.attempts
    notifier.act = None
    await host.ended(3, status="delivered")
    assert ids(notifier.notifications) == [other.id, opened.id, resolved.id]


async def test_what_waits_gives_way_to_what_is_newer_but_never_the_opening(fleet: Fleet) -> None:
    opened = make_notification()
    notifier = Always(NotifyError("busy", retry_after=3600))
    host = await fleet(route("a", notifier), route("b", well := RecordingNotifier()))
    await written(host, opened)
    await notifier.tried(1)
    updates = [of(opened, UPDATED) for _ in range(3)]
    for update in updates:
        await written(host, update)
        await well.wait_for(updates.index(update) + 2)
    await written(host, resolved := of(opened, RESOLVED))
    await well.wait_for(5)
    notifier.act = None
    await unblock(host)
    await host.ended(2, status="delivered", name="a")
    assert ids(notifier.notifications) == [opened.id, resolved.id]
    assert await host.stands(notifier="a") == ["delivered", *["superseded"] * 3, "delivered"]
    assert await host.stands(notifier="b") == ["delivered"] * 5


async def test_two_processes_that_see_one_end_tell_it_once(fleet: Fleet) -> None:
    opened, notifier = make_notification(), RecordingNotifier()
    first, second = await fleet(route("a", notifier)), await fleet(route("a", notifier))
    await written(first, opened)
    one, other = of(opened, RESOLVED), of(opened, RESOLVED)
    first.record(one)
    second.record(other)
    await asyncio.gather(first.dispatcher.journal.flushed(), second.dispatcher.journal.flushed())
    await until(lambda: len(first.deliveries) + len(second.deliveries) == 2)
    assert await first.stands() == ["delivered", "delivered"]
    assert notifier.notifications[1].id in (one.id, other.id)


# -- digests -----------------------------------------------------------------------------------------------------


async def backlog(fleet: Fleet, sent: list[Notification], notifier: Any, **over: Any) -> Host:
    """A host that finds ``sent`` waiting when it starts."""
    host = await fleet(route("a", notifier, **over), start=False)
    host.record(*sent)
    await host.dispatcher.start()
    return host


async def test_beyond_the_backlog_one_digest_names_all(fleet: Fleet) -> None:
    sent, notifier = [make_notification() for _ in range(12)], RecordingNotifier()
    host = await backlog(fleet, sent, notifier, digest_after=3)
    await host.ended(12, status="delivered")
    (digest,) = notifier.notifications
    assert digest.kind is NotificationKind.DIGEST
    assert ids(list(digest.items)) == ids(sent)
    assert {delivery.notification_id for delivery in host.deliveries} == set(ids(sent))
    counts = host.dispatcher.counts["a"]
    assert (counts.attempts, counts.delivered, counts.digests) == (1, 12, 1)
    assert await host.stands() == ["delivered"] * 13


async def test_a_long_backlog_is_named_once_each_in_bounded_digests(hosts: Fleet) -> None:
    sent, notifier = [make_notification() for _ in range(2 * DIGEST_MOST + 30)], RecordingNotifier()
    host = await backlog(hosts, sent, notifier, digest_after=5)
    await host.ended(len(sent), status="delivered")
    assert all(len(digest.items) <= DIGEST_MOST for digest in notifier.notifications)
    assert len(notifier.notifications) <= 4
    assert [one.id for digest in notifier.notifications for one in digest.items] == ids(sent)


async def test_a_digest_that_fails_comes_again_with_the_same_id_and_its_incidents_wait(fleet: Fleet) -> None:
    sent = [make_notification() for _ in range(6)]
    notifier = Always(NotifyError("busy", retry_after=3600))
    host = await backlog(fleet, sent, notifier, digest_after=3)
    await host.ended(6, status="pending")
    await written(host, resolved := of(sent[0], RESOLVED))
    assert await host.stands() == ["digested"] * 6 + ["pending"] * 2
    notifier.act = None
    await unblock(host)
    await host.ended(7, status="delivered")
    assert len(set(notifier.attempts[:2])) == 1
    assert ids(notifier.notifications) == [notifier.attempts[0], resolved.id]


@pytest.mark.parametrize("error", [NotifyError("too long", retryable=False), KeyError("a bug")])
async def test_a_digest_that_is_never_taken_costs_none_of_those_that_it_names(fleet: Fleet, error: Exception) -> None:
    sent = [make_notification() for _ in range(6)]
    first, poison, *others = sent
    notifier = Always(error, only=(poison.id,))
    host = await backlog(fleet, sent, notifier, digest_after=3)
    await host.ended(5, status="delivered")
    assert ids(notifier.notifications) == ids([first, *others])
    await host.ended(1, status="dead")
    assert await host.stands() == ["delivered", "dead", *["delivered"] * 4, "dropped"]


async def test_a_digest_that_fails_while_others_are_taken_is_taken_apart(hosts: Fleet) -> None:
    sent = [make_notification() for _ in range(6)]
    notifier = Always(NotifyError("answered 500"), only=(sent[1].id,))
    host = await backlog(hosts, sent, notifier, digest_after=3)
    await notifier.tried(FAILURES_TO_OPEN)
    host.record(other := make_notification())

    async def others_are_taken() -> bool:
        await unblock(host)
        return {other.id, sent[0].id, *ids(sent[2:])} <= set(ids(notifier.notifications))

    await until(others_are_taken)
    assert await host.stands(notification_id=sent[1].id) in (["pending"], ["leased"])


@pytest.mark.parametrize("end", ["killed", "closed"])
async def test_what_may_have_arrived_comes_again_under_its_own_id_and_not_in_a_digest(fleet: Fleet, end: str) -> None:
    gone, notifier = await fleet(start=False), RecordingNotifier()
    first = make_notification()
    sent = [first, of(first, RESOLVED), *(make_notification() for _ in range(6))]
    # A process took the first one, and ended before it knew how that went.
    claimed = route("a", notifier, digest_after=3)
    await gone.store.open()
    await gone.store.write(lambda db: outgoing(db, sent, claimed))
    outbox = Outbox(gone.store, "ended", only=[first.id])
    claim = await outbox.claim(claimed)
    assert isinstance(claim, Claim)
    if end == "closed":
        await outbox.release(claimed, claim)
    else:
        await gone.move("lease_until", 3600)
        assert await gone.store.write(upkeep.take_back_leases) == 1
    # That the next attempt fails says nothing of the one before.
    claim = await outbox.claim(claimed)
    assert isinstance(claim, Claim)
    await outbox.failed(claimed, claim, Failure("answered 503"))
    await gone.move("due_at", 3600)
    host = await fleet(claimed)
    await until(lambda: host.dispatcher.counts["a"].delivered == len(sent))
    again, *digests = notifier.notifications
    assert again.id == first.id
    assert [one.id for digest in digests for one in digest.items] == ids(sent[1:])


async def test_what_breaks_a_notifier_does_not_break_a_digest(hosts: Fleet) -> None:
    poison = make_notification()
    notifier = Always(KeyError("bug"), only=(poison.id,))
    host = await hosts(route("a", notifier, digest_after=3))
    await written(host, poison)
    await host.ended(1, status="pending")
    await host.move("due_at", -3600)
    host.record(*(make_notification() for _ in range(8)))
    assert len(await host.ended(8, status="delivered")) == 8


async def test_a_digest_may_be_dropped_with_all_that_it_names(fleet: Fleet) -> None:
    sent = [make_notification() for _ in range(6)]
    notifier = Always(NotifyError("busy", retry_after=3600))
    host = await backlog(fleet, sent, notifier, digest_after=3)
    await host.ended(6, status="pending")
    await host.store.write(lambda db: letters.drop(db, notifier="a", by="Ann"))
    assert await host.stands() == ["dropped"] * 7


# -- what cannot be delivered ------------------------------------------------------------------------------------


async def test_what_nobody_took_in_time_is_dead_and_can_be_replayed(fleet: Fleet, logged: list[str]) -> None:
    notifier = Always(NotifyError("busy", retry_after=3600))
    host = await fleet(route("a", notifier))
    await written(host, make_notification())
    await host.ended(1, status="pending")
    await host.move("expires_at", 10**6)
    (dead,) = await host.ended(1, status="dead")
    assert dead.detail == "busy"
    (row,) = await host.rows()
    assert row.detail == "given up: it could not be delivered in time; busy"
    assert f"`deepguard deliveries replay {row.id}`" in "".join(logged)
    notifier.act = None
    await host.execute(sa.update(destinations).values(blocked_until=0.0))
    assert await host.store.write(lambda db: letters.replay(db, ids=[row.id], give_up_after=60.0)) == [row.id]
    await host.ended(1, status="delivered")


async def test_a_digest_dies_of_age_as_what_it_names(fleet: Fleet) -> None:
    sent = [make_notification() for _ in range(6)]
    host = await backlog(fleet, sent, Always(NotifyError("busy", retry_after=3600)), digest_after=3)
    await host.ended(6, status="pending")
    await host.move("expires_at", 10**6)
    dead = await host.ended(6, status="dead")
    assert {delivery.notification_id for delivery in dead} == set(ids(sent))
    assert await host.stands() == ["dead"] * 6 + ["dropped"]


async def test_what_waits_for_a_notifier_that_is_gone_shows_and_dies_of_age(fleet: Fleet) -> None:
    before = await fleet(route("old", Always(NotifyError("busy", retry_after=3600))))
    await written(before, make_notification())
    await before.ended(1)
    await before.dispatcher.close()
    host = await fleet(route("new", RecordingNotifier()))
    await until(lambda: "old" in host.dispatcher.backlogs)
    assert host.dispatcher.backlogs["old"].waiting == 1
    await host.move("expires_at", 10**6)
    (dead,) = await host.ended(1, status="dead")
    assert dead.notifier == "old"
    await until(lambda: host.dispatcher.backlogs["old"].dead == 1)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("incident.escalated", '{"id":"x","kind":"incident.escalated"}'),
        ("incident.opened", '{"id":"x","kind":"incident.escalated","level":9}'),
        ("incident.opened", '{"version":2,"told":[]}'),
        ("incident.opened", "not even JSON"),
        ("incident.opened", '["a","list"]'),
    ],
)
async def test_what_a_newer_version_wrote_is_left_to_it(hosts: Fleet, kind: str, body: str) -> None:
    newer, others = make_notification(), [make_notification() for _ in range(3)]
    notifier = RecordingNotifier()
    host = await hosts(route("a", notifier), start=False)
    await host.store.open()
    await host.store.close()
    writer = await hosts(route("a", Always(NotifyError("busy"))))
    await written(writer, newer)
    await writer.ended(1)
    await writer.dispatcher.close()
    await host.store.open()
    await host.execute(sa.update(notifications).values(body=body))
    await host.execute(sa.update(deliveries).values(kind=kind))
    await unblock(host)
    await host.dispatcher.start()
    host.record(*others)
    assert ids(await notifier.wait_for(3)) == ids(others)
    assert await host.dispatcher.drain(5)
    assert sorted(await host.stands()) == ["delivered"] * 3 + ["pending"]
    await host.move("expires_at", 10**6, status="pending")
    assert [delivery.notification_id for delivery in await host.ended(1, status="dead")] == [newer.id]


# -- the destination ---------------------------------------------------------------------------------------------


async def test_a_notification_that_fails_for_ever_holds_up_no_other(fleet: Fleet) -> None:
    poison, others = make_notification(), [make_notification() for _ in range(5)]
    notifier = Always(NotifyError("we choke on this one"), only=(poison.id,))
    host = await fleet(route("a", notifier), draw=lambda _low, _high: 0.0)
    host.record(poison, *others)
    await host.ended(5, status="delivered")
    # Alone it opens the breaker; what comes then is told all the same.
    await until(lambda: notifier.attempts.count(poison.id) > FAILURES_TO_OPEN)
    await written(host, late := make_notification())
    await host.ended(6, status="delivered")
    assert notifier.notifications[-1].id == late.id
    assert "dead" not in host.statuses("a")


async def test_the_wait_that_a_service_asks_for_holds_for_all_to_it(fleet: Fleet) -> None:
    notifier = Always(NotifyError("429", retry_after=120))
    host = await fleet(route("a", notifier))
    await written(host, make_notification())
    await host.ended(1, status="pending")
    before = await destination(host)
    assert before["blocked_until"] - time.time() > 100
    await written(host, make_notification())
    assert await host.dispatcher.drain(5)
    assert len(notifier.attempts) == 1
    notifier.act = None
    await unblock(host)
    await host.ended(2, status="delivered")


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_refused_sender_asks_once_and_once_more_after_each_start(fleet: Fleet, retryable: bool) -> None:
    refusal = NotifyError("401: check the credentials", refused=True, retryable=retryable)
    attempts = 0
    for _ in range(2):
        notifier = Always(refusal)
        host = await backlog(fleet, [make_notification() for _ in range(3)], notifier)
        await host.ended(1, status="pending")
        await host.move("due_at", 3600)
        assert await host.dispatcher.drain(5)
        await host.dispatcher.close()
        attempts += len(notifier.attempts)
    assert attempts == 2
    well = RecordingNotifier()
    last = await fleet(route("a", well))
    assert len(await well.wait_for(6)) == 6
    await last.ended(6, status="delivered")
    state = await destination(last)
    assert (bool(state["refused"]), bool(state["disabled"]), state["failures"]) == (False, False, 0)


async def test_what_is_gone_for_good_is_not_asked_again_however_long_it_takes(fleet: Fleet) -> None:
    notifier = Always(NotifyError("410", refused=True, retryable=False))
    host = await fleet(route("a", notifier))
    await written(host, make_notification())
    await host.ended(1)
    await unblock(host)
    await written(host, make_notification())
    assert await host.dispatcher.drain(5)
    assert len(notifier.attempts) == 1
    assert await host.stands() == ["pending"] * 2
    assert (await destination(host))["disabled"]


async def test_one_probe_for_all_processes(fleet: Fleet) -> None:
    notifiers = [Scripted(sends=[hang]) for _ in range(3)]
    first = await fleet(route("a", notifiers[0]), start=False)
    await first.store.open()
    await first.store.close()
    seed = await fleet(route("a", Always(NotifyError("busy", retry_after=3600))))
    await written(seed, *(make_notification() for _ in range(5)))
    await seed.ended(1)
    await seed.dispatcher.close()
    await first.store.open()
    await first.execute(sa.update(destinations).values(failures=FAILURES_TO_OPEN, blocked_until=0.0))
    await first.move("due_at", 3600)
    await first.dispatcher.start()
    others = [await fleet(route("a", notifier)) for notifier in notifiers[1:]]
    await until(lambda: any(notifier.attempts for notifier in notifiers))
    for host in (first, *others):
        await host.dispatcher.drain(0.3)
    assert sum(len(notifier.attempts) for notifier in notifiers) == 1


async def test_all_processes_together_keep_to_the_rate(fleet: Fleet) -> None:
    rate, burst, count = 20.0, 2, 12
    notifiers = [RecordingNotifier() for _ in range(3)]
    began = time.monotonic()
    made = [await fleet(route("a", notifier, rate=rate, burst=burst)) for notifier in notifiers]
    await written(made[0], *(make_notification() for _ in range(count)))
    await until(lambda: sum(len(notifier.notifications) for notifier in notifiers) == count)
    # Never faster; how much slower depends on the machine.
    assert time.monotonic() - began >= (count - burst) / rate * 0.95


def test_a_route_is_what_the_configuration_says_by_default() -> None:
    plain = Route(name="a", notifier=RecordingNotifier())
    assert (plain.timeout, plain.rate, plain.burst, plain.digest_after) == (10.0, 1.0, 10, 10)
