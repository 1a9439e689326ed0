"""The default policy, against a reference written from the sentence that describes it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.model import Judgement, Level, Source
from deepguard.policy.machine import PolicyState, ThresholdPolicy
from deepguard.testing import make_verdict
from deepguard.thresholds import Thresholds

CLEAR, SUSPICIOUS, ALERT = Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT
RANK = {CLEAR: 0, SUSPICIOUS: 1, ALERT: 2}

counts = st.integers(min_value=1, max_value=4)
thresholds = st.builds(Thresholds, counts, counts, counts)
MOMENT = 1_700_000_000.0
judgements = st.sampled_from(list(Judgement))
# Weighted towards verdicts that say something, so that runs get long enough to matter.
streams = st.lists(st.one_of(st.sampled_from(list(RANK)), judgements), max_size=40)
mixed = st.lists(st.tuples(st.sampled_from(list(Source)), judgements), max_size=40)


def judging(judgement, source=Source.CAMERA, at=MOMENT, **more):
    """A verdict at a moment that is always the same, so that states can be compared."""
    return make_verdict(judgement=judgement, source=source, received_at=at, **more)


def reference(limits: Any, judged: list[Judgement]) -> list[int]:
    """The level after each verdict of one track, by looking at the whole history each time."""
    history: list[int] = []
    levels: list[int] = []
    level = 0
    for judgement in judged:
        if judgement in RANK:
            history.append(RANK[judgement])

            def last(n: int, seen: list[int] = history) -> list[int] | None:
                return seen[-n:] if len(seen) >= n else None

            alerts = last(limits.alert_after)
            suspicions = last(limits.suspicious_after)
            lower = last(limits.clear_after)
            if level < 2 and alerts and min(alerts) == 2:
                level = 2
            elif level < 1 and suspicions and min(suspicions) >= 1:
                level = 1
            elif lower and max(lower) < level:
                level = max(lower)
        levels.append(level)
    return levels


def run(policy, verdicts, state=None):
    state = policy.initial() if state is None else state
    steps = []
    for source, judgement in verdicts:
        step = policy.advance(state, judging(judgement, source), now=MOMENT)
        steps.append(step)
        state = step.state
    return steps


def levels_of(limits, judged):
    steps = run(ThresholdPolicy(limits), [(Source.CAMERA, judgement) for judgement in judged])
    return [step.tracks.get(Source.CAMERA, Level.CLEAR) for step in steps]


@given(thresholds, streams)
def test_levels_move_only_by_the_rules(limits, judged):
    assert levels_of(limits, judged) == reference(limits, judged)


@given(streams)
def test_default_thresholds_follow_each_verdict(judged):
    spoken = [judgement for judgement in judged if judgement in RANK]
    assert levels_of(Thresholds(), spoken) == [RANK[judgement] for judgement in spoken]


@given(thresholds, mixed)
def test_tracks_are_independent_however_they_interleave(limits, verdicts):
    policy = ThresholdPolicy(limits)
    together = run(policy, verdicts)
    for source in Source:
        alone = run(policy, [pair for pair in verdicts if pair[0] is source])
        seen = [step.tracks.get(source) for step, pair in zip(together, verdicts, strict=True) if pair[0] is source]
        assert seen == [step.tracks.get(source) for step in alone]


@given(thresholds, mixed)
def test_order_between_tracks_does_not_change_the_state(limits, verdicts):
    policy = ThresholdPolicy(limits)
    by_track = sorted(verdicts, key=lambda pair: pair[0])
    ends = [steps[-1].state if steps else policy.initial() for steps in (run(policy, verdicts), run(policy, by_track))]
    assert ends[0] == ends[1]


@given(thresholds, mixed)
def test_participant_is_the_highest_of_the_tracks(limits, verdicts):
    for step in run(ThresholdPolicy(limits), verdicts):
        assert step.participant == max(step.tracks.values(), default=Level.CLEAR)


@given(thresholds, mixed, st.sampled_from(list(Source)), st.sampled_from([Judgement.ERROR, Judgement.UNKNOWN]))
def test_error_and_unknown_change_nothing(limits, verdicts, source, neutral):
    policy = ThresholdPolicy(limits)
    before = (run(policy, verdicts) or [None])[-1]
    state = before.state if before else policy.initial()
    after = policy.advance(state, judging(neutral, source), now=MOMENT)
    assert after.state == state
    assert after.cause == ""
    assert after.tracks == (before.tracks if before else {})


@given(thresholds, mixed, judgements, st.sampled_from(list(Source)), st.floats(0, 2e9), st.floats(0, 2e9))
def test_pure(limits, verdicts, judgement, source, now, later):
    policy = ThresholdPolicy(limits)
    steps = run(policy, verdicts)
    state = steps[-1].state if steps else policy.initial()
    kept = copy.deepcopy(state)
    verdict = judging(judgement, source)
    first, second = policy.advance(state, verdict, now), policy.advance(state, verdict, later)
    assert first == second == ThresholdPolicy(limits).advance(kept, verdict, now)
    assert state == kept
    assert hash(state) == hash(kept)


@given(thresholds, mixed)
def test_cause_is_given_exactly_when_a_level_changes(limits, verdicts):
    before = {}
    for step in run(ThresholdPolicy(limits), verdicts):
        changed = any(step.tracks[source] != before.get(source, Level.CLEAR) for source in step.tracks)
        assert bool(step.cause) == changed
        before = step.tracks


def test_clear_audio_does_not_hide_an_alert_on_video():
    steps = run(ThresholdPolicy(), [(Source.CAMERA, ALERT), (Source.MICROPHONE, CLEAR)])
    assert steps[-1].participant is Level.ALERT
    assert steps[-1].tracks == {Source.CAMERA: Level.ALERT, Source.MICROPHONE: Level.CLEAR}


@pytest.mark.parametrize(
    ("limits", "judged", "cause"),
    [
        (Thresholds(), [ALERT], "an alert verdict on the camera"),
        (Thresholds(alert_after=2), [ALERT], "an alert verdict on the camera"),
        (Thresholds(alert_after=2), [ALERT, ALERT], "2 alert verdicts in a row on the camera"),
        (Thresholds(), [SUSPICIOUS], "a suspicious verdict on the camera"),
        (Thresholds(2, 3), [SUSPICIOUS, ALERT], "2 suspicious or alert verdicts in a row on the camera"),
        (Thresholds(), [ALERT, SUSPICIOUS], "a suspicious verdict on the camera"),
        (Thresholds(), [ALERT, CLEAR], "a clear verdict on the camera"),
        (
            Thresholds(clear_after=2),
            [ALERT, CLEAR, SUSPICIOUS],
            "2 suspicious or clear verdicts in a row on the camera",
        ),
        (Thresholds(clear_after=2), [ALERT, CLEAR, CLEAR], "2 clear verdicts in a row on the camera"),
    ],
)
def test_causes_read_as_sentences(limits, judged, cause):
    assert run(ThresholdPolicy(limits), [(Source.CAMERA, judgement) for judgement in judged])[-1].cause == cause


@given(counts, counts, counts, st.integers(0, 2))
def test_clear_after_clear_verdicts_always_end_it(suspicious_after, alert_after, clear_after, peak):
    limits = Thresholds(suspicious_after, alert_after, clear_after)
    rise = [[], [SUSPICIOUS] * suspicious_after, [ALERT] * alert_after][peak]
    assert levels_of(limits, [*rise, SUSPICIOUS, *[CLEAR] * clear_after])[-1] == Level.CLEAR


def test_states_are_frozen():
    with pytest.raises(AttributeError):
        PolicyState().tracks = ()  # pyright: ignore[reportAttributeAccessIssue]
    state = run(ThresholdPolicy(), [(Source.CAMERA, ALERT)])[-1].state
    with pytest.raises(AttributeError):
        state.tracks[0][1].level = Level.CLEAR


@pytest.mark.parametrize("name", ["suspicious_after", "alert_after", "clear_after"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "two", "0", "6 of 5", "0 s", None])
def test_impossible_thresholds_are_refused_where_they_are_made(name, value):
    with pytest.raises(ValueError, match=name if isinstance(value, str) else f"{name} must be a whole number of at le"):
        Thresholds(**{name: value})  # pyright: ignore[reportArgumentType]
