"""Notifiers are built from the configuration, by the types that plugins offer."""

from dataclasses import replace
from typing import Any

import pytest

from deepguard.config.models import Config, DetectorEntry, NotifierEntry
from deepguard.contracts import NotifierType, PluginConfig
from deepguard.errors import PluginError
from deepguard.model import Incident, Level, Notification, NotificationKind, Source
from deepguard.notify.route import build_routes
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import end_of, route

SECRET = "whsec_very-secret"


class Settings(PluginConfig):
    token: str = SECRET


class Pager(RecordingNotifier):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings


def config(*entries):
    return Config(detector=DetectorEntry(type="scenario", options=PluginConfig()), notifiers=entries)


def entry(name="pager", **over):
    fields = {"type": "pager", "name": name, "on": ("alert",), "timeout": 3.0, "options": Settings()}
    pace = {"rate": 2.0, "burst": 3, "digest_after": 4}
    return NotifierEntry(**(fields | pace | over))


class Offering:
    """Knows one kind of notifier, or none."""

    def __init__(self, factory=None):
        self.notifier_types = {"pager": NotifierType("pager", Settings, factory)} if factory else {}


def test_each_entry_becomes_a_route_of_its_own():
    first, second = build_routes(
        config(entry("day"), entry("night", on=("resolved", "updated"), timeout=1.0)), Offering(Pager)
    )
    assert (first.name, first.on, first.timeout) == ("day", frozenset({"alert"}), 3.0)
    assert (second.name, second.on, second.timeout) == ("night", frozenset({"resolved", "updated"}), 1.0)
    assert (first.rate, first.burst, first.digest_after) == (2.0, 3, 4)
    assert (first.min_level, first.participants, first.sources) == (Level.SUSPICIOUS, (), frozenset())
    assert isinstance(first.notifier, Pager)
    assert first.notifier is not second.notifier
    assert first.notifier.settings.token == SECRET


def test_an_unknown_type_is_named():
    with pytest.raises(PluginError, match="'pager' is of type 'pager', which no loaded plugin offers"):
        build_routes(config(entry()), Offering())


def test_a_factory_that_fails_is_named_without_its_words():
    def factory(settings):
        raise ValueError(f"bad token {settings.token}")

    with pytest.raises(PluginError, match=r"the plugin 'pager' cannot build the notifier 'x': ValueError at") as caught:
        build_routes(config(entry("x")), Offering(factory))
    assert "test_route.py:" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_something_else_than_a_notifier_is_refused():
    with pytest.raises(PluginError, match=r"built a dict where a deepguard\.Notifier was expected"):
        build_routes(config(entry()), Offering(lambda settings: {}))


def test_the_whole_entry_reaches_the_route():
    (built,) = build_routes(
        config(
            entry(
                min_level="alert",
                participants=("agent-*",),
                sources=("camera",),
                repeat_every=60.0,
                give_up_after=120.0,
            )
        ),
        Offering(Pager),
    )
    assert (built.min_level, built.participants, built.sources) == (Level.ALERT, ("agent-*",), {Source.CAMERA})
    assert (built.repeat_every, built.give_up_after) == (60.0, 120.0)


def incident_of(told: Notification) -> Incident:
    assert told.incident is not None
    return told.incident


def about(kind: NotificationKind, level: Level, **over: Any) -> Notification:
    """A notification of an incident that was at alert, and is at ``level`` now."""
    told = make_notification(kind=kind, level=level)
    incident = replace(incident_of(told), **({"level": level} | over))
    return replace(told, incident=incident)


OPENED, UPDATED, REPEATED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.REPEATED
ACKNOWLEDGED, RESOLVED = NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (about(OPENED, Level.ALERT), True),
        (about(UPDATED, Level.SUSPICIOUS), False),
        (about(REPEATED, Level.SUSPICIOUS), False),
        (about(REPEATED, Level.ALERT), True),
        # Whoever was told that it began is told how it ended, at whatever level it is by then.
        (about(RESOLVED, Level.CLEAR), True),
        (about(ACKNOWLEDGED, Level.SUSPICIOUS), True),
        (about(RESOLVED, Level.CLEAR, peak=Level.SUSPICIOUS), False),
        # Coverage has no level of its own.
        (make_notification(kind=NotificationKind.COVERAGE_LOST), True),
        (make_notification(kind=NotificationKind.TEST), True),
        (make_notification(kind=NotificationKind.DIGEST), True),
    ],
)
def test_min_level_keeps_away_what_is_below_it(told: Notification, wanted: bool):
    assert route("a", RecordingNotifier(), min_level=Level.ALERT).wants(told) is wanted
    assert route("a", RecordingNotifier()).wants(told)


@pytest.mark.parametrize(
    ("participant", "wanted"),
    [("agent-7", True), ("agent-", True), ("AGENT-7", False), ("my agent-7", False), ("Zoë", True), ("", False)],
)
def test_participants_are_the_only_ones_it_is_told_of(participant: str, wanted: bool):
    some = route("a", RecordingNotifier(), participants=("agent-*", "Zoë"))
    opened = make_notification(participant_id=participant)
    assert some.wants(opened) is wanted
    assert some.wants(end_of(opened)) is wanted
    assert some.wants(make_notification(kind=NotificationKind.COVERAGE_LOST, participant_id=participant)) is wanted
    # What is about nobody is for all.
    assert some.wants(make_notification(kind=NotificationKind.TEST))


def test_sources_are_the_only_ones_it_is_told_of():
    ears = route("a", RecordingNotifier(), sources=frozenset({Source.MICROPHONE}))
    opened = make_notification()
    assert not ears.wants(opened)
    both = replace(opened, incident=replace(incident_of(opened), sources=(Source.CAMERA, Source.MICROPHONE)))
    assert ears.wants(both)
    lost = NotificationKind.COVERAGE_LOST
    assert ears.wants(make_notification(kind=lost, source=Source.MICROPHONE))
    assert not ears.wants(make_notification(kind=lost, source=Source.CAMERA))
    assert ears.wants(make_notification(kind=NotificationKind.TEST))


@pytest.mark.parametrize(
    ("settings", "setting", "why"),
    [
        ({"on": frozenset({"resolved"})}, "on", "`on` does not name updated"),
        ({"min_level": Level.ALERT}, "min_level", "`min_level` is alert, and this is at suspicious"),
        ({"participants": ("agent-*",)}, "participants", "`participants` names others"),
        ({"sources": frozenset({Source.MICROPHONE})}, "sources", "`sources` does not name camera"),
    ],
)
def test_the_setting_that_keeps_something_away_is_told(settings: dict[str, Any], setting: str, why: str):
    told = about(UPDATED, Level.SUSPICIOUS)
    assert route("a", RecordingNotifier(), **settings).unwanted(told) == (setting, why)
    assert route("a", RecordingNotifier()).unwanted(told) is None
