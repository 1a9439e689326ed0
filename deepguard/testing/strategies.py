"""Hypothesis strategies: verdicts, the verdicts of whole calls, and thresholds.

Needs hypothesis, which deepguard itself does not: ``pip install hypothesis``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError("deepguard.testing.strategies needs hypothesis: python -m pip install hypothesis") from None

from deepguard.model import BlindReason, Judgement, Source, Verdict
from deepguard.testing.streams import START
from deepguard.thresholds import After, CombineDetectors, CombineTracks, ScoreBand, Scores, Thresholds

PARTICIPANTS = ("participant-1", "participant-2")
DETECTORS = ("test", "other")

# To the millisecond, and the simplest first: they shrink to 0, and read well in a failing example.
_BURST = st.just(0)
_USUAL = st.integers(0, 10_000)
_GAP = st.integers(10_000, 7_200_000)

_Said: TypeAlias = tuple[str, Source, Judgement, str, float | None, int | None]


def verdicts(
    *,
    participants: Sequence[str] = PARTICIPANTS,
    sources: Collection[Source] = tuple(Source),
    detectors: Sequence[str] = DETECTORS,
    judgements: Collection[Judgement] = tuple(Judgement),
    scores: bool | None = None,
    received_at: float = START,
) -> st.SearchStrategy[Verdict]:
    """Verdicts of every kind, all received at one time.

    Args:
        participants: Whose.
        sources: On which tracks.
        detectors: By whom.
        judgements: What they say.
        scores: Whether they have a score; None: some do.
        received_at: When, as a Unix time.
    """
    return _said(participants, sources, detectors, judgements, scores).map(
        lambda said: _made(said, received_at, number=1)
    )


def verdict_streams(
    *,
    participants: Sequence[str] = PARTICIPANTS,
    sources: Collection[Source] = tuple(Source),
    detectors: Sequence[str] = DETECTORS,
    judgements: Collection[Judgement] = tuple(Judgement),
    scores: bool | None = None,
    min_size: int = 0,
    max_size: int = 40,
    start: float = START,
) -> st.SearchStrategy[list[Verdict]]:
    """The verdicts of calls, in the order in which they come: bursts, gaps, samples that are judged late or never.

    Args:
        participants: Whose.
        sources: On which tracks.
        detectors: By whom.
        judgements: What they say.
        scores: Whether they have a score; None: some do.
        min_size: So many verdicts at least.
        max_size: So many at most.
        start: When the call begins, as a Unix time.
    """
    each = st.tuples(st.one_of(_USUAL, _BURST, _GAP), _said(participants, sources, detectors, judgements, scores))
    return st.lists(each, min_size=min_size, max_size=max_size).map(lambda said: _in_order(said, start))


def thresholds() -> st.SearchStrategy[Thresholds]:
    """Every kind of valid thresholds: in a row, m of n, times, scores, dwell, ages, and ways to combine."""
    return _shapes().map(_fitting)


def _said(
    participants: Sequence[str],
    sources: Collection[Source],
    detectors: Sequence[str],
    judgements: Collection[Judgement],
    scores: bool | None,
) -> st.SearchStrategy[_Said]:
    score = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
    scored = {True: score, False: st.none(), None: st.none() | score}[scores]
    # Milliseconds from the sample's capture to its verdict; None where nobody knows.
    late = st.one_of(st.none(), st.just(0), st.integers(0, 2_000), st.integers(2_000, 120_000))
    # A tuple and not a dictionary: it shrinks in a fraction of the time.
    return st.tuples(
        st.sampled_from(list(participants)),
        st.sampled_from(list(sources)),
        st.sampled_from(list(judgements)),
        st.sampled_from(list(detectors)),
        scored,
        late,
    )


def _in_order(said: list[tuple[int, _Said]], start: float) -> list[Verdict]:
    made: list[Verdict] = []
    passed = 0
    for number, (gap, one) in enumerate(said, 1):
        passed += gap
        made.append(_made(one, start + passed / 1000, number))
    return made


def _made(said: _Said, at: float, number: int) -> Verdict:
    participant, source, judgement, detector, score, late = said
    return Verdict(
        participant_id=participant,
        track_id=source.value,
        source=source,
        judgement=judgement,
        received_at=at,
        detector=detector,
        score=score,
        sample_id=None if late is None else f"sample-{number}",
        captured_at=None if late is None else at - late / 1000,
        blind=BlindReason.DETECTOR_ERROR if judgement is Judgement.ERROR else None,
    )


def _afters() -> st.SearchStrategy[int | After]:
    return st.one_of(
        st.integers(1, 6),
        st.integers(1, 8).flatmap(lambda of: st.builds(After, st.integers(1, of), st.just(of))),
        st.builds(After, seconds=st.integers(1, 120).map(float)),
    )


def _bands() -> st.SearchStrategy[Scores]:
    # Of four values in order, any two pairs are such that alert neither rises nor falls below suspicious.
    def made(values: list[int], half_life: int) -> Scores:
        low, middle, high, highest = (value / 100 for value in sorted(values))
        return Scores(ScoreBand(middle, low), ScoreBand(highest, min(high, highest)), float(half_life))

    return st.builds(made, st.lists(st.integers(1, 100), min_size=4, max_size=4), st.integers(0, 60))


def _shapes() -> st.SearchStrategy[dict[str, Any]]:
    weight, share = st.integers(0, 10).map(float), st.integers(1, 10).map(lambda tenths: tenths / 10)
    after = _afters()
    return st.fixed_dictionaries(
        {"suspicious_after": after, "alert_after": after, "clear_after": after},
        optional={
            "scores": _bands(),
            "dwell": st.integers(0, 600).map(float),
            "max_age": st.integers(1, 600).map(float),
            "tracks": st.builds(
                CombineTracks,
                st.sampled_from(["any", "both", "weighted"]),
                st.dictionaries(st.sampled_from(list(Source)), weight, max_size=3),
                share,
            ),
            "detectors": st.builds(
                CombineDetectors,
                st.sampled_from(["any", "quorum", "weighted"]),
                st.integers(1, 3),
                st.dictionaries(st.sampled_from(DETECTORS), weight, max_size=2),
                share,
            ),
        },
    )


def _fitting(shape: dict[str, Any]) -> Thresholds:
    """Thresholds whose verdicts count for as long as their rules ask for."""
    longest = max(rule.seconds for rule in shape.values() if isinstance(rule, After)) if _timed(shape) else 0.0
    if "max_age" in shape:
        shape = shape | {"max_age": max(shape["max_age"], longest)}
    return Thresholds(**shape)


def _timed(shape: dict[str, Any]) -> bool:
    return any(isinstance(rule, After) for rule in shape.values())


__all__ = ["thresholds", "verdict_streams", "verdicts"]
