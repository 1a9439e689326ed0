"""What the health of several detectors says together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.detectors.several.health import MemberHealth, merge_health
from deepguard.model import DetectorHealth, HealthState

UP, DOWN, CONNECTING, REFUSED = (
    HealthState.UP,
    HealthState.DOWN,
    HealthState.CONNECTING,
    HealthState.REFUSED,
)


def member(name: str, state: HealthState, detail: str = "", **over: bool) -> MemberHealth:
    return MemberHealth(name, DetectorHealth(state, detail), **over)


@pytest.mark.parametrize(
    ("states", "needed", "merged"),
    [
        ([UP, UP], 2, UP),
        ([UP, DOWN], 1, UP),
        ([UP, REFUSED], 1, UP),
        ([UP, CONNECTING], 2, CONNECTING),
        ([DOWN, CONNECTING], 1, CONNECTING),
        ([REFUSED, CONNECTING], 1, CONNECTING),
        ([DOWN, CONNECTING], 2, DOWN),
        ([UP, DOWN], 2, DOWN),
        ([UP, REFUSED], 2, REFUSED),
        ([REFUSED, REFUSED], 1, REFUSED),
        ([DOWN, REFUSED], 1, DOWN),
        ([DOWN, REFUSED, REFUSED], 2, REFUSED),
        ([UP], 2, DOWN),
    ],
)
def test_the_state(states: list[HealthState], needed: int, merged: HealthState) -> None:
    members = [member(f"d{number}", state) for number, state in enumerate(states)]
    assert merge_health(members, needed).state is merged


def test_the_detail_names_each_that_is_not_up_and_why() -> None:
    members = [
        member("a", UP, "connected"),
        member("b", DOWN, "no route"),
        member("c", REFUSED, "set the key"),
        member("d", DOWN, "ended before the call", gone=True),
        member("e", CONNECTING),
    ]
    told = merge_health(members, 1)
    assert told.state is UP
    assert told.detail == (
        "b is down: no route; c is refused: set the key; d is down: ended before the call; e is connecting"
    )


def test_one_that_is_gone_cannot_come_up_and_is_not_refused() -> None:
    assert merge_health([member("a", UP, gone=True)], 1).state is DOWN
    assert merge_health([member("a", REFUSED), member("b", DOWN, gone=True)], 2).state is DOWN


def test_one_that_cannot_tell_a_deepfake_does_not_count_and_is_named() -> None:
    measures = member("embedded", UP, counts=False)
    assert merge_health([measures, member("a", DOWN, "no route")], 1) == DetectorHealth(DOWN, "a is down: no route")
    assert merge_health([measures, member("a", UP)], 2).detail == ("2 are needed, and only 1 can tell a deepfake")
    broken = member("embedded", DOWN, "no OpenCV", counts=False)
    assert merge_health([broken, member("a", UP)], 1) == DetectorHealth(UP, "embedded is down: no OpenCV")


@given(
    states=st.lists(st.tuples(st.sampled_from(HealthState), st.booleans()), min_size=1, max_size=8),
    needed=st.integers(1, 8),
)
def test_it_is_up_exactly_when_enough_are(states: list[tuple[HealthState, bool]], needed: int) -> None:
    members = [member(f"d{number}", state, gone=gone) for number, (state, gone) in enumerate(states)]
    up = sum(state is UP and not gone for state, gone in states)
    told = merge_health(members, needed)
    assert (told.state is UP) is (up >= needed)
    assert merge_health(members[::-1], needed).state is told.state
    if told.state is REFUSED:
        assert any(state is REFUSED and not gone for state, gone in states)
