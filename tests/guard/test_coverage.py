from __future__ import annotations

from typing import Any

import pytest

from deepguard.config.models import CoverageParams
from deepguard.guard.coverage import TrackFacts, judge_coverage
from deepguard.model import BlindReason, DetectorHealth, HealthState, Judgement, SampleOutcome, Source, Verdict

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
        "counted": verdict(),
        "counted_at": NOW - 1,
        "last_outcome": SampleOutcome.JUDGED,
        "sample_period": 5.0,
    }
    return TrackFacts(**{**facts, **over})


def test_a_track_with_media_and_fresh_verdicts_is_covered() -> None:
    assert judge_coverage(watched(), UP, PARAMS, NOW).covered


@pytest.mark.parametrize("judgement", [Judgement.SUSPICIOUS, Judgement.ALERT])
def test_a_bad_verdict_is_still_a_watched_track(judgement: Judgement) -> None:
    assert judge_coverage(watched(counted=verdict(judgement)), UP, PARAMS, NOW).covered


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"enabled": False}, BlindReason.NO_MEDIA),
        ({"last_media": NOW - 3.1}, BlindReason.NO_MEDIA),
        ({"last_media": None}, BlindReason.NO_MEDIA),
        ({"last_outcome": SampleOutcome.EXPIRED}, BlindReason.SAMPLES_EXPIRED),
        ({"counted": verdict(Judgement.ERROR)}, BlindReason.DETECTOR_ERROR),
        ({"counted": verdict(Judgement.UNKNOWN)}, BlindReason.NOT_ASSESSED),
        ({"counted": verdict(Judgement.UNKNOWN, blind=BlindReason.NO_FACE)}, BlindReason.NO_FACE),
        ({"counted_at": NOW - 20.1}, BlindReason.NO_ANSWER),
        ({"counted": None, "since": NOW - 4, "last_outcome": None}, BlindReason.STARTING),
        ({"counted": None, "since": NOW - 21, "last_outcome": None}, BlindReason.NO_ANSWER),
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
    young = watched(since=NOW - 2, counted=None, last_outcome=None)
    assert judge_coverage(young, connecting, PARAMS, NOW).blind is BlindReason.STARTING
    old = watched(since=NOW - 16, counted=None, last_outcome=None)
    assert judge_coverage(old, connecting, PARAMS, NOW).blind is BlindReason.DETECTOR_DOWN


def test_a_microphone_waits_for_speech_and_then_stays_covered_through_silence() -> None:
    silent = watched(source=Source.MICROPHONE, counted=None, last_outcome=None, sample_period=None)
    assert judge_coverage(silent, UP, PARAMS, NOW).blind is BlindReason.NO_SPEECH
    heard = watched(
        source=Source.MICROPHONE, counted=None, last_outcome=None, sample_period=None, heard_speech=True
    )
    assert judge_coverage(heard, UP, PARAMS, NOW).blind is BlindReason.STARTING
    judged = watched(source=Source.MICROPHONE, counted_at=NOW - 600, sample_period=None, heard_speech=True)
    assert judge_coverage(judged, UP, PARAMS, NOW).covered


def test_a_microphone_whose_samples_are_not_answered_any_more_is_blind() -> None:
    facts = watched(source=Source.MICROPHONE, sample_period=None, heard_speech=True, counted_at=NOW - 100)
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
