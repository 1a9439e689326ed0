"""Lengths of time, read and written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.cli.durations import parse_duration, span
from deepguard.errors import DeepguardError

YEAR = 365 * 86400.0
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), (" 1d2h3m4s ", 93784), ("365d", YEAR)],
)
def test_what_people_write(text, seconds):
    assert parse_duration(text, "--for", most=YEAR) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "h", "1.5h", "-1h", "30m1h", "1h 30m", "1H", "2w", "\u0661h", "1h\n1h", "9" * 10 + "s"]
)
def test_what_is_no_length_of_time_is_told(text):
    with pytest.raises(DeepguardError, match=r"^--for: '.*' is no length of time; write 90s"):
        parse_duration(text, "--for", most=YEAR)


@pytest.mark.parametrize("text", ["0s", "0h0m", "366d", "999999999d"])
def test_nothing_and_too_much_are_told(text):
    with pytest.raises(DeepguardError, match=r"^--for: it must be more than nothing, and at most 365 d$"):
        parse_duration(text, "--for", most=YEAR)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.0124, "12 ms"),
        (1, "1 s"),
        (59.7, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (5400, "1 h 30 min"),
        (90061, "1 d 1 h"),
    ],
)
def test_how_they_are_shown(seconds, words):
    assert span(seconds) == words


@given(st.from_regex(r"(\d{1,3}d)?(\d{1,3}h)?(\d{1,3}m)?(\d{1,3}s)?", fullmatch=True, alphabet="0123456789dhms"))
def test_whatever_has_the_form_is_read_or_out_of_bounds(text):
    seconds = sum(int(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"\d+\w", text))
    if 0 < seconds <= YEAR:
        assert parse_duration(text, "--for", most=YEAR) == seconds
    else:
        with pytest.raises(DeepguardError):
            parse_duration(text, "--for", most=YEAR)
