"""Where an entry's notifications go: route, then hooks, then silences; what fails on the way silences nobody."""

import asyncio
import threading
import time
from typing import Any

import pytest

from deepguard.model import DeliveryStatus, Notification, NotificationKind
from deepguard.notify.planning import BY_HOOK, Planner
from deepguard.notify.silence import Silence
from deepguard.store.entry import Outgoing
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import Fleet, route, telling

SECRET = "xoxb-very-secret"


def planner(*names: str, should_notify: Any = lambda _told, _name: None) -> Planner:
    return Planner([route(name, RecordingNotifier()) for name in names], should_notify=should_notify)


def statuses(outgoing: tuple[Outgoing, ...]) -> dict[str, DeliveryStatus]:
    return {each.notifier: each.status for each in outgoing}


def test_each_notification_goes_to_each_who_wants_it() -> None:
    told = [make_notification(), make_notification(kind=NotificationKind.TEST)]
    made = Planner(
        [
            route("all", RecordingNotifier(), give_up_after=7.0),
            route("none", RecordingNotifier(), on=frozenset()),
        ],
        should_notify=lambda _told, _name: None,
    )
    planned = made.plan(telling(*told))
    assert planned.entry.notifications == tuple(told)
    assert [(each.notifier, each.notification.id, each.give_up_after) for each in planned.outgoing] == [
        ("all", told[0].id, 7.0),
        ("all", told[1].id, 7.0),
        ("none", told[1].id, 86400.0),
    ]


def test_some_may_be_asked_only() -> None:
    made = planner("a", "b")
    assert statuses(made.plan(telling(make_notification()), ["b", "unknown"]).outgoing) == {"b": "pending"}
    assert made.plan(telling(make_notification()), []).outgoing == ()


def test_hooks_are_asked_for_each_notifier_and_false_keeps_it_away() -> None:
    asked = []

    def should_notify(notification: Notification, name: str) -> bool | None:
        asked.append((notification.id, name))
        return {"kept": False, "asked": True, "other": None}[name]

    made = planner("kept", "asked", "other", should_notify=should_notify)
    planned = made.plan(telling(told := make_notification()))
    assert asked == [(told.id, name) for name in ("kept", "asked", "other")]
    assert statuses(planned.outgoing) == {"kept": "silenced", "asked": "pending", "other": "pending"}
    assert planned.outgoing[0].detail == BY_HOOK
    assert made.silenced == {"kept": 1}


@pytest.mark.parametrize("answer", [0, "", []])
def test_whatever_is_no_is_no(answer: Any) -> None:
    made = planner("a", should_notify=lambda _told, _name: answer)
    assert statuses(made.plan(telling(make_notification())).outgoing) == {"a": "silenced"}


def test_a_failing_hook_silences_nobody_and_shows_no_secret(logged: list[str]) -> None:
    def should_notify(_notification: Notification, _name: str) -> bool:
        raise RuntimeError(SECRET)

    made = planner("a", should_notify=should_notify)
    assert statuses(made.plan(telling(make_notification())).outgoing) == {"a": "pending"}
    assert "RuntimeError" in "".join(logged)
    assert SECRET not in "".join(logged)


def test_a_yes_of_a_hook_does_not_break_a_silence() -> None:
    made = planner("a", should_notify=lambda _told, _name: True)
    made.silences = [Silence("s", 0.0, time.time() + 1000)]
    (kept,) = made.plan(telling(make_notification())).outgoing
    assert (kept.status, kept.detail) == ("silenced", "silence s")
    made.silences = [Silence("s", 0.0, time.time() - 1)]
    assert statuses(made.plan(telling(make_notification())).outgoing) == {"a": "pending"}


@pytest.mark.parametrize("kind", [NotificationKind.DIGEST, NotificationKind.TEST])
def test_digests_and_tests_are_never_silenced(kind: NotificationKind) -> None:
    made = planner("a")
    made.silences = [Silence("s", 0.0, time.time() + 1000)]
    assert statuses(made.plan(telling(make_notification(kind=kind))).outgoing) == {"a": "pending"}


async def test_hooks_run_where_the_program_runs(fleet: Fleet) -> None:
    """Never in a thread of the store's: who wrote them counts on the event loop."""
    places = set()

    def should_notify(_notification: Notification, _name: str) -> None:
        places.add(threading.current_thread())
        assert asyncio.get_running_loop()

    host = await fleet(route("a", notifier := RecordingNotifier()), should_notify=should_notify)
    host.record(opened := make_notification())
    assert opened.incident
    await notifier.wait_for(1)
    assert await host.dispatcher.acknowledge(opened.incident.id, "Ann")
    await notifier.wait_for(2)
    assert places == {threading.main_thread()}
