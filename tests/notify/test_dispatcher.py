"""The dispatcher, with notifiers that fail in every way that notifiers do."""

import asyncio
from typing import get_args

import pytest
from loguru import logger

from deepguard.config.models import NotifyOn
from deepguard.contracts import Notifier
from deepguard.errors import NotifyError
from deepguard.model import NotificationKind
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.lane import QUEUE_SIZE
from deepguard.notify.route import Route
from deepguard.testing import RecordingNotifier, make_notification

EVERYTHING: frozenset[NotifyOn] = frozenset(get_args(NotifyOn))
NOTHING: frozenset[NotifyOn] = frozenset()
SOME: frozenset[NotifyOn] = frozenset({"alert", "coverage_lost"})
SECRET = "xoxb-very-secret"


class Scripted(RecordingNotifier):
    """Goes through a list of what to do at each start and at each send; after its end all goes well."""

    def __init__(self, sends=(), starts=(), closes=()):
        super().__init__()
        self.script = {"start": list(starts), "send": list(sends), "close": list(closes)}
        self.attempts = 0
        self.entered = asyncio.Event()

    async def start(self):
        await super().start()
        await self._play("start")

    async def send(self, notification):
        self.attempts += 1
        self.entered.set()
        await self._play("send")
        await super().send(notification)

    async def close(self):
        await super().close()
        await self._play("close")

    async def _play(self, what):
        if self.script[what]:
            act = self.script[what].pop(0)
            if isinstance(act, BaseException):
                raise act
            if act is not None:
                await act()


async def hang():
    await asyncio.Event().wait()


class Ends:
    """Collects deliveries, and lets a test wait for them."""

    def __init__(self):
        self.deliveries = []
        self.news = asyncio.Condition()
        self.tasks = set()

    def __call__(self, delivery):
        self.deliveries.append(delivery)
        task = asyncio.ensure_future(self._tell())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _tell(self):
        async with self.news:
            self.news.notify_all()

    async def wait(self, count):
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.deliveries) >= count)
        return self.deliveries

    def statuses(self, name):
        return [delivery.status for delivery in self.deliveries if delivery.notifier == name]


@pytest.fixture
async def ends():
    return Ends()


@pytest.fixture
def logged():
    lines = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}\n{exception}", diagnose=True)
    yield lines
    logger.remove(sink)


@pytest.fixture
async def dispatch(ends):
    """Build and start a dispatcher of named notifiers; it is closed after the test."""
    made = []

    async def build(*, limit=5.0, on=EVERYTHING, should_notify=lambda notification, name: None, start=True, **named):
        dispatcher = Dispatcher(
            [Route(name, notifier, on, limit) for name, notifier in named.items()],
            on_delivery=ends,
            should_notify=should_notify,
            jitter=lambda low, high: low,
        )
        made.append(dispatcher)
        if start:
            await dispatcher.start()
        return dispatcher

    yield build
    for dispatcher in made:
        await dispatcher.close(seconds=0)


async def test_hands_over_in_order_and_tells_how_it_ended(dispatch, ends):
    notifier = RecordingNotifier()
    dispatcher = await dispatch(a=notifier)
    sent = [make_notification() for _ in range(5)]
    for notification in sent:
        dispatcher.notify(notification)
    assert await dispatcher.drain(5)
    assert notifier.notifications == sent
    assert [delivery.notification_id for delivery in ends.deliveries] == [notification.id for notification in sent]
    first = ends.deliveries[0]
    assert (first.notifier, first.status, first.call_id, first.detail) == ("a", "delivered", "call-1", "")
    assert first.seconds >= 0
    assert dispatcher.counts["a"].delivered == 5
    assert notifier.started == 1


@pytest.mark.parametrize("kind", NotificationKind)
async def test_on_decides_which_kinds_arrive(dispatch, kind):
    some, nothing = RecordingNotifier(), RecordingNotifier()
    dispatcher = Dispatcher(
        [
            Route("some", some, SOME, 5.0),
            Route("nothing", nothing, NOTHING, 5.0),
        ],
        on_delivery=lambda delivery: None,
        should_notify=lambda notification, name: None,
    )
    await dispatcher.start()
    dispatcher.notify(make_notification(kind=kind))
    assert await dispatcher.drain(5)
    wanted = kind in (NotificationKind.OPENED, NotificationKind.COVERAGE_LOST, NotificationKind.TEST)
    assert len(some.notifications) == wanted
    # A kind that has no word in ``on`` reaches everybody.
    assert len(nothing.notifications) == (kind is NotificationKind.TEST)
    await dispatcher.close()


async def test_hooks_are_asked_for_each_notifier_and_false_keeps_it_away(dispatch):
    asked = []

    def should_notify(notification, name):
        asked.append((notification.id, name))
        return {"kept": False, "asked": True, "other": None}[name]

    named = {name: RecordingNotifier() for name in ("kept", "asked", "other")}
    dispatcher = await dispatch(should_notify=should_notify, **named)
    notification = make_notification()
    dispatcher.notify(notification)
    assert await dispatcher.drain(5)
    assert asked == [(notification.id, name) for name in named]
    assert [len(notifier.notifications) for notifier in named.values()] == [0, 1, 1]
    assert dispatcher.counts["kept"].suppressed == 1


async def test_a_failing_hook_silences_nobody(dispatch, logged):
    def should_notify(notification, name):
        raise RuntimeError(SECRET)

    notifier = RecordingNotifier()
    dispatcher = await dispatch(should_notify=should_notify, a=notifier)
    dispatcher.notify(make_notification())
    assert await notifier.wait_for(1)
    assert "RuntimeError" in "".join(logged)
    assert SECRET not in "".join(logged)


async def test_a_hung_notifier_delays_no_other(dispatch, ends):
    stuck, well = Scripted(sends=[hang]), RecordingNotifier()
    dispatcher = await dispatch(stuck=stuck, well=well)
    for _ in range(3):
        dispatcher.notify(make_notification())
    assert len(await well.wait_for(3)) == 3
    assert ends.statuses("stuck") == []


async def test_a_notifier_that_hangs_in_start_delays_no_other(dispatch):
    stuck, well = Scripted(starts=[hang]), RecordingNotifier()
    dispatcher = await dispatch(stuck=stuck, well=well)
    dispatcher.notify(make_notification())
    assert await well.wait_for(1)
    assert stuck.attempts == 0


async def test_a_failed_start_is_reported_and_tried_again_before_the_next_send(dispatch, ends, logged):
    notifier = Scripted(starts=[NotifyError("no such host"), NotifyError("no such host")])
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    assert await notifier.wait_for(1)
    assert notifier.started == 3
    assert "did not start: no such host" in "".join(logged)
    dispatcher.notify(make_notification())
    await ends.wait(2)
    assert notifier.started == 3
    assert ends.statuses("a") == ["delivered", "delivered"]


async def test_never_sends_to_a_notifier_that_has_not_started(dispatch, ends):
    notifier = Scripted(starts=[NotifyError("down")] * 10)
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    (ended,) = await ends.wait(1)
    assert (ended.status, ended.detail) == ("failed", "down")
    assert notifier.attempts == 0


async def test_retryable_errors_are_tried_three_times(dispatch, ends):
    notifier = Scripted(sends=[NotifyError("busy", retry_after=0.01), NotifyError("busy")])
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    (ended,) = await ends.wait(1)
    assert (ended.status, notifier.attempts, dispatcher.counts["a"].retries) == ("delivered", 3, 2)


async def test_gives_up_after_the_third_attempt_and_goes_on(dispatch, ends):
    notifier = Scripted(sends=[NotifyError(f"busy {n}") for n in range(3)])
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    dispatcher.notify(make_notification())
    first, second = await ends.wait(2)
    assert (first.status, first.detail, second.status) == ("failed", "busy 2", "delivered")
    counts = dispatcher.counts["a"]
    assert (counts.failed, counts.delivered, counts.retries) == (1, 1, 2)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (NotifyError("bad address", retryable=False), "bad address"),
        (NotifyError("bad address", retryable=False, retry_after=1), "bad address"),
        (NotifyError("slow down", retry_after=31), "slow down (asked to wait 31 s)"),
        (NotifyError("two\nlines \x1b[31m", retryable=False), "two lines [31m"),
    ],
)
async def test_what_cannot_help_is_not_tried_again(dispatch, ends, error, detail):
    notifier = Scripted(sends=[error])
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    (ended,) = await ends.wait(1)
    assert (ended.status, ended.detail, notifier.attempts) == ("failed", detail, 1)


async def test_waits_are_drawn_from_a_growing_range(ends):
    ranges = []

    def jitter(low, high):
        ranges.append((low, high))
        return 0.0

    notifier = Scripted(sends=[NotifyError("busy")] * 3)
    dispatcher = Dispatcher(
        [Route("a", notifier, EVERYTHING, 5.0)],
        on_delivery=ends,
        should_notify=lambda notification, name: None,
        jitter=jitter,
    )
    await dispatcher.start()
    dispatcher.notify(make_notification())
    await ends.wait(1)
    assert ranges == [(0.0, 1.0), (0.0, 2.0)]
    await dispatcher.close()


async def test_a_send_that_takes_too_long_is_cancelled_and_tried_again(dispatch, ends):
    notifier = Scripted(sends=[hang])
    dispatcher = await dispatch(limit=0.02, a=notifier)
    dispatcher.notify(make_notification())
    (ended,) = await ends.wait(1)
    assert (ended.status, notifier.attempts) == ("delivered", 2)


async def test_a_destination_that_never_answers_has_failed(dispatch, ends):
    notifier = Scripted(sends=[hang] * 3)
    dispatcher = await dispatch(limit=0.02, a=notifier)
    dispatcher.notify(make_notification())
    (ended,) = await ends.wait(1)
    assert (ended.status, ended.detail) == ("failed", "no answer within 0.02 s")


async def cancelled_inside():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def fail_with_secret_in_a_variable():
    token = SECRET
    raise ValueError(f"cannot post to https://hooks.example/{token}")


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (fail_with_secret_in_a_variable, "ValueError"),
        (TimeoutError(SECRET), "TimeoutError"),
        (SystemExit(SECRET), "SystemExit"),
        (BaseExceptionGroup(SECRET, [GeneratorExit()]), "BaseExceptionGroup"),
        (cancelled_inside, "CancelledError"),
    ],
)
@pytest.mark.parametrize("where", ["sends", "starts", "closes"])
async def test_what_a_notifier_raises_stays_with_it_and_shows_no_secret(ends, logged, act, kind, where):
    notifier, other = Scripted(**{where: [act, act]}), RecordingNotifier()
    dispatcher = Dispatcher(
        [Route("bad", notifier, EVERYTHING, 5.0), Route("good", other, EVERYTHING, 5.0)],
        on_delivery=ends,
        should_notify=lambda notification, name: None,
    )
    await dispatcher.start()
    for _ in range(3):
        dispatcher.notify(make_notification())
    assert await dispatcher.drain(5)
    await dispatcher.close()
    assert ends.statuses("good") == ["delivered"] * 3
    # A failed start is tried once in the background, and once more before the first notification.
    failures = {"sends": 2, "starts": 1, "closes": 0}[where]
    assert ends.statuses("bad") == ["failed"] * failures + ["delivered"] * (3 - failures)
    assert all(
        delivery.detail == (f"{kind}; see the log" if delivery.status == "failed" else "")
        for delivery in ends.deliveries
    )
    text = "".join(logged)
    assert kind in text
    assert "test_dispatcher.py:" in text
    assert SECRET not in text
    assert (notifier.closed, other.closed) == (1, 1)


async def test_a_full_queue_loses_its_oldest_and_counts_them(dispatch, ends, logged):
    release = asyncio.Event()
    notifier = Scripted(sends=[release.wait])
    dispatcher = await dispatch(a=notifier)
    sent = [make_notification() for _ in range(QUEUE_SIZE + 4)]
    dispatcher.notify(sent[0])
    await notifier.entered.wait()
    for notification in sent[1:]:
        dispatcher.notify(notification)
    dropped = [delivery for delivery in ends.deliveries if delivery.status == "dropped"]
    assert [delivery.notification_id for delivery in dropped] == [notification.id for notification in sent[1:4]]
    assert all("newer notifications" in delivery.detail for delivery in dropped)
    release.set()
    assert await dispatcher.drain(5)
    assert notifier.notifications == [sent[0], *sent[4:]]
    counts = dispatcher.counts["a"]
    assert (counts.dropped, counts.delivered) == (3, QUEUE_SIZE + 1)
    assert sum("too slow" in line for line in logged) == 1


async def test_what_is_notified_before_the_start_is_delivered_after_it(dispatch):
    notifier = RecordingNotifier()
    dispatcher = await dispatch(start=False, a=notifier)
    dispatcher.notify(make_notification())
    assert not await dispatcher.drain(0)
    await dispatcher.start()
    assert await notifier.wait_for(1)


async def test_drain_says_whether_everything_is_out(dispatch):
    release = asyncio.Event()
    dispatcher = await dispatch(a=Scripted(sends=[release.wait]))
    assert await dispatcher.drain(0)
    dispatcher.notify(make_notification())
    assert not await dispatcher.drain(0.01)
    release.set()
    assert await dispatcher.drain(5)


async def test_close_delivers_what_it_can(dispatch, ends):
    notifier = RecordingNotifier()
    dispatcher = await dispatch(a=notifier)
    for _ in range(10):
        dispatcher.notify(make_notification())
    await dispatcher.close()
    assert ends.statuses("a") == ["delivered"] * 10
    assert notifier.closed == 1


async def test_close_accounts_for_what_is_left(dispatch, ends):
    notifier = Scripted(sends=[hang])
    dispatcher = await dispatch(a=notifier)
    for _ in range(3):
        dispatcher.notify(make_notification())
    await notifier.entered.wait()
    await dispatcher.close(seconds=0)
    assert ends.statuses("a") == ["failed", "dropped", "dropped"]
    dispatcher.notify(make_notification())
    assert ends.statuses("a")[-1] == "dropped"
    await dispatcher.close(seconds=0)
    assert notifier.closed == 1
    assert (dispatcher.counts["a"].failed, dispatcher.counts["a"].dropped) == (1, 3)


@pytest.mark.parametrize("start", [True, False])
async def test_every_notifier_is_closed_even_when_nothing_ran_yet(dispatch, start):
    notifiers = {"a": RecordingNotifier(), "b": RecordingNotifier()}
    dispatcher = await dispatch(start=start, **notifiers)
    await dispatcher.close(seconds=0)
    assert [notifier.closed for notifier in notifiers.values()] == [1, 1]


async def test_close_ends_a_notifier_that_will_not_be_cancelled(dispatch, ends):
    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    notifier = Scripted(sends=[stubborn])
    dispatcher = await dispatch(a=notifier)
    dispatcher.notify(make_notification())
    dispatcher.notify(make_notification())
    await notifier.entered.wait()
    await dispatcher.close(seconds=0)
    # The first send went on regardless and succeeded; no second one was begun.
    assert ends.statuses("a") == ["delivered", "dropped"]
    assert notifier.attempts == 1
    assert notifier.closed == 1


async def test_close_does_not_wait_for_ever(dispatch, ends, monkeypatch, logged):
    monkeypatch.setattr("deepguard.notify.lane.END_TIMEOUT", 0.05)
    free = asyncio.Event()

    async def immortal():
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    notifier, other = Scripted(sends=[immortal]), RecordingNotifier()
    dispatcher = await dispatch(a=notifier, b=other)
    dispatcher.notify(make_notification())
    await notifier.entered.wait()
    await dispatcher.close(seconds=0)
    assert ends.statuses("a") == ["failed"]
    assert "does not end" in "".join(logged)
    free.set()
    await notifier.wait_for(1)
    await dispatcher.close(seconds=0)
    # It was told as failed already: one notification ends once.
    assert ends.statuses("a") == ["failed"]


async def test_a_failing_listener_stops_no_delivery(logged):
    def on_delivery(delivery):
        raise RuntimeError("page gone")

    notifier = RecordingNotifier()
    dispatcher = Dispatcher(
        [Route("a", notifier, EVERYTHING, 5.0)],
        on_delivery=on_delivery,
        should_notify=lambda notification, name: None,
    )
    await dispatcher.start()
    dispatcher.notify(make_notification())
    dispatcher.notify(make_notification())
    assert await dispatcher.drain(5)
    await dispatcher.close()
    assert len(notifier.notifications) == 2
    assert "RuntimeError" in "".join(logged)


async def test_start_send_and_close_share_one_task(dispatch):
    tasks = []

    class Demanding(Notifier):
        async def start(self):
            tasks.append(asyncio.current_task())

        async def send(self, notification):
            tasks.append(asyncio.current_task())

        async def close(self):
            tasks.append(asyncio.current_task())

    dispatcher = await dispatch(a=Demanding())
    dispatcher.notify(make_notification())
    await dispatcher.close()
    assert len(tasks) == 3
    assert len(set(tasks)) == 1


async def test_nothing_is_left_running(dispatch):
    dispatcher = await dispatch(a=RecordingNotifier(), b=Scripted(sends=[hang]))
    dispatcher.notify(make_notification())
    await dispatcher.close(seconds=0.01)
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("notifier")]
