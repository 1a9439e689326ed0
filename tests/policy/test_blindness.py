"""When a blindness is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.model import BlindReason
from deepguard.policy.blindness import Blindness

FACE, MEDIA, SPEECH, START = BlindReason.NO_FACE, BlindReason.NO_MEDIA, BlindReason.NO_SPEECH, BlindReason.STARTING
AFTER = {FACE: 30.0, MEDIA: 10.0, SPEECH: None, START: 10.0}


def told_at(*reasons: BlindReason) -> list[int]:
    """Seconds at which it was told; one reason a second."""
    blindness = Blindness()
    return [now for now, reason in enumerate(reasons) if blindness.goes_on(reason, AFTER[reason], float(now))]


def test_each_reason_has_its_own_threshold_and_is_told_once() -> None:
    assert told_at(*[MEDIA] * 60) == [10]
    assert told_at(*[FACE] * 60) == [30]
    assert told_at(*[SPEECH] * 600) == []


def test_a_short_reason_at_the_end_of_a_long_one_is_not_told_in_its_place() -> None:
    assert told_at(*[FACE] * 25, *[START] * 3) == []
    assert told_at(*[FACE] * 15, *[MEDIA] * 60) == [25]


def test_reasons_that_take_turns_are_told_by_the_longest_of_their_thresholds() -> None:
    assert told_at(*[FACE, MEDIA] * 60) == [30]


def test_what_is_not_told_does_not_count() -> None:
    assert told_at(*[SPEECH] * 600, *[START] * 20) == [610]


def test_the_end_is_told_when_the_beginning_was() -> None:
    blindness = Blindness()
    assert not blindness.goes_on(MEDIA, 10.0, 0.0)
    assert not blindness.ends()
    assert blindness.goes_on(MEDIA, 0.0, 5.0)
    assert blindness.told
    assert not blindness.goes_on(SPEECH, None, 6.0)
    assert blindness.ends()
    assert not blindness.ends()
    assert not blindness.goes_on(MEDIA, 10.0, 7.0), "a new blindness begins to count anew"


REASONS = st.sampled_from([FACE, MEDIA, START])


@given(st.lists(REASONS, min_size=32, max_size=60), st.booleans())
def test_nobody_stays_blind_for_long_untold_and_nothing_is_told_too_soon(told: list[BlindReason], silent: bool) -> None:
    at = told_at(*([SPEECH] if silent else []), *told)
    assert len(at) == 1
    assert 10 + silent <= at[0] <= 30 + silent
