from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.detectors.dataspike.allowance import Allowance
from deepguard.detectors.dataspike.backoff import Backoff, parse_retry_after
from deepguard.detectors.dataspike.circuit import Circuit, circuit_for

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


@given(st.floats(0.001, 60), st.floats(0.001, 3600), st.integers(1, 200), st.floats(0, 1))
def test_waits_stay_between_nothing_and_a_doubling_ceiling(base: float, cap: float, failures: int, where: float):
    backoff = Backoff(base, cap, lambda low, high: low + (high - low) * where)

    waits = [backoff.wait() for _ in range(failures)]

    assert waits == [pytest.approx(min(cap, base * 2**n) * where) for n in range(failures)]
    backoff.reset()
    assert backoff.wait() == waits[0]


@given(st.floats(0.001, 60), st.floats(0.001, 3600), st.integers(0, 70))
def test_a_busy_service_is_left_alone_for_half_of_the_cap(base: float, cap: float, failures: int):
    backoff = Backoff(base, cap)
    for _ in range(failures):
        backoff.wait()

    assert cap / 2 <= backoff.wait(busy=True) <= cap


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 7 ", 7),
        ("120", 120),
        ("301", 300),
        ("9" * 5000, 300),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Sun, 01 Nov 2026 12:00:30 -0000", 30),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
    ],
)
def test_retry_after(header: str | None, seconds: float | None):
    assert parse_retry_after(header, NOW, 300) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,6} \d+:\d+:\d+ [+-]\d{1,9}"))
def test_no_retry_after_is_out_of_bounds(header: str):
    wait = parse_retry_after(header, NOW, 300)

    assert wait is None or 0 <= wait <= 300


@given(st.integers(1, 20), st.floats(0.1, 10), st.lists(st.floats(0, 5), max_size=200))
def test_an_allowance_gives_no_more_than_it_has(burst: int, per_second: float, pauses: list[float]):
    allowance = Allowance(burst, per_second)
    now = 100.0
    taken = int(allowance.take(now))
    for pause in pauses:
        now += pause
        taken += allowance.take(now)

    assert taken <= burst + (now - 100) * per_second + 1e-6


def test_an_allowance_comes_back():
    allowance = Allowance(2, 1.0)

    assert [allowance.take(moment) for moment in (0, 0, 0, 0.5, 1.5, 1.6)] == [True, True, False, False, True, False]


def test_a_refused_key_is_tried_by_one_client_after_a_long_while():
    circuit = Circuit(300)
    one, two = object(), object()
    assert circuit.admit(one, 0) == 0
    assert circuit.admit(two, 0) == 0, "nothing is known against the key yet"

    circuit.refused("HTTP 401", 10)

    assert circuit.refusal == "HTTP 401"
    assert circuit.admit(one, 11) == 299
    assert circuit.admit(two, 310) == 0, "the probe"
    assert circuit.admit(one, 310) == math.inf
    assert circuit.admit(two, 311) == 0, "asking again changes nothing"
    circuit.refused("HTTP 401", 312)
    assert circuit.admit(one, 313) == 299


def test_a_probe_that_is_accepted_lets_everybody_in():
    told: list[str] = []
    circuit = Circuit(300)
    one, two = object(), object()
    circuit.refused("HTTP 401", 0)
    circuit.listen(lambda: told.append("told"))
    circuit.admit(one, 300)

    circuit.accepted(two)
    assert circuit.refusal, "a connection from before proves nothing"
    assert not told

    circuit.accepted(one)
    assert not circuit.refusal
    assert circuit.admit(two, 301) == 0
    assert told == ["told"]


def test_a_probe_that_learnt_nothing_passes_the_turn_on():
    circuit = Circuit(300)
    one, two = object(), object()
    circuit.refused("HTTP 401", 0)
    circuit.admit(one, 300)

    circuit.give_up(two, 301)
    assert circuit.admit(two, 302) == math.inf, "only the probe can give up"

    circuit.give_up(one, 301)
    assert circuit.admit(two, 302) == 299


def test_a_pause_that_the_service_asked_for_holds_everybody():
    circuit = Circuit(300)

    circuit.hold(60, 0)
    circuit.hold(10, 1)

    assert circuit.admit(object(), 20) == 40
    assert circuit.admit(object(), 60) == 0


def test_clients_of_one_account_share_a_circuit_and_only_they():
    one = circuit_for("wss://a/", "key", 300, 0)
    one.refused("HTTP 401", 0)

    assert circuit_for("wss://a/", "key", 300, 1) is one
    assert circuit_for("wss://b/", "key", 300, 1) is not one
    assert circuit_for("wss://a/", "other", 300, 1) is not one
    assert circuit_for("wss://a/", "key", 300, 301) is not one, "forgotten when nobody would be held back any more"


def test_a_circuit_in_use_is_not_forgotten():
    def listener() -> None:
        raise AssertionError

    circuit = circuit_for("wss://used/", "key", 300, 0)
    circuit.listen(listener)

    assert circuit_for("wss://used/", "key", 300, 1) is circuit
    circuit.unlisten(listener)
    assert circuit_for("wss://used/", "key", 300, 2) is not circuit
