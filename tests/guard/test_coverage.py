from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.config.models import CoverageParams
from deepguard.guard.coverage import TrackFacts, judge_coverage
from deepguard.media.look import Look
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
        ({"look": Look(0.0, 0.0)}, BlindReason.BLACK_PICTURE),
        ({"look": Look(None, 1.5)}, BlindReason.FROZEN_PICTURE),
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
    heard = watched(source=Source.MICROPHONE, counted=None, last_outcome=None, sample_period=None, heard_speech=True)
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


MISSING: list[tuple[BlindReason, dict[str, Any]]] = [
    (BlindReason.NO_MEDIA, {"enabled": False}),
    (BlindReason.BLACK_PICTURE, {"look": Look(0.0, 60.0)}),
    (BlindReason.FROZEN_PICTURE, {"look": Look(None, 60.0)}),
    (BlindReason.DETECTOR_DOWN, {}),
    (BlindReason.SAMPLES_EXPIRED, {"last_outcome": SampleOutcome.EXPIRED}),
    (BlindReason.NO_ANSWER, {"unanswered_since": NOW - 16}),
    (BlindReason.DETECTOR_ERROR, {"counted": verdict(Judgement.ERROR)}),
    (BlindReason.NO_FACE, {"counted": verdict(Judgement.UNKNOWN, blind=BlindReason.NO_FACE)}),
    (BlindReason.NOT_ASSESSED, {"counted": verdict(Judgement.UNKNOWN)}),
]
"""From what is nearest to the source on."""


@given(st.sets(st.sampled_from(range(len(MISSING)))), st.sampled_from([Source.CAMERA, Source.SCREEN]))
def test_what_is_missing_at_the_source_explains_what_is_missing_after_it(missing: set[int], source: Source) -> None:
    facts: dict[str, Any] = {"source": source}
    for index in sorted(missing, reverse=True):
        facts |= MISSING[index][1]
    reasons = [MISSING[index][0] for index in sorted(missing)]
    health = DetectorHealth(HealthState.DOWN) if BlindReason.DETECTOR_DOWN in reasons else UP
    if source is Source.SCREEN:
        reasons = [reason for reason in reasons if reason is not BlindReason.FROZEN_PICTURE]
    found = judge_coverage(watched(**facts), health, PARAMS, NOW)
    assert found.blind is (reasons[0] if reasons else None)


def test_a_picture_may_be_black_or_still_for_as_long_as_the_configuration_says() -> None:
    params = CoverageParams(black_after=5, frozen_after=30)
    for look, reason in (
        (Look(4.9, 60.0), None),
        (Look(5.0, 60.0), BlindReason.BLACK_PICTURE),
        (Look(None, 29.9), None),
        (Look(None, 30.0), BlindReason.FROZEN_PICTURE),
    ):
        assert judge_coverage(watched(look=look), UP, params, NOW).blind is reason


@pytest.mark.parametrize("look", [Look(0.0, 0.0), Look(2.0, 60.0), Look(None, 2.0)])
def test_a_verdict_on_a_picture_that_shows_nothing_covers_nothing(look: Look) -> None:
    facts = watched(counted=None, since=NOW - 2)
    facts.note_look(look, captured_at=50.0, params=PARAMS)
    for captured_at in (49.0, 50.0, None):
        facts.note_verdict(verdict(captured_at=captured_at), NOW)
        assert facts.last_verdict is not None
        assert facts.counted is None
    facts.note_look(Look(), captured_at=51.0, params=PARAMS)
    facts.note_verdict(verdict(captured_at=50.0), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).blind is BlindReason.STARTING
    facts.note_verdict(verdict(captured_at=51.0), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).covered


@pytest.mark.parametrize("captured_at", ["yesterday", math.nan, None])
def test_a_capture_time_that_makes_no_sense_is_no_error(captured_at: Any) -> None:
    facts = watched(counted=None)
    facts.note_verdict(verdict(captured_at=captured_at), NOW)
    assert (facts.counted is None) == (captured_at is not None and captured_at != "yesterday")


def test_black_that_is_allowed_does_not_pass_for_a_detector_that_is_silent() -> None:
    params = CoverageParams(black_after=600)
    for over in ({"counted_at": NOW - 21}, {"counted": None, "since": NOW - 21}):
        facts = watched(**over)
        facts.note_look(Look(20.0, 0.0), captured_at=0.0, params=params)
        assert judge_coverage(facts, UP, params, NOW).blind is BlindReason.BLACK_PICTURE


def test_a_new_track_is_not_known_to_be_black() -> None:
    facts = watched()
    facts.note_look(Look(9.0, 9.0), captured_at=50.0, params=PARAMS)
    facts.start_over(NOW)
    facts.last_media = NOW
    facts.note_verdict(verdict(captured_at=None), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).covered


def test_every_reason_has_its_threshold_and_who_has_not_spoken_is_not_told_of() -> None:
    assert {reason: PARAMS.notify_seconds(reason) for reason in BlindReason} == {
        reason: None if reason is BlindReason.NO_SPEECH else 10.0 for reason in BlindReason
    }
    params = CoverageParams.model_validate({"notify_after": 4, "notify": {"no_speech": 0, "no_face": "off"}})
    assert [params.notify_seconds(BlindReason(name)) for name in ("no_speech", "no_face", "no_media")] == [0, None, 4]
