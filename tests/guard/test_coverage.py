from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.config.models import CoverageParams
from deepguard.guard.coverage import MAX_OTHERS, TrackFacts, judge_coverage
from deepguard.model import (
    BlindReason,
    Coverage,
    DetectorHealth,
    HealthState,
    Judgement,
    SampleOutcome,
    Source,
    Verdict,
)

PARAMS = CoverageParams(media_timeout=3, answer_timeout=15)
UP = DetectorHealth(HealthState.UP)
NOW = 1000.0


def verdict(judgement: Judgement = Judgement.CLEAR, **over: Any) -> Verdict:
    return Verdict("caller", "t", Source.CAMERA, judgement, received_at=0, detector="test", **over)


def watched(**over: Any) -> TrackFacts:
    """A camera that is being watched in every respect."""
    facts = {
        "source": Source.CAMERA,
        "since": NOW - 60,
        "last_media": NOW - 0.03,
        "last_verdict": verdict(),
        "last_verdict_at": NOW - 1,
        "last_outcome": SampleOutcome.JUDGED,
        "sample_period": 5.0,
    }
    return TrackFacts(**{**facts, **over})


def test_a_track_with_media_and_fresh_verdicts_is_covered() -> None:
    assert judge_coverage(watched(), UP, PARAMS, NOW).covered


@pytest.mark.parametrize("judgement", [Judgement.SUSPICIOUS, Judgement.ALERT])
def test_a_bad_verdict_is_still_a_watched_track(judgement: Judgement) -> None:
    assert judge_coverage(watched(last_verdict=verdict(judgement)), UP, PARAMS, NOW).covered


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"enabled": False}, BlindReason.NO_MEDIA),
        ({"last_media": NOW - 3.1}, BlindReason.NO_MEDIA),
        ({"last_media": None}, BlindReason.NO_MEDIA),
        ({"last_outcome": SampleOutcome.EXPIRED}, BlindReason.NO_ANSWER),
        ({"last_verdict": verdict(Judgement.ERROR)}, BlindReason.DETECTOR_ERROR),
        ({"last_verdict": verdict(Judgement.UNKNOWN)}, BlindReason.NOT_ASSESSED),
        ({"last_verdict": verdict(Judgement.UNKNOWN, blind=BlindReason.NO_FACE)}, BlindReason.NO_FACE),
        ({"last_verdict_at": NOW - 20.1}, BlindReason.NO_ANSWER),
        ({"last_verdict": None, "since": NOW - 4, "last_outcome": None}, BlindReason.STARTING),
        ({"last_verdict": None, "since": NOW - 21, "last_outcome": None}, BlindReason.NO_ANSWER),
    ],
)
def test_what_is_missing_makes_a_camera_blind(facts: dict[str, Any], reason: BlindReason) -> None:
    assert judge_coverage(watched(**facts), UP, PARAMS, NOW).blind is reason


@pytest.mark.parametrize("state", [HealthState.DOWN, HealthState.REFUSED])
def test_a_detector_that_is_down_makes_blind_at_once_and_says_why(state: HealthState) -> None:
    coverage = judge_coverage(watched(), DetectorHealth(state, "set the key"), PARAMS, NOW)
    assert (coverage.blind, coverage.detail) == (BlindReason.DETECTOR_DOWN, "set the key")


def test_a_camera_that_is_off_explains_itself_before_the_detector_does() -> None:
    down = DetectorHealth(HealthState.DOWN)
    assert judge_coverage(watched(enabled=False), down, PARAMS, NOW).blind is BlindReason.NO_MEDIA


def test_connecting_is_not_held_against_a_call_that_just_began() -> None:
    connecting = DetectorHealth(HealthState.CONNECTING)
    young = watched(since=NOW - 2, last_verdict=None, last_outcome=None)
    assert judge_coverage(young, connecting, PARAMS, NOW).blind is BlindReason.STARTING
    old = watched(since=NOW - 16, last_verdict=None, last_outcome=None)
    assert judge_coverage(old, connecting, PARAMS, NOW).blind is BlindReason.DETECTOR_DOWN


def test_a_microphone_waits_for_speech_and_then_stays_covered_through_silence() -> None:
    silent = watched(source=Source.MICROPHONE, last_verdict=None, last_outcome=None, sample_period=None)
    assert judge_coverage(silent, UP, PARAMS, NOW).blind is BlindReason.NO_SPEECH
    heard = watched(
        source=Source.MICROPHONE, last_verdict=None, last_outcome=None, sample_period=None, heard_speech=True
    )
    assert judge_coverage(heard, UP, PARAMS, NOW).blind is BlindReason.STARTING
    judged = watched(source=Source.MICROPHONE, last_verdict_at=NOW - 600, sample_period=None, heard_speech=True)
    assert judge_coverage(judged, UP, PARAMS, NOW).covered


def test_a_microphone_whose_samples_are_not_answered_any_more_is_blind() -> None:
    facts = watched(source=Source.MICROPHONE, sample_period=None, heard_speech=True, last_verdict_at=NOW - 100)
    facts.note_taken(NOW - 16)
    facts.note_taken(NOW - 1)
    assert judge_coverage(facts, UP, PARAMS, NOW).blind is BlindReason.NO_ANSWER
    facts.note_verdict(verdict(), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).covered


def test_a_new_track_in_place_of_another_is_judged_by_its_own_verdicts() -> None:
    facts = watched()
    facts.start_over(NOW)
    facts.last_media = NOW + 1
    assert judge_coverage(facts, UP, PARAMS, NOW + 1).blind is BlindReason.STARTING
    facts.note_verdict(verdict(), NOW + 1)
    assert judge_coverage(facts, UP, PARAMS, NOW + 1).covered


# -- several detectors -------------------------------------------------------------------------------------------------


def judged(**verdicts: Verdict) -> TrackFacts:
    """A camera on which each of these detectors has just given its verdict, in this order."""
    facts = watched(last_verdict=None, last_verdict_at=0.0)
    for name, said in verdicts.items():
        facts.note_verdict(replace(said, detector=name), NOW)
    return facts


MEASURED = verdict(Judgement.UNKNOWN)
BROKEN = verdict(Judgement.ERROR, message="no model")
NOBODY = verdict(Judgement.UNKNOWN, blind=BlindReason.NO_FACE)


@pytest.mark.parametrize("other", [MEASURED, BROKEN, NOBODY], ids=["measured", "broken", "nobody"])
def test_one_that_covers_is_enough_whoever_spoke_last(other: Verdict) -> None:
    for facts in (judged(a=verdict(), b=other), judged(b=other, a=verdict())):
        assert judge_coverage(facts, UP, PARAMS, NOW).covered
        facts.last_outcome = SampleOutcome.EXPIRED
        assert judge_coverage(facts, UP, PARAMS, NOW).covered


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=30))
def test_the_reason_does_not_depend_on_who_spoke_last(order: list[str]) -> None:
    said = {"a": MEASURED, "b": BROKEN, "c": NOBODY}
    facts = judged(**said)
    for name in order:
        facts.note_verdict(replace(said[name], detector=name), NOW)
        assert judge_coverage(facts, UP, PARAMS, NOW) == Coverage(BlindReason.DETECTOR_ERROR, "no model")


def test_that_nobody_assesses_is_said_only_when_there_is_nothing_more_to_say() -> None:
    assert judge_coverage(judged(a=MEASURED, b=NOBODY), UP, PARAMS, NOW).blind is BlindReason.NO_FACE
    assert judge_coverage(judged(a=MEASURED, b=MEASURED), UP, PARAMS, NOW).blind is BlindReason.NOT_ASSESSED


def test_as_many_as_are_needed_must_cover() -> None:
    both = judged(a=verdict(), b=verdict())
    assert judge_coverage(both, UP, PARAMS, NOW, needed=2).covered
    one = judged(a=verdict(), b=BROKEN)
    assert judge_coverage(one, UP, PARAMS, NOW, needed=2).blind is BlindReason.DETECTOR_ERROR
    alone = judged(a=verdict())
    alone.since = NOW - 1
    assert judge_coverage(alone, UP, PARAMS, NOW, needed=2).blind is BlindReason.STARTING
    alone.since = NOW - 60
    assert judge_coverage(alone, UP, PARAMS, NOW, needed=2).blind is BlindReason.NO_ANSWER


def test_one_that_fell_silent_covers_no_longer_though_another_answers() -> None:
    facts = judged(a=verdict(), b=MEASURED)
    later = NOW + 20.1
    facts.last_media = later
    facts.note_verdict(replace(MEASURED, detector="b"), later)
    assert judge_coverage(facts, UP, PARAMS, later).blind is BlindReason.NO_ANSWER


def test_a_microphone_is_not_covered_by_one_that_answers_no_more() -> None:
    facts = judged(a=verdict(), b=MEASURED)
    facts.source, facts.sample_period, facts.heard_speech = Source.MICROPHONE, None, True
    facts.last_media = NOW + 600
    assert judge_coverage(facts, UP, PARAMS, NOW + 600).covered
    facts.note_taken(NOW + 600)
    facts.note_verdict(replace(MEASURED, detector="b"), NOW + 601)
    facts.last_media = NOW + 615.5
    assert judge_coverage(facts, UP, PARAMS, NOW + 615).covered
    assert judge_coverage(facts, UP, PARAMS, NOW + 615.5).blind is BlindReason.NO_ANSWER
    facts.note_verdict(replace(verdict(), detector="a"), NOW + 616)
    assert judge_coverage(facts, UP, PARAMS, NOW + 616).covered


def test_what_one_said_that_is_down_now_covers_nothing() -> None:
    facts = judged(a=verdict(), b=BROKEN)
    assert judge_coverage(facts, UP, PARAMS, NOW, out={"a"}).blind is BlindReason.DETECTOR_ERROR
    facts = judged(a=verdict())
    assert not judge_coverage(facts, UP, PARAMS, NOW, out={"a"}).covered
    assert judge_coverage(judged(a=verdict(), b=verdict()), UP, PARAMS, NOW, out={"a"}).covered


def test_a_track_that_starts_over_is_covered_by_new_verdicts_only() -> None:
    facts = judged(a=verdict(), b=verdict())
    facts.start_over(NOW + 1)
    facts.last_media = NOW + 1
    assert judge_coverage(facts, UP, PARAMS, NOW + 1).blind is BlindReason.STARTING
    facts.note_verdict(replace(verdict(), detector="b"), NOW + 1)
    assert judge_coverage(facts, UP, PARAMS, NOW + 1).covered
    assert judge_coverage(facts, UP, PARAMS, NOW + 1, needed=2).blind is BlindReason.STARTING


def test_only_so_many_are_remembered() -> None:
    facts = watched()
    for number in range(100):
        facts.note_verdict(replace(verdict(), detector=f"d{number}"), NOW + number)
    assert len(facts.others) == MAX_OTHERS
    assert "d98" in facts.others
