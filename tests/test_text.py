"""Untrusted text on one line."""

from hypothesis import given
from hypothesis import strategies as st

from deepguard.text import one_line


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_prints_on_one_line_within_the_limit(text, limit):
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert line == line.strip()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P"]), max_size=50))
def test_leaves_ordinary_text_alone(text):
    assert one_line(text, 50) == text


def test_takes_out_what_could_forge_a_line():
    assert one_line("Bob\r\n\x1b[31mERROR\u202e\u2028x") == "Bob [31mERROR x"


def test_shows_that_something_was_cut():
    assert one_line("a" * 10, 4) == "aaa…"
    assert one_line("\n" * 1000 + "a", 4) == "…"
