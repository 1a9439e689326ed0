"""Which scripts are refused, and what the others say of each moment."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepguard.detectors.scenario import ScenarioConfig
from deepguard.detectors.scenario.timeline import DEFAULT, Line, Timeline
from deepguard.model import Source

CAMERA, MICROPHONE, SCREEN = Source
BEHAVIOURS = ["clear", "suspicious", "alert", "error", "unknown", "silence"]


def script(*timeline: dict[str, Any], **settings_: Any) -> ScenarioConfig:
    return ScenarioConfig.model_validate({"timeline": list(timeline)} | settings_)


def test_the_example_of_the_documentation() -> None:
    timeline = Timeline(
        script(
            {"at": 0, "camera": "clear"},
            {"at": 5, "camera": "suspicious", "message": "lip sync is off"},
            {"at": 8, "camera": "alert", "score": 0.97},
            {"at": 20, "camera": "clear", "microphone": "clear"},
            {"at": 30, "all": "silence"},
            loop=False,
        )
    )
    assert timeline.at(CAMERA, 0) == Line("clear")
    assert timeline.at(CAMERA, 4.999) == Line("clear")
    assert timeline.at(CAMERA, 5) == Line("suspicious", "lip sync is off")
    assert timeline.at(CAMERA, 8) == Line("alert", "", 0.97)
    assert timeline.at(MICROPHONE, 8) == DEFAULT
    assert timeline.at(CAMERA, 25) == Line("clear")
    assert {timeline.at(source, 1e6).behaviour for source in Source} == {"silence"}


def test_a_track_is_clear_before_its_first_entry() -> None:
    timeline = Timeline(script({"at": 3, "microphone": "alert"}))
    assert timeline.at(MICROPHONE, 2.9).behaviour == "clear"
    assert timeline.at(MICROPHONE, 3).behaviour == "alert"
    assert timeline.at(CAMERA, 100).behaviour == "clear"


def test_a_score_is_not_given_to_what_has_none() -> None:
    timeline = Timeline(script({"at": 0, "camera": "alert", "microphone": "error", "score": 0.9}))
    assert (timeline.at(CAMERA, 0).score, timeline.at(MICROPHONE, 0).score) == (0.9, None)


def test_a_loop_begins_anew_after_its_length() -> None:
    entries = {"at": 2, "camera": "suspicious"}, {"at": 4, "camera": "alert"}
    timeline = Timeline(script(*entries, loop=True, length=5))
    expected = ["clear", "clear", "suspicious", "suspicious", "alert"] * 3
    assert [timeline.at(CAMERA, second).behaviour for second in range(15)] == expected
    by_default = Timeline(script(*entries, loop=True))
    assert [by_default.at(CAMERA, at).behaviour for at in (13.9, 14, 16)] == ["alert", "clear", "suspicious"]


@pytest.mark.parametrize(
    ("timeline", "over", "words"),
    [
        ([], {}, "at least 1 item"),
        ([{"at": 0}], {}, "must say what a track does"),
        ([{"at": 0, "message": "hello"}], {}, "must say what a track does"),
        ([{"camera": "alert"}], {}, "Field required"),
        ([{"at": -1, "camera": "alert"}], {}, "greater than or equal to 0"),
        ([{"at": float("nan"), "camera": "alert"}], {}, "finite"),
        ([{"at": 0, "camera": "fake"}], {}, "'clear', 'suspicious', 'alert', 'error', 'unknown' or 'silence'"),
        ([{"at": 0, "webcam": "alert"}], {}, "Extra inputs"),
        ([{"at": 0, "camera": "alert", "score": 1.2}], {}, "less than or equal to 1"),
        ([{"at": 0, "camera": "silence", "score": 0.5}], {}, "`score` goes with clear, suspicious or alert"),
        ([{"at": 0, "all": "clear", "camera": "alert"}], {}, "`all` already says"),
        ([{"at": 5, "camera": "alert"}, {"at": 4, "camera": "clear"}], {}, "entry 2 is earlier than entry 1"),
        ([{"at": 5, "camera": "alert"}, {"at": 5, "camera": "clear"}], {}, "entry 2 says a second time what `camera`"),
        ([{"at": 5, "all": "alert"}, {"at": 5, "screen": "clear"}], {}, "second time what `screen`"),
        (
            [{"at": 1, "camera": "alert"}, {"at": 1, "screen": "clear"}, {"at": 1, "camera": "clear"}],
            {},
            "entry 3 says a second time what `camera`",
        ),
        ([{"at": 5, "camera": "alert"}], {"length": 9}, "say `loop: true`"),
        ([{"at": 5, "camera": "alert"}], {"loop": True, "length": 5}, "greater than the `at` of the last entry"),
        ([{"at": 0, "camera": "alert"}], {"delay": -1}, "greater than or equal to 0"),
        ([{"at": 0, "camera": "alert"}], {"answer_timeout": 0}, "greater than 0"),
    ],
)
def test_nonsense_is_refused_in_words(timeline: list[dict[str, Any]], over: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        script(*timeline, **over)
    assert words in " ".join(error["msg"] for error in caught.value.errors())


def test_entries_of_one_moment_may_name_different_tracks() -> None:
    timeline = Timeline(
        script(
            {"at": 1, "camera": "alert", "score": 0.9},
            {"at": 1, "microphone": "error", "message": "no model"},
        )
    )
    assert timeline.at(CAMERA, 1) == Line("alert", "", 0.9)
    assert timeline.at(MICROPHONE, 1) == Line("error", "no model")


entries = st.lists(
    st.tuples(
        st.floats(0, 100), st.sampled_from(["all", *(source.value for source in Source)]), st.sampled_from(BEHAVIOURS)
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda entry: entry[0],
).map(sorted)


@settings(deadline=None)
@given(entries=entries, source=st.sampled_from(list(Source)), elapsed=st.floats(0, 200))
def test_the_last_entry_of_a_track_until_now_counts(
    entries: list[tuple[float, str, str]], source: Source, elapsed: float
) -> None:
    timeline = Timeline(script(*({"at": at, track: behaviour} for at, track, behaviour in entries)))
    said = [behaviour for at, track, behaviour in entries if at <= elapsed and track in ("all", source.value)]
    assert timeline.at(source, elapsed).behaviour == (said[-1] if said else "clear")
