"""Calls played through policies: what live calls would have come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from deepguard import (
    ConfigError,
    Judgement,
    Level,
    NotificationKind,
    PluginError,
    Resolution,
    Source,
    ThresholdPolicy,
    Thresholds,
)
from deepguard.policy.engine import Engine
from deepguard.testing import Played, load_policy, make_verdict, play, stream
from deepguard.testing.strategies import thresholds, verdict_streams

CLEAR, SUSPICIOUS, ALERT = Level.CLEAR, Level.SUSPICIOUS, Level.ALERT
OPENED, UPDATED, RESOLVED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED
HOOKS = """
from deepguard import Thresholds, ThresholdPolicy, hookimpl


@hookimpl
def deepguard_thresholds(call, defaults):
    return Thresholds(alert_after=3) if call.metadata.get("desk") == "calm" else None
"""


@pytest.fixture
def story() -> Played:
    text = "camera: clear*2 suspicious alert*2 suspicious clear; microphone every 12s: clear alert clear"
    return play(stream(text), Thresholds())


def test_levels_over_time(story: Played) -> None:
    assert story.levels(source=Source.CAMERA)[-1] is CLEAR
    assert [story.at(at) for at in (-1, 0, 9, 10, 14.9, 15, 24, 25, 30, 99)] == [0, 0, 0, 1, 2, 2, 2, 1, 0, 0]
    assert [story.at(at, source=Source.MICROPHONE) for at in (11, 12, 23, 24)] == [0, 2, 2, 0]
    assert (story.reached(SUSPICIOUS), story.reached(ALERT)) == (10, 12)
    assert story.reached(ALERT, source=Source.CAMERA) == 15
    assert story.reached(ALERT, source=Source.SCREEN) is None


def test_incidents_and_what_is_told(story: Played) -> None:
    (incident,) = story.incidents
    assert story.told == [OPENED, UPDATED, UPDATED, RESOLVED]
    assert [one.kind for one in story.notifications] == story.told
    assert story.notifications[0].title == "participant-1 may be a deepfake"
    assert (incident.peak, incident.resolution) == (ALERT, Resolution.CLEARED)
    assert incident.sources == (Source.MICROPHONE, Source.CAMERA)
    assert incident.opened_at == story.call.started_at + 12


def test_the_end_of_the_call_resolves_what_is_open() -> None:
    verdicts = stream("camera: alert")
    assert play(verdicts, Thresholds()).told == [OPENED]
    ended = play(verdicts, Thresholds(), ends=60)
    assert ended.told == [OPENED, RESOLVED]
    assert ended.incidents[0].resolution is Resolution.CALL_ENDED
    assert ended.incidents[0].resolved_at == ended.call.started_at + 60
    with pytest.raises(ValueError, match="the call cannot end after 3 s: its last verdict comes after 5 s"):
        play(stream("camera: clear*2"), Thresholds(), ends=3)


def test_the_time_line_is_for_people(story: Played) -> None:
    lines = str(story).splitlines()
    assert lines[0] == "call call-1, 10 verdicts, policy: built in"
    assert lines[5].strip() == (
        "12 s  participant-1 microphone alert by test: microphone clear → alert (an alert verdict on the microphone; "
        "thresholds.alert_after); participant suspicious → alert (an alert verdict on the microphone; "
        "thresholds.alert_after); incident.opened"
    )
    assert repr(story) == "<Played: 10 verdicts, 10 changes, 1 incidents>"
    long = str(play(stream("camera: clear*500"), Thresholds()))
    assert long.splitlines()[1].strip() == "0 s  participant-1 camera clear by test, 500 times until 2495 s"


def test_hostile_names_stay_on_their_line() -> None:
    verdicts = [make_verdict(participant_id="a\nb\x1b[2J", detector="d\ne", judgement=Judgement.ALERT)]
    shown = str(play(verdicts, Thresholds(), call_id="c\nd", ends=1))
    assert len(shown.splitlines()) == 3
    assert "\x1b" not in shown


def test_several_participants_are_told_apart() -> None:
    played = play(stream("ann/camera: alert clear; bob/camera: clear*2"), Thresholds())
    assert played.participants == ["ann", "bob"]
    assert (played.levels("ann"), played.levels("bob")) == ([ALERT, CLEAR], [CLEAR, CLEAR])
    with pytest.raises(ValueError, match="several participants were judged; say which: ann, bob"):
        played.levels()
    with pytest.raises(ValueError, match="no participant 'anne' was judged; did you mean 'ann'"):
        played.at(1, "anne")


def test_nothing_at_all() -> None:
    played = play([], Thresholds(), ends=10)
    assert (played.levels(), played.at(5), played.reached(ALERT), played.told) == ([], CLEAR, None, [])
    assert "0 verdicts" in str(played)


def test_verdicts_have_to_be_in_order() -> None:
    with pytest.raises(ValueError, match="verdict 3 was received before the one in front of it"):
        play([make_verdict(received_at=float(at)) for at in (1, 2, 1)], Thresholds())


class Fails(ThresholdPolicy):
    def advance(self, state: Any, verdict: Any, now: float) -> Any:
        if verdict.source is Source.SCREEN:
            raise LookupError("no screens")
        return None if verdict.judgement is Judgement.ERROR else super().advance(state, verdict, now)


def test_what_a_policy_raises_comes_with_the_verdict() -> None:
    with pytest.raises(LookupError, match="no screens") as failed:
        play(stream("camera: clear*2; screen from 7s: alert"), Fails())
    (note,) = failed.value.__notes__
    assert note.startswith("verdict 3 was being decided on, 7 s into the call: participant-1 screen alert by test.")
    with pytest.raises(TypeError, match="advance returned NoneType, not PolicyStep"):
        play(stream("camera: error"), Fails())


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (Fails, r"Fails is a class; hand over an object of it: Fails\(\)"),
        (7, "int is no policy: it has no method initial"),
    ],
)
def test_what_is_no_policy_is_refused(policy: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        play([], policy)


def test_a_file_decides_by_what_the_call_says(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(HOOKS)
    verdicts = stream("camera: alert*2")
    assert play(verdicts, file).reached(ALERT) == 0
    calm = play(verdicts, str(file), metadata={"desk": "calm"})
    assert calm.reached(ALERT) is None
    assert f"{file}:5" in calm.used
    assert play(verdicts, file, thresholds=Thresholds(alert_after=2)).reached(ALERT) == 5
    # One that was changed is loaded anew.
    file.write_text(HOOKS.replace("alert_after=3", "alert_after=2, dwell=0"))
    assert play(verdicts, file, metadata={"desk": "calm"}).reached(ALERT) == 5


def test_a_configuration_decides_with_all_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(HOOKS)
    config = tmp_path / "deepguard.yaml"
    config.write_text("policy: {plugin: ./mine.py, thresholds: {alert_after: '${AFTER:-2}'}}\n")
    verdicts = stream("camera: alert*4")
    assert play(verdicts, config).reached(ALERT) == 5
    assert play(verdicts, config, metadata={"desk": "calm"}).reached(ALERT) == 10
    monkeypatch.setenv("AFTER", "4")
    assert play(verdicts, config).reached(ALERT) == 15
    monkeypatch.delenv("AFTER")
    (tmp_path / "mine.py").write_text(HOOKS.replace("alert_after=3", "alert_after=4"))
    assert play(verdicts, config, metadata={"desk": "calm"}).reached(ALERT) == 15
    with pytest.raises(TypeError, match="a configuration has its own"):
        play(verdicts, config, thresholds=Thresholds())
    with pytest.raises(TypeError, match="a policy's object has its own"):
        play(verdicts, ThresholdPolicy(), thresholds=Thresholds())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise KeyError('no')", "mine.py: mine.py cannot be loaded: KeyError: 'no' .line 1."),
        (
            "from deepguard import hookimpl\n@hookimpl\ndef deepguard_policy(call):\n    return object",
            r"mine.py:2: deepguard_policy returned the class object.*Live, this is left out",
        ),
        (
            "from deepguard import hookimpl\n@hookimpl\ndef deepguard_thresholds(call):\n    return 3",
            "deepguard_thresholds returned int, not Thresholds. Live, this is left out",
        ),
    ],
)
def test_a_file_that_would_be_left_out_is_an_error_here(tmp_path: Path, body: str, told: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(body)
    for use in (lambda: play([], file), lambda: load_policy(file)):
        with pytest.raises(PluginError, match=told):
            use()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"nowhere\.py: there is no such file"):
        play([], tmp_path / "nowhere.py")
    with pytest.raises(ConfigError):
        play([], tmp_path / "nowhere.yaml")


@given(verdict_streams(), thresholds())
def test_it_comes_to_what_the_engine_comes_to(verdicts, limits: Thresholds) -> None:
    engine = Engine("call-1", ThresholdPolicy(limits))
    decisions = [engine.advance(verdict, verdict.received_at) for verdict in verdicts]
    played = play(verdicts, limits)
    assert [(one.changes, one.incident, one.told) for one in played.moments] == [
        (one.changes, one.incident, one.kind) for one in decisions
    ]
    assert played.moments == play(verdicts, ThresholdPolicy(limits)).moments
