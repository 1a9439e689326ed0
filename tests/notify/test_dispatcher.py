"""The dispatcher, with notifiers that fail in every way that notifiers do."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from deepguard.contracts import Notifier
from deepguard.errors import NotifyError
from deepguard.model import Delivery, Notification, NotificationKind
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.outbox import MOST_FAULTS
from deepguard.store.store import Store
from deepguard.store.tables import destinations
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import Always, Fleet, Scripted, hang, route, telling, until

SECRET = "xoxb-very-secret"


async def test_hands_over_in_order_and_tells_how_it_ended(fleet: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await fleet(route("a", notifier))
    sent = [make_notification() for _ in range(5)]
    host.record(*sent)
    assert await host.dispatcher.drain(5)
    assert [told.id for told in notifier.notifications] == [told.id for told in sent]
    assert [delivery.notification_id for delivery in host.deliveries] == [told.id for told in sent]
    first = host.deliveries[0]
    assert (first.notifier, first.status, first.call_id, first.detail) == ("a", "delivered", "call-1", "")
    assert first.seconds >= 0
    assert first.attempts == 1
    assert host.dispatcher.counts["a"].delivered == 5
    assert notifier.started == 1
    assert await host.stands() == ["delivered"] * 5


@pytest.mark.parametrize("kind", sorted(set(NotificationKind) - {NotificationKind.DIGEST}))
async def test_on_decides_which_kinds_arrive(hosts: Fleet, kind: NotificationKind) -> None:
    some, nothing = RecordingNotifier(), RecordingNotifier()
    host = await hosts(
        route("some", some, on=frozenset({"alert", "coverage_lost"})), route("nothing", nothing, on=frozenset())
    )
    host.record(make_notification(kind=kind))
    assert await host.dispatcher.drain(5)
    wanted = kind in (NotificationKind.OPENED, NotificationKind.COVERAGE_LOST, NotificationKind.TEST)
    assert len(some.notifications) == wanted
    # A kind that has no word in ``on`` reaches everybody.
    assert len(nothing.notifications) == (kind is NotificationKind.TEST)


async def test_a_hung_notifier_delays_no_other(hosts: Fleet) -> None:
    stuck, well = Scripted(sends=[hang]), RecordingNotifier()
    host = await hosts(route("stuck", stuck), route("well", well))
    host.record(*(make_notification() for _ in range(3)))
    assert len(await well.wait_for(3)) == 3
    assert host.statuses("stuck") == []


async def test_a_notifier_that_hangs_in_start_delays_no_other(hosts: Fleet) -> None:
    stuck, well = Scripted(starts=[hang]), RecordingNotifier()
    host = await hosts(route("stuck", stuck), route("well", well))
    host.record(make_notification())
    assert await well.wait_for(1)
    assert stuck.attempts == []


async def test_a_failed_start_is_reported_and_tried_again_before_the_next_send(hosts: Fleet, logged: list[str]) -> None:
    notifier = Scripted(starts=[NotifyError("no such host"), NotifyError("no such host")])
    host = await hosts(route("a", notifier))
    host.record(make_notification())
    assert await notifier.wait_for(1)
    assert notifier.started == 3
    assert "did not start: no such host" in "".join(logged)
    host.record(make_notification())
    await host.ended(2, status="delivered")
    assert notifier.started == 3
    assert host.statuses("a") == ["pending", "delivered", "delivered"]


async def test_never_sends_to_a_notifier_that_has_not_started(hosts: Fleet) -> None:
    notifier = Scripted(starts=[NotifyError("down")] * 2 + [NotifyError("gone", retryable=False)])
    host = await hosts(route("a", notifier))
    host.record(make_notification())
    (ended,) = await host.ended(status="dead")
    assert (ended.detail, notifier.attempts) == ("gone", [])


async def test_an_error_that_may_pass_is_tried_until_it_has(hosts: Fleet) -> None:
    notifier = Scripted(sends=[NotifyError("busy", retry_after=0.01), *[NotifyError("busy")] * 3])
    host = await hosts(route("a", notifier))
    host.record(make_notification())
    (ended,) = await host.ended(status="delivered")
    assert (ended.attempts, len(notifier.attempts), host.dispatcher.counts["a"].failed) == (5, 5, 4)
    assert host.statuses("a") == ["pending"] * 4 + ["delivered"]


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (NotifyError("bad address", retryable=False), "bad address"),
        (NotifyError("bad address", retryable=False, retry_after=1), "bad address"),
        (NotifyError("two\nlines \x1b[31m", retryable=False), "two lines [31m"),
        (NotifyError("half a \ud800 pair and \x00", retryable=False), "half a"),
    ],
)
async def test_what_cannot_help_is_not_tried_again(fleet: Fleet, error: NotifyError, detail: str) -> None:
    notifier = Scripted(sends=[error])
    host = await fleet(route("a", notifier))
    host.record(make_notification(), make_notification())
    (dead,) = await host.ended(status="dead")
    assert dead.detail.startswith(detail)
    assert "\n" not in dead.detail
    await host.ended(status="delivered")
    assert len(notifier.attempts) == 2
    assert await host.stands() == ["dead", "delivered"]


async def test_waits_are_drawn_from_a_growing_range(hosts: Fleet) -> None:
    ranges = []

    def draw(low: float, high: float) -> float:
        ranges.append((low, high))
        return low

    notifier = Scripted(sends=[NotifyError("busy")] * 2)
    host = await hosts(route("a", notifier), draw=draw)
    host.record(make_notification())
    await host.ended(status="delivered")
    assert ranges == [(0.0, 2.0), (0.0, 4.0)]


async def test_a_send_that_takes_too_long_is_cancelled_and_tried_again(hosts: Fleet) -> None:
    notifier = Scripted(sends=[hang])
    host = await hosts(route("a", notifier, timeout=0.02))
    host.record(make_notification())
    first, second = await host.ended(2)
    assert (first.status, first.detail, second.status) == ("pending", "no answer within 0.02 s", "delivered")
    assert len(notifier.attempts) == 2


async def test_a_notifier_that_blocks_the_program_for_too_long_has_its_success_counted(hosts: Fleet) -> None:
    class Blocking(RecordingNotifier):
        async def send(self, notification: Notification) -> None:
            time.sleep(0.05)  # noqa: ASYNC251 - what a careless author does
            await super().send(notification)

    host = await hosts(route("a", Blocking(), timeout=0.02), route("b", well := RecordingNotifier()))
    host.record(make_notification())
    assert (await host.ended(1, name="b"))[0].status == "delivered"
    assert (await host.ended(1, name="a"))[0].status in ("delivered", "pending")
    assert well.notifications


async def cancelled_inside() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def fail_with_secret_in_a_variable() -> None:
    token = SECRET
    raise ValueError(f"cannot post to https://hooks.example/{token}")


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (fail_with_secret_in_a_variable, "ValueError"),
        (TimeoutError(SECRET), "TimeoutError"),
        (ConnectionResetError(SECRET), "ConnectionResetError"),
        (SystemExit(SECRET), "SystemExit"),
        (BaseExceptionGroup(SECRET, [GeneratorExit()]), "BaseExceptionGroup"),
        (cancelled_inside, "CancelledError"),
    ],
)
@pytest.mark.parametrize("where", ["sends", "starts", "closes"])
async def test_what_a_notifier_raises_stays_with_it_and_shows_no_secret(
    hosts: Fleet, logged: list[str], act: Any, kind: str, where: str
) -> None:
    notifier, other = Scripted(**{where: [act, act]}), RecordingNotifier()
    host = await hosts(route("bad", notifier), route("good", other))
    host.record(*(make_notification() for _ in range(3)))
    await host.ended(3, status="delivered", name="bad")
    await host.ended(3, status="delivered", name="good")
    await host.dispatcher.close()
    # A failed start is tried once in the background, and once more before the first notification.
    failures = {"sends": 2, "starts": 1, "closes": 0}[where]
    assert sorted(host.statuses("bad")) == ["delivered"] * 3 + ["pending"] * failures
    assert host.statuses("good") == ["delivered"] * 3
    assert {delivery.detail for delivery in host.deliveries if delivery.status == "pending"} <= {f"{kind}; see the log"}
    text = "".join(logged)
    assert kind in text
    assert "hosts.py:" in text
    assert SECRET not in text
    assert (notifier.closed, other.closed) == (1, 1)


async def test_a_notifier_whose_code_breaks_on_one_notification_holds_up_no_other(hosts: Fleet) -> None:
    poison, others = make_notification(), [make_notification() for _ in range(8)]
    notifier = Always(KeyError("participant"), only=(poison.id,))
    host = await hosts(route("a", notifier))
    host.record(poison, *others)
    await host.ended(len(others), status="delivered")
    (dead,) = await host.ended(1, status="dead")
    assert (dead.notification_id, dead.attempts) == (poison.id, MOST_FAULTS)
    assert notifier.attempts.count(poison.id) == MOST_FAULTS
    assert len(notifier.attempts) == MOST_FAULTS + len(others)


class LibraryError(Exception):
    """What a library makes of an operating system's error."""

    def __init__(self) -> None:
        super().__init__("connect failed")
        self.__cause__ = ConnectionRefusedError("111")


@pytest.mark.parametrize("error", [ConnectionRefusedError("111"), LibraryError()])
async def test_a_network_error_that_a_notifier_lets_through_is_not_its_bug(hosts: Fleet, error: Exception) -> None:
    notifier = Always(error)
    host = await hosts(route("a", notifier))
    host.record(make_notification())
    for tried in range(1, MOST_FAULTS + 2):
        await host.ended(tried, status="pending")
        await host.move("due_at", 3600)
        await host.execute(sa.update(destinations).values(blocked_until=0.0))
    notifier.act = None
    await host.ended(status="delivered")
    assert "dead" not in host.statuses("a")


async def test_what_is_recorded_before_the_start_is_delivered_after_it(hosts: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await hosts(route("a", notifier), start=False)
    host.record(make_notification())
    assert not await host.dispatcher.drain(0)
    await host.dispatcher.start()
    await host.dispatcher.start()
    assert len(await notifier.wait_for(1)) == 1


async def test_drain_says_whether_everything_is_out(hosts: Fleet) -> None:
    release = asyncio.Event()
    host = await hosts(route("a", Scripted(sends=[release.wait])))
    host.record(make_notification())
    assert not await host.dispatcher.drain(0.05)
    release.set()
    assert await host.dispatcher.drain(5)
    assert host.statuses("a") == ["delivered"]


async def test_close_delivers_what_it_can(hosts: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await hosts(route("a", notifier))
    host.record(*(make_notification() for _ in range(10)))
    await host.dispatcher.close()
    assert host.statuses("a") == ["delivered"] * 10
    assert notifier.closed == 1


async def test_what_is_not_out_at_the_end_waits_for_the_next_start(fleet: Fleet) -> None:
    stuck = Scripted(sends=[hang])
    host = await fleet(route("a", stuck))
    sent = [make_notification() for _ in range(3)]
    host.record(*sent)
    await stuck.entered.wait()
    await host.dispatcher.journal.flushed()
    await host.dispatcher.close(seconds=0)
    await host.dispatcher.close(seconds=0)
    assert (stuck.closed, host.deliveries) == (1, [])
    notifier = RecordingNotifier()
    await fleet(route("a", notifier))
    # Given back, not merely left: nobody waits for the end of a lease.
    assert {told.id for told in await notifier.wait_for(3)} == {told.id for told in sent}


@pytest.mark.parametrize("start", [True, False])
async def test_every_notifier_is_closed_even_when_nothing_ran_yet(hosts: Fleet, start: bool) -> None:
    a, b = RecordingNotifier(), RecordingNotifier()
    host = await hosts(route("a", a), route("b", b), start=start)
    await host.dispatcher.close(seconds=0)
    assert [a.closed, b.closed] == [1, 1]


async def test_close_ends_a_notifier_that_will_not_be_cancelled(hosts: Fleet) -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    notifier = Scripted(sends=[stubborn])
    host = await hosts(route("a", notifier))
    host.record(make_notification(), make_notification())
    await notifier.entered.wait()
    await host.dispatcher.journal.flushed()
    await host.dispatcher.close(seconds=0)
    # The first send went on regardless and succeeded; no second one was begun.
    assert host.statuses("a") == ["delivered"]
    assert len(notifier.attempts) == 1
    assert notifier.closed == 1


async def test_close_does_not_wait_for_ever(hosts: Fleet, monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    monkeypatch.setattr("deepguard.notify.lane.END_TIMEOUT", 0.05)
    free = asyncio.Event()

    async def immortal() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    notifier, other = Scripted(sends=[immortal]), RecordingNotifier()
    host = await hosts(route("a", notifier), route("b", other))
    host.record(make_notification())
    await notifier.entered.wait()
    await host.dispatcher.close(seconds=0)
    assert "does not end" in "".join(logged)
    assert other.closed == 1
    free.set()
    await notifier.wait_for(1)
    await host.dispatcher.close(seconds=0)
    # What a notifier does after its process has let go of the store is not taken down: it will be made again.
    assert host.statuses("a") == []


async def test_a_failing_listener_stops_no_delivery(tmp_path: Path, logged: list[str]) -> None:
    def on_delivery(_delivery: Delivery) -> None:
        raise RuntimeError("page gone")

    notifier = RecordingNotifier()
    store = Store(f"sqlite:///{tmp_path / 'deepguard.db'}")
    dispatcher = Dispatcher(store, [route("a", notifier)], on_delivery=on_delivery)
    await dispatcher.start()
    dispatcher.record(telling(make_notification()))
    dispatcher.record(telling(make_notification()))
    assert await dispatcher.drain(5)
    await dispatcher.close()
    assert len(notifier.notifications) == 2
    assert "RuntimeError" in "".join(logged)


async def test_start_send_and_close_share_one_task(hosts: Fleet) -> None:
    tasks = []

    class Demanding(Notifier):
        async def start(self) -> None:
            tasks.append(asyncio.current_task())

        async def send(self, notification: Notification) -> None:
            tasks.append(asyncio.current_task())

        async def close(self) -> None:
            tasks.append(asyncio.current_task())

    host = await hosts(route("a", Demanding()))
    host.record(make_notification())
    await host.dispatcher.close()
    assert len(tasks) == 3
    assert len(set(tasks)) == 1


async def test_nothing_is_left_running(fleet: Fleet) -> None:
    before = asyncio.all_tasks()
    host = await fleet(route("a", RecordingNotifier()), route("b", Scripted(sends=[hang])))
    host.record(make_notification())
    await host.dispatcher.close(seconds=0.05)
    assert asyncio.all_tasks() == before


class Threading(RecordingNotifier):
    """Says what the service calls its message: one thing at first, then another."""

    def __init__(self, returned: Any) -> None:
        super().__init__()
        self.returned = returned

    async def send(self, notification: Notification) -> Any:
        await super().send(notification)
        return self.returned if len(self.notifications) == 1 else "another"


async def test_what_a_service_calls_its_message_comes_back_with_the_next_of_the_incident(fleet: Fleet) -> None:
    opened = make_notification()
    first, second = Threading("https://chat.example/1"), RecordingNotifier()
    host = await fleet(route("a", first), ack_url=lambda told: f"https://guard.example/{told.id}")
    host.record(opened, make_notification(kind=NotificationKind.UPDATED, incident=opened.incident))
    await host.ended(2, status="delivered")
    await host.dispatcher.close()
    other = await fleet(route("a", second))
    other.record(make_notification(kind=NotificationKind.RESOLVED, incident=opened.incident), make_notification())
    resolved, of_another = await second.wait_for(2)
    assert [told.thread for told in first.notifications] == ["", "https://chat.example/1"]
    assert (resolved.thread, of_another.thread) == ("another", "")
    assert first.notifications[0].ack_url == f"https://guard.example/{opened.id}"


@pytest.mark.parametrize(
    ("returned", "kept"), [(None, ""), (7, ""), ("", ""), ("x" * 100_000, "x" * 499), ("a\x00b", "a"), ("a\ud800", "a")]
)
async def test_a_service_may_call_it_anything(hosts: Fleet, returned: Any, kept: str) -> None:
    opened = make_notification()
    notifier = Threading(returned)
    host = await hosts(route("a", notifier))
    host.record(opened, make_notification(kind=NotificationKind.RESOLVED, incident=opened.incident))
    await host.ended(2, status="delivered")
    thread = notifier.notifications[1].thread
    assert thread.startswith(kept)
    assert len(thread) <= len(kept) + 2
    assert len(host.deliveries) == 2


async def test_a_delivery_that_cannot_be_taken_now_is_taken_later(hosts: Fleet, logged: list[str]) -> None:
    broken = [True]

    def ack_url(_told: Notification) -> str:
        if broken:
            raise LookupError(SECRET)
        return "https://guard.example/ack"

    host = await hosts(route("a", notifier := RecordingNotifier()), ack_url=ack_url)
    host.record(make_notification())
    await until(lambda: "cannot be taken" in "".join(logged))
    broken.clear()
    (told,) = await notifier.wait_for(1)
    assert told.ack_url == "https://guard.example/ack"
    assert "".join(logged).count("cannot be taken") == 1
    assert SECRET not in "".join(logged)
