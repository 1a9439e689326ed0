"""Strategies draw what calls are made of, and shrink to what people can read."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from deepguard import After, Judgement, Source, Thresholds, Verdict
from deepguard.config.policy import ThresholdParams
from deepguard.testing.strategies import thresholds, verdict_streams, verdicts
from deepguard.testing.streams import START
from deepguard.thresholds import as_plain

FOUND = settings(
    max_examples=2000,
    derandomize=True,
    database=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
    phases=(Phase.generate,),
)
SHORT = settings(FOUND, max_examples=200, phases=(Phase.generate, Phase.shrink))


@given(verdict_streams())
def test_times_go_forward_and_no_sample_is_judged_before_it_is_captured(stream: list[Verdict]) -> None:
    assert all(one.received_at <= other.received_at for one, other in pairwise(stream))
    assert all(one.captured_at is None or one.captured_at <= one.received_at for one in stream)
    assert all(one.score is None or 0 <= one.score <= 1 for one in stream)
    assert not stream or stream[0].received_at >= START


def gaps(stream: list[Verdict]) -> list[float]:
    return [later.received_at - one.received_at for one, later in pairwise(stream)]


@pytest.mark.parametrize(
    "holds",
    [
        lambda stream: len({one.participant_id for one in stream}) > 1,
        lambda stream: {one.source for one in stream} == set(Source),
        lambda stream: {one.judgement for one in stream} == set(Judgement),
        lambda stream: len({one.detector for one in stream}) > 1,
        lambda stream: any(one.score is not None for one in stream) and any(one.score is None for one in stream),
        lambda stream: gaps(stream).count(0) >= 3,
        lambda stream: any(gap > 600 for gap in gaps(stream)),
        lambda stream: any(one.captured_at and one.received_at - one.captured_at > 30 for one in stream),
        lambda stream: any(one.captured_at is None for one in stream),
    ],
    ids=["participants", "sources", "judgements", "detectors", "scores", "burst", "gap", "late", "unknown capture"],
)
def test_every_kind_of_call_is_drawn(holds) -> None:
    assert find(verdict_streams(), holds, settings=FOUND)


def test_a_stream_shrinks_to_what_people_can_read() -> None:
    found = find(
        verdict_streams(), lambda stream: any(one.judgement is Judgement.ALERT for one in stream), settings=SHORT
    )
    assert len(found) <= 3
    for one in found:
        assert (one.participant_id, one.source, one.detector) == ("participant-1", Source.CAMERA, "test")
        assert (one.received_at, one.captured_at, one.score) == (START, None, None)


def test_what_is_asked_for_is_what_comes() -> None:
    asked = verdict_streams(
        participants=["ann"],
        sources=[Source.SCREEN],
        detectors=["mine"],
        judgements=[Judgement.ERROR],
        scores=True,
        min_size=2,
        max_size=3,
        start=5.0,
    )

    @given(asked)
    def check(stream: list[Verdict]) -> None:
        assert 2 <= len(stream) <= 3
        for one in stream:
            assert (one.participant_id, one.source, one.detector) == ("ann", Source.SCREEN, "mine")
            assert one.judgement is Judgement.ERROR
            assert one.blind is not None
            assert one.score is not None
            assert one.received_at >= 5.0

    check()


@given(verdicts(scores=False, received_at=9.0))
def test_single_verdicts(verdict: Verdict) -> None:
    assert (verdict.received_at, verdict.score) == (9.0, None)


@given(thresholds())
def test_thresholds_stand_in_the_yaml_as_they_are(limits: Thresholds) -> None:
    assert ThresholdParams.model_validate(as_plain(limits)).thresholds() == limits


@pytest.mark.parametrize(
    "holds",
    [
        lambda one: isinstance(one.alert_after, int) and one.alert_after > 1,
        lambda one: isinstance(one.alert_after, After) and one.alert_after.of > 1,
        lambda one: isinstance(one.clear_after, After) and one.clear_after.seconds > 0,
        lambda one: one.scores is not None and one.scores.half_life > 0,
        lambda one: one.dwell > 0 and one.max_age is not None,
        lambda one: one.tracks.combine == "both",
        lambda one: one.tracks.combine == "weighted" and one.tracks.weights,
        lambda one: one.detectors.combine == "quorum",
        lambda one: one.detectors.combine == "weighted" and one.detectors.weights,
    ],
)
def test_every_kind_of_thresholds_is_drawn(holds) -> None:
    assert find(thresholds(), holds, settings=FOUND)


def test_the_simplest_thresholds_are_the_usual_ones() -> None:
    assert find(thresholds(), lambda _: True, settings=SHORT) == Thresholds()


@pytest.mark.parametrize(
    ("statement", "who"),
    [
        ("import deepguard.testing.strategies", "deepguard.testing.strategies"),
        ("from deepguard.testing import PolicyContract", "PolicyContract"),
    ],
)
def test_without_hypothesis_it_says_what_is_missing(statement: str, who: str) -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from deepguard.testing import load_policy, play, stream\n"
        f"play(stream('camera: clear'), __import__('deepguard').Thresholds())\n{statement}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last == f"ImportError: {who} needs hypothesis: python -m pip install hypothesis"


def test_they_are_strategies() -> None:
    for made in (verdicts(), verdict_streams(), thresholds()):
        assert isinstance(made, st.SearchStrategy)
