"""What is looked at again and again: who is gone, who took an incident over, what is silenced, what is too old."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from deepguard.errors import NotifyError
from deepguard.model import Call, DeliveryStatus, Notification, NotificationKind, Picture, Resolution, SampleFormat
from deepguard.notify import keeper
from deepguard.store import incidents, silences, upkeep
from deepguard.store.entry import CallBegan, CallEnded, Entry
from deepguard.store.history import write_history
from deepguard.store.store import Store
from deepguard.store.tables import calls, deliveries, metadata, notifications, pictures, processes, verdicts
from deepguard.testing import RecordingNotifier, make_notification, make_verdict
from support.hosts import Always, Fleet, Host, end_of, route, telling, until


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not seen counts as gone without having been watched."""
    monkeypatch.setattr("deepguard.notify.keeper.WATCH_SECONDS", 0.0)
    monkeypatch.setattr("deepguard.notify.keeper.SEEN_SECONDS", 0.0)


def began(call_id: str = "call-1") -> Entry:
    return Entry(call_id=call_id, began=CallBegan(Call(call_id, time.time()), "test", False))


async def left_behind(url: str, *told: Notification, seen_ago: float) -> None:
    """What a process that was killed has written down."""
    store = Store(url)
    await store.open()

    def work(db: sa.Connection) -> None:
        upkeep.announce_process(db, "killed", "0")
        db.execute(sa.update(processes).values(seen_at=processes.c.seen_at - seen_ago))
        write_history(db, [began(), *(telling(each) for each in told)], "killed")

    await store.write(work)
    await store.close()


async def open_incidents(host: Host) -> list[str]:
    found = await host.store.read(lambda db: incidents.find(db, is_open=True))
    return [stored.incident.id for stored in found]


async def looks(host: Host, count: int = 3) -> None:
    """Wait for so many whole looks."""
    for _ in range(count):
        before = host.dispatcher.backlogs
        await until(lambda before=before: host.dispatcher.backlogs is not before)


# -- processes that are gone -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
async def test_a_call_whose_guard_is_gone_is_ended_and_told_once(fleet: Fleet, logged: list[str]) -> None:
    opened = make_notification(participant_id="Zoë\x00 <!channel>")
    assert opened.incident
    await left_behind(fleet.url, opened, seen_ago=upkeep.GONE_SECONDS + 1)
    notifiers = [RecordingNotifier(), RecordingNotifier()]
    made = [await fleet(route("a", notifier)) for notifier in notifiers]
    await until(lambda: any(notifier.notifications for notifier in notifiers))
    for host in made:
        await looks(host)
        assert await host.dispatcher.drain(5)
    (told,) = [each for notifier in notifiers for each in notifier.notifications]
    assert told.kind is NotificationKind.RESOLVED
    assert told.incident
    assert (told.incident.id, told.incident.resolution) == (opened.incident.id, Resolution.GUARD_LOST)
    assert "guard of the call stopped" in told.title
    assert await open_incidents(made[0]) == []
    ended = await made[0].store.read(lambda db: db.execute(sa.select(calls.c.reason, calls.c.ended_at)).one())
    assert ended.reason == "guard_lost"
    assert ended.ended_at
    assert "1 calls were guarded by a process that ended" in "".join(logged)


@pytest.mark.usefixtures("at_once")
async def test_who_was_seen_is_not_gone(fleet: Fleet) -> None:
    await left_behind(fleet.url, opened := make_notification(), seen_ago=upkeep.GONE_SECONDS / 2)
    assert opened.incident
    host = await fleet(route("a", RecordingNotifier()))
    await looks(host)
    assert await open_incidents(host) == [opened.incident.id]


async def test_who_comes_back_first_after_an_outage_does_not_take_the_others_for_gone(
    hosts: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepguard.notify.keeper.SEEN_SECONDS", 0.0)
    await left_behind(hosts.url, opened := make_notification(), seen_ago=upkeep.GONE_SECONDS * 100)
    assert opened.incident
    host = await hosts(route("a", RecordingNotifier()))
    await looks(host)
    assert await open_incidents(host) == [opened.incident.id]


async def test_a_database_clock_that_is_set_forward_makes_nobody_gone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = set_forward = 0.0
    clocks = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + passed)
    monkeypatch.setattr("deepguard.notify.keeper.time", clocks)
    database_time = upkeep.now
    monkeypatch.setattr(upkeep, "now", lambda: database_time() + set_forward)
    await left_behind(fleet.url, opened := make_notification(), seen_ago=0.0)
    assert opened.incident
    host = await fleet(route("a", RecordingNotifier()))

    async def watch_on() -> None:
        nonlocal passed
        for _ in range(4):
            await looks(host)
            passed += 0.9 * keeper.GAP_SECONDS
        await looks(host)

    await watch_on()
    set_forward = 3600.0
    passed += keeper.SEEN_SECONDS
    await looks(host)
    assert await open_incidents(host) == [opened.incident.id]
    # It is gone when it is not seen for as long by the new time.
    await watch_on()
    assert await open_incidents(host) == []


@pytest.mark.usefixtures("at_once")
async def test_a_process_that_was_forgotten_is_there_again_and_keeps_its_calls(hosts: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await hosts(route("a", notifier))
    host.dispatcher.record(began())
    host.record(opened := make_notification())
    assert opened.incident
    await host.dispatcher.journal.flushed()
    await host.execute(sa.delete(processes))
    await until(lambda: _count(host, processes))
    await looks(host)
    known = await host.store.read(lambda db: list(db.execute(sa.select(processes.c.id)).scalars()))
    assert known == [host.dispatcher.process_id]


async def test_an_end_in_good_order_leaves_no_process(fleet: Fleet) -> None:
    host = await fleet()
    assert await _count(host, processes) == 1
    await host.dispatcher.close()
    await host.store.open()
    assert await _count(host, processes) == 0
    await host.store.close()


async def _count(host: Host, table: sa.Table) -> int:
    return await host.store.read(lambda db: db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


# -- acknowledging -----------------------------------------------------------------------------------------------


async def test_an_acknowledgement_in_another_process_ends_repeats_and_reaches_the_guard(fleet: Fleet) -> None:
    heard: list[tuple[str, float, str]] = []
    notifier, told = RecordingNotifier(), RecordingNotifier()
    host = await fleet(
        route("a", notifier, repeat_every=0.05),
        route("b", told, on=frozenset({"acknowledged"})),
        on_acknowledged=lambda incident_id, at, by: heard.append((incident_id, at, by)),
    )
    host.record(opened := make_notification())
    assert opened.incident
    await notifier.wait_for(3)
    other = await fleet()
    assert await other.dispatcher.acknowledge(opened.incident.id, "Ann\n\x1b[31m <b>")
    await until(lambda: heard)
    assert await host.dispatcher.drain(5)
    repeated = await _count(host, deliveries)
    await looks(host)
    assert await _count(host, deliveries) == repeated
    assert len(heard) == 1
    incident_id, at, by = heard[0]
    assert (incident_id, by) == (opened.incident.id, "Ann [31m <b>")
    assert abs(at - time.time()) < 60
    # It has no notifiers of its own; those who have are told by their own acknowledgements.
    assert told.notifications == []
    assert await open_incidents(host) == [opened.incident.id]


async def test_an_acknowledgement_is_told_once_and_stays(fleet: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await fleet(route("a", notifier))
    host.record(opened := make_notification())
    assert opened.incident
    await notifier.wait_for(1)
    assert await host.dispatcher.acknowledge(opened.incident.id, "Ann")
    assert await host.dispatcher.acknowledge(opened.incident.id, "Bob")
    (_, told) = await notifier.wait_for(2)
    assert told.kind is NotificationKind.ACKNOWLEDGED
    assert told.incident
    assert told.incident.acknowledged_by == "Ann"
    host.record(end_of(opened))
    await notifier.wait_for(3)
    assert await host.dispatcher.acknowledge(opened.incident.id, "Eve")
    assert await host.dispatcher.drain(5)
    assert len(notifier.notifications) == 3
    (stored,) = await host.store.read(lambda db: incidents.find(db))
    assert stored.incident.acknowledged_by == "Ann"
    assert stored.incident.resolved_at


@pytest.mark.parametrize("incident_id", ["", "inc_unknown", "\x00", "\ud800", "x" * 100_000, "' OR 1=1 --"])
async def test_what_is_no_incident_is_not_acknowledged(fleet: Fleet, incident_id: str) -> None:
    host = await fleet()
    assert not await host.dispatcher.acknowledge(incident_id, "Ann")


# -- silences ----------------------------------------------------------------------------------------------------


async def silence(host: Host, **matchers: tuple[str, ...]) -> None:
    await host.store.write(
        lambda db: silences.add(db, "sil_1", seconds=3600.0, matchers=matchers, created_by="Ann\x00", comment="\ud800")
    )


async def test_a_silence_holds_from_the_start_and_what_lasts_is_told_when_it_is_over(fleet: Fleet) -> None:
    seed = await fleet()
    await silence(seed, notifiers=("a",))
    await seed.dispatcher.close()
    kept, free = RecordingNotifier(), RecordingNotifier()
    host = await fleet(route("a", kept, repeat_every=3600.0), route("b", free, repeat_every=3600.0))
    host.record(opened := make_notification())
    assert opened.incident
    await free.wait_for(1)
    await looks(host)
    assert kept.notifications == []
    assert await host.rows(deliveries.c.status, notifier="a") == [DeliveryStatus.SILENCED]
    (reason,) = await host.rows(deliveries.c.detail, notifier="a")
    assert reason.startswith("silence sil_1 of Ann")
    assert await host.store.write(lambda db: silences.expire(db, "sil_1"))
    (told,) = await kept.wait_for(1)
    assert told.kind is NotificationKind.REPEATED
    assert told.incident
    assert told.incident.id == opened.incident.id
    await looks(host)
    assert len(kept.notifications) == 1
    assert len(free.notifications) == 1


async def test_a_silence_that_begins_now_holds_within_one_look(hosts: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await hosts(route("a", notifier))
    await silence(host, participants=("participant-*",))
    await looks(host)
    host.record(make_notification())
    host.record(other := make_notification(participant_id="somebody else"))
    assert [told.id for told in await notifier.wait_for(1)] == [other.id]
    assert await host.stands() == ["silenced", "delivered"]


# -- what is too old ---------------------------------------------------------------------------------------------


@pytest.fixture
def purging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepguard.notify.keeper.PURGE_SECONDS", 0.0)


async def age(host: Host, seconds: float) -> None:
    """Let everything be so much older."""
    for table in metadata.tables.values():
        times = [column for column in table.columns if column.name.endswith("_at") and column.name != "due_at"]
        if times and table is not processes:
            await host.execute(sa.update(table).values({column.name: column - seconds for column in times}))


@pytest.mark.usefixtures("purging")
async def test_what_is_old_goes_but_never_what_waits_or_is_dead(fleet: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await fleet(route("a", notifier), keep_seconds=1000.0)
    host.dispatcher.record(began())
    sent = [make_notification() for _ in range(3)]
    done, waits, dead = sent
    host.record(*sent, verdict=make_verdict())
    await host.ended(3)
    changed = sa.update(deliveries).where
    await host.execute(
        changed(deliveries.c.notification_id == waits.id).values(
            status="pending", ended_at=None, due_at=time.time() + 10_000
        )
    )
    await host.execute(changed(deliveries.c.notification_id == dead.id).values(status="dead"))
    host.record(end_of(done))
    host.dispatcher.record(Entry(call_id="call-1", ended=CallEnded(time.time(), "hangup")))
    await host.ended(4)
    await host.dispatcher.journal.flushed()
    before = await _count(host, verdicts)
    await looks(host)
    assert await _count(host, verdicts) == before
    await age(host, 2000.0)
    await host.execute(sa.update(deliveries).values(expires_at=time.time() + 10_000))

    async def gone() -> bool:
        return not await _count(host, verdicts) and not await _count(host, calls)

    await until(gone)
    await looks(host)
    assert set(await host.rows(deliveries.c.notification_id)) == {waits.id, dead.id}
    assert await _count(host, notifications) == 2
    found = await host.store.read(lambda db: incidents.find(db))
    assert {stored.incident.id for stored in found} == {one.incident.id for one in (waits, dead) if one.incident}


@pytest.mark.usefixtures("purging")
async def test_calls_go_when_they_take_more_than_is_allowed(fleet: Fleet) -> None:
    host = await fleet(route("a", RecordingNotifier()), max_size=5000)
    for call_id in ("call-1", "call-2"):
        host.dispatcher.record(Entry(call_id=call_id, began=CallBegan(Call(call_id, time.time()), "test", False)))
        for _ in range(50):
            host.dispatcher.record(Entry(call_id=call_id, verdict=make_verdict()))
    await host.dispatcher.journal.flushed()
    await looks(host)
    assert await _count(host, verdicts) == 100
    host.dispatcher.record(Entry(call_id="call-1", ended=CallEnded(time.time(), "hangup")))
    await host.dispatcher.journal.flushed()

    async def gone() -> bool:
        return await _count(host, calls) == 1

    await until(gone)
    assert await _count(host, verdicts) == 50
    assert await host.store.read(lambda db: list(db.execute(sa.select(calls.c.id)).scalars())) == ["call-2"]


@pytest.mark.usefixtures("purging")
async def test_a_picture_is_kept_until_everybody_was_told_and_no_longer(fleet: Fleet) -> None:
    picture = Picture(b"\xff\xd8 biometric \x00", SampleFormat.JPEG, 1.0, 640, 480)
    late, quick = Always(ConnectionError()), RecordingNotifier()
    host = await fleet(route("late", late), route("quick", quick), pictures=True)
    host.record(make_notification(), picture=picture)
    (told,) = await quick.wait_for(1)
    assert told.picture == picture
    await looks(host)
    assert await _count(host, pictures) == 1
    late.act = None
    await host.ended(1, name="late", status="delivered")
    assert late.notifications[0].picture == picture

    async def forgotten() -> bool:
        return not await _count(host, pictures)

    await until(forgotten)


@pytest.mark.usefixtures("purging")
async def test_a_picture_that_nobody_is_to_see_is_not_kept(hosts: Fleet) -> None:
    picture = Picture(b"biometric", SampleFormat.WEBP, 1.0)
    host = await hosts(route("a", RecordingNotifier()), should_notify=lambda _told, _name: False, pictures=True)
    host.record(make_notification(), picture=picture)
    await host.dispatcher.journal.flushed()

    async def forgotten() -> bool:
        return not await _count(host, pictures)

    await until(forgotten)


async def test_a_look_that_fails_shows_no_names_and_the_next_one_goes_on(
    hosts: Fleet, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await hosts(route("a", notifier := RecordingNotifier()))
    failures: list[int] = []
    real = upkeep.backlogs

    def failing(db: sa.Connection) -> Any:
        secret = "xoxb-very-secret"
        failures.append(1)
        raise RuntimeError(secret)

    monkeypatch.setattr(upkeep, "backlogs", failing)
    await until(lambda: len(failures) > 2)
    monkeypatch.setattr(upkeep, "backlogs", real)
    await looks(host)
    host.record(make_notification())
    await notifier.wait_for(1)
    text = "".join(logged)
    assert text.count("Looking at the store failed") == 1
    assert "xoxb" not in text


async def test_what_waits_for_a_notifier_that_nobody_here_names_is_said_once(hosts: Fleet, logged: list[str]) -> None:
    before = await hosts(route("pager", Always(NotifyError("busy", retry_after=3600))))
    before.record(make_notification())
    await before.ended(1)
    await before.dispatcher.close()
    after = await hosts(route("renamed", RecordingNotifier()))
    await until(lambda: any("was it renamed?" in line for line in logged))
    looked_at = after.dispatcher.looked_at
    await until(lambda: after.dispatcher.looked_at > looked_at)
    assert sum("1 deliveries wait for 'pager'" in line for line in logged) == 1
