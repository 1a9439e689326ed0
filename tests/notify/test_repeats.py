"""When an incident that lasts is told again, and to whom."""

import time
from dataclasses import replace
from typing import Any

import pytest

from deepguard.config.models import NotifyOn
from deepguard.model import Notification, NotificationKind
from deepguard.notify.planning import Planner
from deepguard.notify.repeats import Repeats
from deepguard.notify.silence import Silence
from deepguard.store.entry import Entry
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import Fleet, route, telling

REPEATED = NotificationKind.REPEATED


def to_some(_notification: Notification, _name: str) -> None:
    return None


class Scene:
    """A planner, what it repeats, and the time at which things happen: hours ago, so that all of it is over now."""

    def __init__(self, *, should_notify: Any = to_some, **every: float) -> None:
        routes = [route(name, RecordingNotifier(), repeat_every=seconds) for name, seconds in every.items()]
        self.planner = Planner(routes, should_notify=should_notify)
        self.repeats = Repeats(self.planner)
        self.began = time.time() - 36_000
        self.opened = make_notification(at=self.began)
        self.tell(self.opened)

    def tell(self, notification: Notification, only: Any = None) -> None:
        self.repeats.note(self.planner.plan(telling(notification), only))

    def later(self, seconds: float, kind: NotificationKind) -> Notification:
        assert self.opened.incident
        incident = replace(self.opened.incident, updated_at=self.began + seconds)
        return make_notification(kind=kind, incident=incident, at=self.began + seconds)

    def due(self, seconds: float) -> list[tuple[Entry, list[str]]]:
        """What is due so long after it opened; it is told, as the keeper does."""
        found = [(entry, list(names)) for entry, names in self.repeats.due(self.began + seconds)]
        for entry, names in found:
            self.tell(entry.notifications[0], names)
        return found

    def names(self, seconds: float) -> list[str]:
        return [name for _, names in self.due(seconds) for name in names]


def test_each_notifier_has_its_own_rhythm() -> None:
    scene = Scene(often=60, seldom=150, never=0)
    heard = {at: scene.names(at) for at in range(10, 310, 10)}
    assert {at: names for at, names in heard.items() if names} == {
        60: ["often"],
        120: ["often"],
        150: ["seldom"],
        180: ["often"],
        240: ["often"],
        300: ["often", "seldom"],
    }


def test_a_repetition_tells_how_long_it_has_lasted() -> None:
    scene = Scene(a=600)
    ((entry, names),) = scene.due(600)
    (told,) = entry.notifications
    assert (told.kind, names, entry.call_id) == (REPEATED, ["a"], "call-1")
    assert told.incident
    assert scene.opened.incident
    assert (told.incident.id, told.at) == (scene.opened.incident.id, scene.began + 600)
    assert "lasted for 10 minutes" in told.detail
    assert told.id != scene.opened.id


def test_any_news_of_it_starts_the_wait_anew() -> None:
    scene = Scene(a=60)
    scene.tell(scene.later(50, NotificationKind.UPDATED))
    assert scene.names(60) == []
    assert scene.names(110) == ["a"]


@pytest.mark.parametrize("kind", [NotificationKind.RESOLVED, NotificationKind.ACKNOWLEDGED])
def test_it_ends_with_the_incident_and_when_somebody_takes_it_over(kind: NotificationKind) -> None:
    scene = Scene(a=60)
    scene.tell(scene.later(50, kind))
    assert scene.names(1000) == []
    assert scene.repeats.incident_ids == []
    scene.tell(scene.later(55, NotificationKind.UPDATED))
    assert scene.names(2000) == []


def test_who_does_not_want_repetitions_hears_none() -> None:
    only: frozenset[NotifyOn] = frozenset({"alert", "resolved"})
    planner = Planner(
        [route("a", RecordingNotifier(), repeat_every=1.0, on=only)], should_notify=lambda _told, _name: None
    )
    repeats = Repeats(planner)
    repeats.note(planner.plan(telling(make_notification(at=time.time() - 100))))
    assert list(repeats.due(time.time())) == []


def test_who_was_silenced_hears_of_it_when_the_silence_is_over() -> None:
    scene = Scene(a=60, b=60)
    now = time.time()
    scene.planner.silences = [Silence("s", now - 1000, now + 1000, notifiers=("a",))]
    scene.opened = make_notification(at=scene.began)
    scene.tell(scene.opened)
    assert scene.names(60) == ["b", "b"]  # also of the one that was open before
    assert scene.names(61) == []
    scene.planner.silences = []
    assert scene.names(62) == ["a", "a"]
    assert scene.names(63) == []


def test_a_hook_that_says_no_is_not_asked_at_every_look() -> None:
    asked = []

    def should_notify(notification: Notification, name: str) -> bool | None:
        asked.append(name)
        return False if name == "a" else None

    scene = Scene(a=60, b=60, should_notify=should_notify)
    for at in range(1, 121):
        scene.due(at)
    assert asked == ["a", "b"] * 3


async def test_an_incident_that_lasts_is_told_again_and_again(hosts: Fleet) -> None:
    notifier, other = RecordingNotifier(), RecordingNotifier()
    host = await hosts(route("a", notifier, repeat_every=0.05), route("b", other))
    host.record(opened := make_notification())
    told = await notifier.wait_for(3)
    assert [each.kind for each in told[:3]] == [NotificationKind.OPENED, REPEATED, REPEATED]
    assert opened.incident
    assert {each.incident.id for each in told if each.incident} == {opened.incident.id}
    assert len({each.id for each in told}) == len(told)
    host.record(make_notification(kind=NotificationKind.RESOLVED, incident=opened.incident))
    await other.wait_for(2)
    assert await host.dispatcher.drain(5)
    assert notifier.notifications[-1].kind is NotificationKind.RESOLVED
    assert [each.kind for each in other.notifications] == [NotificationKind.OPENED, NotificationKind.RESOLVED]
