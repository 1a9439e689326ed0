"""Who was told, who was not, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deepguard.model import Level, NotificationKind, Resolution, Source
from deepguard.story.telling import Told, Way, told
from support.materials import (
    BEGAN,
    CONFIGURATION,
    KEEP,
    call,
    change,
    delivery,
    incident,
    material,
    notification,
)

OPENED, UPDATED, REPEATED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.REPEATED
RESOLVED = NotificationKind.RESOLVED
OVER = {
    "resolved_at": BEGAN + 60,
    "updated_at": BEGAN + 60,
    "level": Level.CLEAR,
    "resolution": Resolution.CLEARED,
}


def results(one: Told) -> dict[str, str]:
    return {way.notifier: way.result for way in one.ways}


def way(one: Told, notifier: str) -> Way:
    return next(way for way in one.ways if way.notifier == notifier)


def test_each_notifier_has_one_answer_in_the_order_of_the_configuration() -> None:
    opened = notification()
    (one,) = told(material(deliveries=(delivery(2, "gone", opened), delivery(3, "pager", opened))), KEEP)
    assert (one.kind, one.at, one.notification_id) == ("incident.opened", BEGAN + 30, opened.id)
    assert results(one) == {"pager": "delivered", "soc": "not told", "gone": "delivered"}
    # It wants it, and nobody wrote anything down: that is said as it is.
    assert way(one, "soc").why == "nothing is written down of it"


def test_what_nobody_was_to_be_told_is_known_from_the_changes() -> None:
    levels = (
        change(30, "alert"),
        change(30, "alert", source=""),
        change(40, "suspicious", before="alert"),
        change(40, "suspicious", before="alert", source=""),
        change(50, "alert", source="microphone"),
        change(50, "alert", before="suspicious", source=""),
        change(60, "clear", before="alert", source=""),
    )
    events = told(material(incident=incident(**OVER), changes=levels), KEEP)
    assert [(one.kind, one.at - BEGAN) for one in events] == [
        ("incident.opened", 30),
        ("incident.updated", 40),
        ("incident.updated", 50),
        ("incident.resolved", 60),
    ]
    soc = way(events[1], "soc")
    assert soc.why == "`on` does not name updated"
    assert soc.setting is not None
    assert (soc.setting.where, soc.setting.path) == ("deepguard.yaml:9:5", "notifiers[1].on")


def test_an_update_that_is_written_down_is_not_made_up_a_second_time() -> None:
    levels = (change(30, "alert", source=""), change(40, "suspicious", before="alert", source=""))
    updated = notification(UPDATED, level=Level.SUSPICIOUS, updated_at=BEGAN + 40)
    events = told(material(changes=levels, deliveries=(delivery(1, "pager", updated),)), KEEP)
    assert [one.kind for one in events] == ["incident.opened", "incident.updated"]


def test_what_is_superseded_names_what_is_told_instead() -> None:
    updated, again = notification(UPDATED), notification(REPEATED, updated_at=BEGAN + 50)
    rows = (
        delivery(1, "pager", updated, "superseded"),
        delivery(2, "soc", again),
        delivery(3, "pager", again),
    )
    events = told(material(deliveries=rows), KEEP)
    (one,) = [one for one in events if one.kind == "incident.updated"]
    assert way(one, "pager").by == rows[2]


def test_a_silence_of_the_configuration_has_its_line() -> None:
    rows = (
        delivery(1, "pager", notification(), "silenced", detail="silence 'nights'"),
        delivery(2, "soc", notification(), "silenced", detail="silence sil_1 of Zoë: drill"),
    )
    ways = {one.notifier: one for event in told(material(deliveries=rows), KEEP) for one in event.ways if one.delivery}
    assert ways["pager"].setting is not None
    assert ways["pager"].setting.where == "deepguard.yaml:12:5"
    assert (ways["soc"].why, ways["soc"].setting) == ("silence sil_1 of Zoë: drill", None)


def test_a_repeat_is_told_to_those_whose_turn_it_is() -> None:
    body: dict[str, Any] = {
        **CONFIGURATION.body,
        "notifiers": [{"name": "pager"}, {"name": "soc", "repeat_every": 60}, {"name": "once", "repeat_every": 0}],
    }
    again = notification(REPEATED, updated_at=BEGAN + 50)
    events = told(
        material(deliveries=(delivery(1, "pager", again),), configuration=replace(CONFIGURATION, body=body)), KEEP
    )
    (one,) = [one for one in events if one.kind == "incident.repeated"]
    assert way(one, "soc").why.startswith("it was not its turn: it is told again after 60 s")
    assert way(one, "once").why == "`repeat_every` is 0: never again"


def test_what_is_too_old_to_be_kept_is_said_to_be_deleted() -> None:
    (one,) = told(material(now=BEGAN + 30 + KEEP + 1), KEEP)
    assert {way.why for way in one.ways} == {"what was told then has been deleted; see `store.keep_days`"}


def test_of_an_imported_call_nobody_knows_who_was_told() -> None:
    (one,) = told(material(call=call(imported_at=BEGAN + 90)), KEEP)
    assert one.ways == ()


def test_acknowledging_is_told_too() -> None:
    taken = incident(acknowledged_at=BEGAN + 45, acknowledged_by="Zoë")
    events = told(material(incident=taken), KEEP)
    assert [(one.kind, one.at - BEGAN) for one in events] == [("incident.opened", 30), ("incident.acknowledged", 45)]
    assert "Zoë" in events[1].title


@pytest.mark.parametrize(
    "entry", [None, 3, {}, {"name": 3}, {"name": "x", "min_level": "huge"}, {"name": "x", "sources": ["nose"]}]
)
def test_a_notifier_that_a_newer_version_wrote_is_left_out(entry: Any) -> None:
    body = {"notifiers": [entry, {"name": "pager", "sources": [Source.MICROPHONE.value]}]}
    (one,) = told(material(configuration=replace(CONFIGURATION, body=body)), KEEP)
    assert [(way.notifier, way.why) for way in one.ways] == [("pager", "`sources` does not name camera")]
