"""Thresholds beyond verdicts in a row, against references written from the sentences that describe them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deepguard import (
    After,
    BlindReason,
    CombineDetectors,
    CombineTracks,
    Judgement,
    Level,
    ScoreBand,
    Scores,
    Source,
    Thresholds,
)
from deepguard.policy.machine import ThresholdPolicy
from deepguard.testing import make_verdict

CLEAR, SUSPICIOUS, ALERT = Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT
RANK = {CLEAR: 0, SUSPICIOUS: 1, ALERT: 2}
CAMERA, MICROPHONE = Source.CAMERA, Source.MICROPHONE
ranks = st.lists(st.sampled_from([CLEAR, SUSPICIOUS, ALERT]), max_size=40)


def shares() -> st.SearchStrategy[After]:
    return st.integers(1, 6).flatmap(lambda of: st.builds(After, st.integers(1, of), st.just(of)))


def play(limits: Thresholds, *said: Any) -> list[Any]:
    """The steps after each (seconds, judgement or score, source, detector) of one participant."""
    policy = ThresholdPolicy(limits)
    state, steps = policy.initial(), []
    for at, what, source, detector in said:
        score = what if isinstance(what, float) else None
        judgement = CLEAR if score is not None else what
        verdict = make_verdict(
            judgement=judgement, score=score, source=source, detector=detector, received_at=at, captured_at=at
        )
        steps.append(policy.advance(state, verdict, at))
        state = steps[-1].state
    return steps


def camera(*said: Any, every: float = 1.0) -> list[Any]:
    return [(index * every, what, CAMERA, "one") for index, what in enumerate(said)]


def levels(limits: Thresholds, said: list[Any]) -> list[int]:
    return [int(step.participant) for step in play(limits, *said)]


def of_reference(rise: After, alert: After, fall: After, judged: list[Judgement]) -> list[int]:
    """Only a verdict that speaks for a change makes it, with those since the level last went the other way."""
    level, told = 0, []
    since_fall: list[int] = []
    since_rise: list[int] = []
    for judgement in judged:
        rank = RANK[judgement]
        since_fall.append(rank)
        since_rise.append(rank)
        before = level
        if rank == 2 and level < 2 and sum(r == 2 for r in since_fall[-alert.of :]) >= alert.verdicts:
            level = 2
        elif rank >= 1 and level < 1 and sum(r >= 1 for r in since_fall[-rise.of :]) >= rise.verdicts:
            level = 1
        elif rank < level:
            latest = since_rise[-fall.of :]
            if rank == 0 and sum(r == 0 for r in latest) >= fall.verdicts:
                level = 0
            elif level == 2 and sum(r < 2 for r in latest) >= fall.verdicts:
                level = 1
        if level > before:
            since_rise = []
        if level < before:
            since_fall = []
        told.append(level)
    return told


@given(shares(), shares(), shares(), ranks)
def test_some_of_the_latest(rise: After, alert: After, fall: After, judged: list[Judgement]) -> None:
    limits = Thresholds(rise, alert, fall)
    assert levels(limits, camera(*judged)) == of_reference(rise, alert, fall, judged)


def test_three_of_five_survive_a_mistake_of_the_detector() -> None:
    limits = Thresholds(suspicious_after="3 of 5", alert_after="3 of 5", clear_after=2)
    assert levels(limits, camera(ALERT, CLEAR, ALERT, CLEAR, ALERT, CLEAR, CLEAR)) == [0, 0, 0, 0, 2, 2, 0]
    step = play(limits, *camera(ALERT, CLEAR, ALERT, CLEAR, ALERT))[-1]
    assert step.cause == "3 of the latest 5 verdicts on the camera were alert"
    assert (step.rule, step.verdicts) == ("thresholds.alert_after", 5)


@given(st.lists(st.tuples(st.floats(0.1, 8), st.sampled_from([CLEAR, SUSPICIOUS, ALERT])), max_size=30))
def test_a_time_in_a_row(gaps: list[tuple[float, Judgement]]) -> None:
    limits = Thresholds(alert_after="10 s", suspicious_after=1, clear_after="5 s")
    at, level, said, told = 0.0, 0, [], []
    began: dict[str, float | None] = {"alert": None, "clear": None, "below": None}
    for gap, judgement in gaps:
        at += gap
        said.append((at, judgement, CAMERA, "one"))
        for name, ranks_in in (("alert", (2,)), ("clear", (0,)), ("below", (0, 1))):
            if RANK[judgement] not in ranks_in:
                began[name] = None
            elif began[name] is None:
                began[name] = at

        def lasted(name: str, seconds: float, now: float = at) -> bool:
            start = began[name]
            return start is not None and now - start >= seconds

        if level < 2 and lasted("alert", 10):
            level = 2
        elif level < 1 and RANK[judgement] >= 1:
            level = 1
        elif level > 0 and lasted("clear", 5):
            level = 0
        elif level == 2 and lasted("below", 5):
            level = 1
        told.append(level)
    assert levels(limits, said) == told


def test_hysteresis_keeps_a_score_that_wavers_from_changing_the_level() -> None:
    scores = Scores(suspicious=ScoreBand(0.6, 0.4), alert=ScoreBand(0.9, 0.8))
    said = camera(0.5, 0.6, 0.5, 0.41, 0.39, 0.95, 0.85, 0.79, 0.45, 0.39)
    assert levels(Thresholds(scores=scores), said) == [0, 1, 1, 1, 0, 2, 2, 1, 1, 0]
    step = play(Thresholds(scores=scores), *said[:2])[-1]
    assert step.cause == "a suspicious score on the camera (0.60)"


def test_scores_count_and_not_what_the_detector_makes_of_them() -> None:
    policy = ThresholdPolicy(Thresholds(scores=Scores()))
    step = policy.advance(policy.initial(), make_verdict(judgement=ALERT, score=0.1), 0.0)
    assert step.participant is Level.CLEAR
    # One that gives no score is still heard, and one that failed is no evidence whatever its score.
    assert policy.advance(step.state, make_verdict(judgement=ALERT), 0.0).participant is Level.ALERT
    failed = make_verdict(judgement=Judgement.ERROR, score=1.0)
    assert policy.advance(step.state, failed, 0.0).participant is Level.CLEAR


def test_smoothing_goes_by_time() -> None:
    scores = Scores(ScoreBand(0.5, 0.5), ScoreBand(0.7, 0.7), half_life=10)
    # 1 - 0.5 ** (seconds / 10) of the way to 1: a half after 10 s, three quarters after 20 s, however many samples.
    few = [(0.0, 0.0, CAMERA, "one"), (20.0, 1.0, CAMERA, "one")]
    many = [(0.0, 0.0, CAMERA, "one")] + [(float(at), 1.0, CAMERA, "one") for at in range(1, 21)]
    assert levels(Thresholds(scores=scores), few) == [0, 2]
    told = levels(Thresholds(scores=scores), many)
    assert (told[9], told[11]) == (0, 1)
    assert (told[17], told[18]) == (1, 2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.1, 100))
def test_a_smoothed_score_never_leaves_the_range_of_the_scores(scores: list[float], half_life: float) -> None:
    limits = Thresholds(scores=Scores(half_life=half_life))
    opinion = dict(dict(play(limits, *camera(*scores))[-1].state.tracks)[CAMERA].opinions)["one"]
    assert min(scores) - 1e-9 <= opinion.score <= max(scores) + 1e-9


def test_a_level_dwells_and_a_rise_never_waits() -> None:
    limits = Thresholds(dwell=10)
    said = [(0.0, SUSPICIOUS, CAMERA, "one"), (1.0, ALERT, CAMERA, "one")]
    said += [(float(at), CLEAR, CAMERA, "one") for at in range(2, 13)]
    assert levels(limits, said) == [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0]
    step = play(limits, *said[:12])[-1]
    assert (step.cause, step.rule) == ("the camera was at alert for 10 s", "thresholds.dwell")


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from([CLEAR, SUSPICIOUS, ALERT])), max_size=30))
def test_every_level_that_falls_has_lasted_as_long_as_it_must(gaps: list[tuple[float, Judgement]]) -> None:
    at, said = 0.0, []
    for gap, judgement in gaps:
        at += gap
        said.append((at, judgement, CAMERA, "one"))
    level, since = 0, 0.0
    for (moment, *_), step in zip(said, play(Thresholds(dwell=20), *said), strict=True):
        if step.participant < level:
            assert moment - since >= 20
        if step.participant != level:
            level, since = step.participant, moment


def test_old_verdicts_count_for_nothing() -> None:
    limits = Thresholds(alert_after=3, max_age=10)
    assert levels(limits, camera(ALERT, ALERT, ALERT, every=4)) == [1, 1, 2]
    assert levels(limits, camera(ALERT, ALERT, ALERT, every=6)) == [1, 1, 1]
    # A track that nobody has judged for longer has no say: its level ends with the next verdict on another.
    said = [(0.0, ALERT, CAMERA, "one"), (5.0, CLEAR, MICROPHONE, "one"), (11.0, CLEAR, MICROPHONE, "one")]
    steps = play(Thresholds(max_age=10), *said)
    assert [step.participant for step in steps] == [Level.ALERT, Level.ALERT, Level.CLEAR]
    assert steps[-1].cause == "the verdicts on the camera are too old to count"
    assert steps[-1].rule == "thresholds.max_age"


def test_a_verdict_that_comes_too_late_is_not_heard() -> None:
    policy = ThresholdPolicy(Thresholds(max_age=10))
    late = make_verdict(judgement=ALERT, captured_at=100.0, received_at=111.0)
    assert policy.advance(policy.initial(), late, 111.0).state == policy.initial()
    assert policy.advance(policy.initial(), late, 110.0).participant is Level.ALERT


@pytest.mark.parametrize(
    ("picture", "sound", "level"),
    [(ALERT, None, 2), (None, ALERT, 2), (ALERT, CLEAR, 0), (ALERT, SUSPICIOUS, 1), (ALERT, ALERT, 2)],
)
def test_both_sound_and_picture(picture: Judgement | None, sound: Judgement | None, level: int) -> None:
    said = [(0.0, what, source, "one") for what, source in ((picture, CAMERA), (sound, MICROPHONE)) if what]
    assert levels(Thresholds(tracks=CombineTracks("both")), said)[-1] == level


def test_why_both_together_changed_the_participant_is_told() -> None:
    limits = Thresholds(tracks=CombineTracks("both"))
    said = [(0.0, CLEAR, MICROPHONE, "one"), (1.0, ALERT, CAMERA, "one"), (2.0, ALERT, MICROPHONE, "one")]
    step = play(limits, *said)[-1]
    assert step.participant_cause == "sound and picture are both at alert or above"
    assert step.participant_rule == "thresholds.tracks"
    assert step.cause == "an alert verdict on the microphone"


def test_weighted_tracks() -> None:
    limits = Thresholds(tracks=CombineTracks("weighted", {CAMERA: 3, MICROPHONE: 1}, share=0.75))
    said = [(0.0, CLEAR, MICROPHONE, "one"), (1.0, ALERT, CAMERA, "one")]
    assert levels(limits, said) == [0, 2]
    said = [(0.0, CLEAR, CAMERA, "one"), (1.0, ALERT, MICROPHONE, "one")]
    assert levels(limits, said) == [0, 0]


names = st.sampled_from(["a", "b", "c"])
opinions = st.lists(st.tuples(names, st.sampled_from([CLEAR, SUSPICIOUS, ALERT])), max_size=20)


@given(opinions, st.integers(1, 4))
def test_a_quorum_of_detectors(said: list[tuple[str, Judgement]], quorum: int) -> None:
    limits = Thresholds(detectors=CombineDetectors("quorum", quorum))
    latest: dict[str, int] = {}
    expected = []
    for name, judgement in said:
        latest[name] = RANK[judgement]
        agreed = sorted(latest.values(), reverse=True)
        expected.append(agreed[quorum - 1] if len(agreed) >= quorum else 0)
    assert levels(limits, [(0.0, judgement, CAMERA, name) for name, judgement in said]) == expected


@given(opinions)
def test_any_detector_is_enough_and_disagreement_is_told(said: list[tuple[str, Judgement]]) -> None:
    latest: dict[str, Level] = {}
    steps = play(Thresholds(), *[(0.0, judgement, CAMERA, name) for name, judgement in said])
    for (name, judgement), step in zip(said, steps, strict=True):
        latest[name] = Level(RANK[judgement])
        assert step.participant == max(latest.values())
        if len(set(latest.values())) > 1:
            told = ", ".join(f"{name}: {latest[name]}" for name in sorted(latest))
            assert step.disagreements == {CAMERA: told}
        else:
            assert step.disagreements == {}


def test_weighted_detectors() -> None:
    limits = Thresholds(detectors=CombineDetectors("weighted", weights={"good": 3}, share=0.5))
    said = [(0.0, CLEAR, CAMERA, "good"), (1.0, ALERT, CAMERA, "poor"), (2.0, ALERT, CAMERA, "good")]
    assert levels(limits, said) == [0, 0, 2]


@given(st.lists(st.text(max_size=3), max_size=40))
def test_names_of_detectors_cannot_make_a_state_grow(named: list[str]) -> None:
    steps = play(Thresholds(), *[(float(at), ALERT, CAMERA, name) for at, name in enumerate(named)])
    assume(steps)
    assert len(dict(steps[-1].state.tracks)[CAMERA].opinions) <= 8


@pytest.mark.parametrize("blind", list(BlindReason))
def test_a_picture_that_shows_nothing_clears_nobody_and_alerts_all_the_same(blind: BlindReason) -> None:
    policy = ThresholdPolicy()
    step = policy.advance(policy.initial(), make_verdict(judgement=ALERT, blind=blind), 0.0)
    assert step.participant is Level.ALERT
    assert policy.advance(step.state, make_verdict(judgement=CLEAR, blind=blind), 1.0).participant is Level.ALERT


def test_what_another_policy_decided_goes_on() -> None:
    policy = ThresholdPolicy(Thresholds(clear_after=2, max_age=60))
    state = policy.resume({CAMERA: Level.ALERT, MICROPHONE: Level.CLEAR})
    told = []
    for at in (1000.0, 1001.0):
        step = policy.advance(state, make_verdict(judgement=CLEAR, received_at=at), at)
        state = step.state
        told.append(step.participant)
    assert told == [Level.ALERT, Level.CLEAR]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("3", After(3)),
        (" 3 of 5 ", After(3, of=5)),
        ("10 s", After(seconds=10)),
        ("10s", After(seconds=10)),
        ("1.5 m", After(seconds=90)),
        ("1 h", After(seconds=3600)),
    ],
)
def test_rules_are_read_as_they_are_written(text: str, after: After) -> None:
    assert After.parse(text) == after
    assert After.parse(str(after)) == after


@pytest.mark.parametrize(
    "make",
    [
        lambda: After(0),
        lambda: After(100_001),
        lambda: After(3, of=2),
        lambda: After(3, of=101),
        lambda: After(2, of=3, seconds=5),
        lambda: After(2, seconds=5),
        lambda: After(seconds=float("nan")),
        lambda: ScoreBand(0.5, 0.6),
        lambda: ScoreBand(0.0, 0.0),
        lambda: ScoreBand(float("nan"), 0.1),
        lambda: Scores(ScoreBand(0.8, 0.5), ScoreBand(0.7, 0.5)),
        lambda: Scores(half_life=-1),
        lambda: CombineTracks("all"),  # pyright: ignore[reportArgumentType]
        lambda: CombineTracks("weighted", {"camera": 1}),  # pyright: ignore[reportArgumentType]
        lambda: CombineTracks("weighted", {CAMERA: -1}),
        lambda: CombineDetectors("quorum", 0),
        lambda: CombineDetectors("weighted", share=0),
        lambda: Thresholds(dwell=-1),
        lambda: Thresholds(max_age=0),
        lambda: Thresholds(alert_after="20 s", max_age=10),
        lambda: Thresholds(scores=0.5),  # pyright: ignore[reportArgumentType]
        lambda: Thresholds(tracks="both"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_thresholds_that_no_policy_could_follow_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"must|cannot|asks"):
        make()
