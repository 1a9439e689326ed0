"""The figures of a comparison, against what one counts by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.config.models import CoverageParams
from deepguard.model import Label, Labelled
from deepguard.replay.candidate import Named
from deepguard.replay.compare import Comparison
from deepguard.replay.document import document
from deepguard.replay.spread import Spread
from deepguard.replay.truth import Truth, truths
from deepguard.replay.work import Plan, compare
from deepguard.store.recording import Recording
from support.played import call

CALLS = [
    # Suspicious after 10 s, an alert 10 s later, clear again, and a second incident.
    call("found", "csacac", Label.CONFIRMED),
    call("missed", "cccc", Label.MISSED, later=100),
    call("alarm", "cacc", Label.FALSE_POSITIVE, later=200),
    call("unknown", "a" + "e" * 5, later=300, blind=(100, 160)),
]
TWICE = "policy: {thresholds: {alert_after: 2, clear_after: 2}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "new.yaml"


def compared(config: Path, yaml: str, calls: list[Recording], **plan: Any) -> dict[str, Any]:
    config.write_text(yaml)
    found = compare(Plan(Named(config), None, CoverageParams(), **plan), [calls], jobs=0)
    return document(found, before="b", after="a")


def test_the_figures_of_calls_as_they_were_recorded(config: Path) -> None:
    told = compared(config, TWICE, CALLS)
    before = told["before"]
    assert {name: before[name] for name in ("calls", "call_hours", "verdicts", "incidents", "flips")} == {
        "calls": 4,
        "call_hours": 4 * 600 / 3600,
        "verdicts": 6 + 4 + 4 + 6,
        "incidents": 4,
        # found: up, down, up, down; alarm: up, down; unknown: up.
        "flips": 3 + 1,
    }
    assert before["alerts_per_call_hour"] == pytest.approx(4 / (4 / 6))
    # found: 10 s; alarm and unknown: at once.
    assert before["time_to_alert"] == {"median": 0.0, "p90": 10.0}
    assert before["blind_seconds"] == {"no_face": 60.0}
    assert before["blind_share"] == pytest.approx(60 / 2400)
    assert before["coverage_alerts"] == 1
    # Each incident opens and ends, and the blindness is told and ends.
    assert before["notifications"] == 4 * 2 + 2
    assert before["labels"] == {
        "fake": 2,
        "genuine": 1,
        "fake_alerted": 1,
        "genuine_alerted": 1,
        "precision": 0.5,
        "recall": 0.5,
        "false_alarms": 1,
        "false_alarms_per_call_hour": pytest.approx(1.5),
        "unlabelled_incidents": 1,
    }


def test_what_other_thresholds_change(config: Path) -> None:
    told = compared(config, TWICE, [*CALLS, call("later", "saac", Label.CONFIRMED, later=400)])
    after = told["after"]
    assert after["incidents"] == 1
    assert after["time_to_alert"]["median"] == 20.0
    assert {name: after["labels"][name] for name in ("precision", "recall", "false_alarms")} == {
        "precision": 1.0,
        "recall": pytest.approx(1 / 3),
        "false_alarms": 0,
    }
    assert told["participants"] == {"newly_alerted": 0, "no_longer_alerted": 3, "earlier": 0, "later": 1}
    assert told["changed_calls"] == ["found", "alarm", "unknown", "later"]
    assert {one["call"]: one["what"][0] for one in told["shown"]} == {
        "found": "missed now",
        "alarm": "false alarm gone",
        "unknown": "no alert any more",
        "later": "alert 10.0 s later",
    }
    # What became wrong comes first, then what became right.
    assert [one["call"] for one in told["shown"]][:2] == ["found", "alarm"]


def test_both_time_lines_of_a_call_that_changed(config: Path) -> None:
    told = compared(config, TWICE, [call("one", "saac", Label.CONFIRMED)])
    (shown,) = told["shown"]
    (person,) = shown["participants"]
    assert (person["id"], person["label"]) == ("Ada", "fake")
    assert [(one["at"], one["level"], one["incident"]) for one in person["before"]] == [
        (0.0, "suspicious", ""),
        (10.0, "alert", "opens"),
        (30.0, "clear", "ends"),
    ]
    assert [(one["at"], one["level"], one["incident"]) for one in person["after"]] == [
        (0.0, "suspicious", ""),
        (20.0, "alert", "opens"),
    ]
    (incident,) = shown["incidents"]["after"]
    assert incident["resolution"] == "call_ended"


def test_the_same_settings_change_nothing(config: Path) -> None:
    told = compared(config, "{}", CALLS)
    assert told["changed_calls"] == []
    assert told["before"] | {"what": ""} == told["after"] | {"what": ""}


def test_when_blindness_is_told_follows_from_the_settings(config: Path) -> None:
    blind = call("blind", "cc", blind=(100, 160))
    for yaml, alerts in (
        ("{}", 1),
        ("coverage: {notify_after: 90}", 0),
        ("coverage: {notify_after: 90, notify: {no_face: 5}}", 1),
        ("coverage: {notify: {no_face: 'off'}}", 0),
    ):
        told = compared(config, yaml, [blind])
        assert told["after"]["coverage_alerts"] == alerts, yaml
        assert told["after"]["blind_seconds"] == {"no_face": 60.0}
        assert (told["changed_calls"] == []) is (alerts == 1)


def test_only_so_many_calls_are_shown_and_all_are_named(config: Path) -> None:
    calls = [call(f"call-{number:02}", "a" * (number % 3), later=float(number)) for number in range(30)]
    told = compared(config, TWICE, calls, most=4)
    assert len(told["shown"]) == 4
    assert len(told["changed_calls"]) == 20


@settings(deadline=None)
@given(st.permutations(range(6)), st.integers(1, 5))
def test_how_calls_are_shared_out_makes_no_difference(order: list[int], cut: int) -> None:
    found = [_alone(number) for number in range(6)]
    one, other = Comparison(3), Comparison(3)
    for each in found:
        one.add(each)
    parts = [Comparison(3), Comparison(3)]
    for place, number in enumerate(order):
        parts[place >= cut].add(found[number])
    for part in parts:
        other.add(part)
    assert json.dumps(document(one, before="b", after="a")) == json.dumps(document(other, before="b", after="a"))


def _alone(number: int) -> Comparison:
    if number not in _FOUND:
        plan = Plan(Named(), None, CoverageParams(), most=3)
        recording = call(f"call-{number}", "csaacac"[number:], Label.CONFIRMED, later=number * 0.1)
        changed = replace(recording, incidents=(), transitions=())
        _FOUND[number] = compare(plan, [[changed]], jobs=0)
    return _FOUND[number]


_FOUND: dict[int, Comparison] = {}


def test_one_who_was_confirmed_once_is_fake() -> None:
    def label(kind: Label, incident: str) -> Labelled:
        return Labelled("call", "Ada", kind, 1.0, "Zoë", incident)

    wrong, right = label(Label.FALSE_POSITIVE, "inc_1"), label(Label.CONFIRMED, "inc_2")
    assert truths([wrong]) == {"Ada": Truth.GENUINE}
    assert truths([wrong, right]) == truths([right, wrong]) == {"Ada": Truth.FAKE}
    assert truths([label(Label.MISSED, "")]) == {"Ada": Truth.FAKE}
    assert truths([]) == {}


@given(st.lists(st.integers(0, 999), min_size=1), st.floats(0.01, 1))
def test_a_spread_gives_values_that_were_counted(values: list[int], share: float) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    found = spread.quantile(share)
    assert found is not None
    assert sum(value / 1000 <= found for value in values) >= share * len(values)
    assert round(found * 1000) in values


def test_an_empty_spread_has_no_quantile() -> None:
    assert Spread().quantile(0.5) is None
