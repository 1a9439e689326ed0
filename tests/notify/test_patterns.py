"""``*`` in names, against names of any length and any characters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.notify.patterns import any_matches


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("agent-*", "agent-7", True),
        ("agent-*", "agent-", True),
        ("agent-*", "Agent-7", False),
        ("*-7", "agent-7", True),
        ("ab*bc", "abc", False),
        ("a*b*c", "a-c-b", False),
        ("[a]?", "[a]?", True),
        ("[a]?", "ab", False),
        ("*", "", True),
        ("agent", "agent-7", False),
    ],
)
def test_a_star_stands_for_any_letters_and_all_else_for_itself(pattern, name, matches):
    assert any_matches([pattern], name) is matches


@given(pattern=st.text("ab*\n", max_size=8), name=st.text("ab\n", max_size=10))
def test_it_is_what_a_regular_expression_says(pattern, name):
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None
    assert any_matches([pattern], name) is expected


def test_any_of_several_is_enough():
    assert any_matches(["agent-*", "guest"], "guest")
    assert not any_matches([], "guest")


def test_a_long_name_takes_no_more_than_a_look():
    # A backtracking match of this would not end in this universe.
    assert not any_matches(["a*" * 100 + "b"], "a" * 1_000_000)
