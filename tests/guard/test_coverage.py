from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.config.models import CoverageParams
from deepguard.guard.coverage import MOST_ANSWERS, Answer, TrackFacts, judge_coverage
from deepguard.media.look import Look
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
    facts: dict[str, Any] = {
        "source": Source.CAMERA,
        "since": NOW - 60,
        "last_media": NOW - 0.03,
        "counted": verdict(),
        "counted_at": NOW - 1,
        "last_outcome": SampleOutcome.JUDGED,
        "sample_period": 5.0,
        **over,
    }
    counted, at = facts.pop("counted"), facts.pop("counted_at")
    return TrackFacts(**facts, answers={} if counted is None else {counted.detector: Answer(counted, at)})


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
        assert not facts.answers
    facts.note_look(Look(), captured_at=51.0, params=PARAMS)
    facts.note_verdict(verdict(captured_at=50.0), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).blind is BlindReason.STARTING
    facts.note_verdict(verdict(captured_at=51.0), NOW)
    assert judge_coverage(facts, UP, PARAMS, NOW).covered


@pytest.mark.parametrize("captured_at", ["yesterday", math.nan, None])
def test_a_capture_time_that_makes_no_sense_is_no_error(captured_at: Any) -> None:
    facts = watched(counted=None)
    facts.note_verdict(verdict(captured_at=captured_at), NOW)
    assert (not facts.answers) == (captured_at is not None and captured_at != "yesterday")


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


# -- several detectors -------------------------------------------------------------------------------------------------


def judged(**verdicts: Verdict) -> TrackFacts:
    """A camera on which each of these detectors has just given its verdict, in this order."""
    facts = watched(counted=None)
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
    assert len(facts.answers) == MOST_ANSWERS
    assert "d98" in facts.answers
