"""A trial beside the process that delivers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deepguard.contracts import Notifier
from deepguard.model import DeliveryStatus, Notification
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.planning import Planner
from deepguard.notify.route import Route
from deepguard.notify.trial import Trial
from deepguard.store import deliveries
from deepguard.store.store import Store
from deepguard.testing import RecordingNotifier
from support.alerts import OWNER, alerts_in, statuses


class Unready(Notifier):
    """Is not done with starting before it is told to end."""

    def __init__(self) -> None:
        self.starts = asyncio.Event()

    async def start(self) -> None:
        self.starts.set()
        await asyncio.Event().wait()

    async def send(self, notification: Notification) -> None:
        raise AssertionError("it has not started")


def planner(*routes: Route) -> Planner:
    return Planner(routes, should_notify=lambda _notification, _notifier: None)


async def test_another_process_may_be_quicker(store_url: str) -> None:
    there = RecordingNotifier()
    running = Dispatcher(Store(store_url), [Route(name="hook", notifier=there)], on_delivery=lambda _delivery: None)
    await running.start()
    store = Store(store_url)
    await store.open()
    try:
        trial = Trial(store, planner(Route(name="hook", notifier=Unready())), ["hook"], 30)
        (outcome,) = await trial.run()
    finally:
        await store.close()
        await running.close()
    assert (outcome.result, outcome.elsewhere, outcome.attempts) == ("delivered", True, 1)
    assert [one.id for one in there.notifications] == [trial.notification.id]


async def test_what_another_process_has_in_hand_is_left_to_it_for_a_bounded_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    async with alerts_in(url) as alerts:
        notifier = Unready()
        trial = Trial(alerts.store, planner(Route(name="hook", notifier=notifier)), ["hook"], 1)
        running = asyncio.create_task(trial.run())
        await notifier.starts.wait()
        (letter,) = await alerts.letters()
        await alerts.write(lambda db: deliveries.lease(db, letter.id, OWNER, 60.0))
        (outcome,) = await running
        assert (outcome.result, outcome.detail) == ("failed", "another process is still trying it")
        assert trial.left == [letter.id]
        (letter,) = await alerts.letters()
        assert letter.status == DeliveryStatus.LEASED


async def test_a_trial_that_is_cancelled_takes_its_test_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    async with alerts_in(url) as alerts:
        notifier = Unready()
        trial = Trial(alerts.store, planner(Route(name="hook", notifier=notifier)), ["hook"], 60)
        running = asyncio.create_task(trial.run())
        await notifier.starts.wait()
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        assert statuses(await alerts.letters()) == {"hook": "dropped"}
