"""The errors' own knowledge: what an HTTP status means to a delivery."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard import NotifyError


@pytest.mark.parametrize(
    ("statuses", "retryable", "refused"),
    [
        ((408, 425, 429, 500, 502, 503, 504, 599), True, False),
        ((401, 403, 404, 301, 302, 307, 308, 304), True, True),
        ((410,), False, True),
        ((400, 402, 405, 409, 413, 422, 451), False, False),
    ],
)
def test_a_status_says_what_becomes_of_the_delivery(statuses, retryable, refused):
    for status in statuses:
        error = NotifyError.for_status("the pager", status)
        assert (error.retryable, error.refused, error.retry_after) == (retryable, refused, None)
        assert str(error).startswith(f"the pager answered {status}")


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (" 0 ", 0.0), ("soon", None), ("-3", None), ("", None)])
def test_retry_after_in_seconds(header, seconds):
    assert NotifyError.for_status("it", 429, header).retry_after == seconds
    assert NotifyError.for_status("it", 503, header).retry_after == seconds


def test_retry_after_as_a_date():
    ahead = NotifyError.for_status("it", 503, formatdate(time.time() + 3600, usegmt=True)).retry_after
    assert ahead is not None
    assert 0 < ahead <= 3600
    assert NotifyError.for_status("it", 503, formatdate(0, usegmt=True)).retry_after == 0


@given(st.text())
def test_any_header_makes_an_error_and_never_fails(header):
    seconds = NotifyError.for_status("it", 503, header).retry_after
    assert seconds is None or seconds >= 0
