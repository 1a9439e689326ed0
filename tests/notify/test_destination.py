"""Rate, breaker and refusals of one destination, whatever several processes do with it and whenever they ask."""

import math
import random
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deepguard.notify.destination import (
    CLOCK_STEP,
    FAILURES_TO_OPEN,
    LONGEST_BACKOFF,
    LONGEST_BLOCK,
    LONGEST_RESTART,
    LONGEST_RETRY_AFTER,
    REFUSED_SECONDS,
    SHORTEST_BACKOFF,
    Destination,
    Permit,
    backoff,
    capped_retry_after,
    failed,
    fresh,
    permit,
    refused,
    restarted,
    succeeded,
)

NOW = 1_750_000_000.0
LIMIT = 10.0
LEASE = LIMIT + CLOCK_STEP

shares = st.floats(0, 1)
retry_afters = st.none() | st.floats() | st.integers(-10, 10_000)


def drawing(share: float):
    """A draw that always falls on the same share of its range."""
    return lambda low, high: low + (high - low) * share


def lowest(low: float, high: float) -> float:
    return low


def highest(low: float, high: float) -> float:
    return high


def ask(destination: Destination, now: float = NOW, *, rate: float = 1.0, burst: int = 10) -> Permit:
    return permit(destination, rate=rate, burst=burst, now=now, lease=LEASE)


def after_failures(times: int, now: float = NOW) -> Destination:
    destination = fresh(10, now)
    for _ in range(times):
        destination = failed(destination, now=now, detail="HTTP 503", draw=highest, probe=False)
    return destination


class Fleet(RuleBasedStateMachine):
    """Several processes at one row, attempts that never end, and a clock that is set back or read too early."""

    @initialize(
        rate=st.sampled_from([0.01, 0.7, 1.0, 30.0, 1000.0]), burst=st.integers(1, 12), overtaking=st.booleans()
    )
    def start(self, rate: float, burst: int, overtaking: bool) -> None:
        self.rate, self.burst, self.overtaking = rate, burst, overtaking
        self.real, self.behind = NOW, 0.0
        self.row = fresh(burst, NOW)
        self.starts: list[float] = []
        self.under_way: list[tuple[float, bool]] = []

    @property
    def clock(self) -> float:
        return self.real - self.behind

    @rule(seconds=st.floats(0, 5) | st.floats(0, 500))
    def time_passes(self, seconds: float) -> None:
        self.real += seconds
        # An attempt has a shorter limit than its lease; what is left then was a process that is gone.
        self.under_way = [attempt for attempt in self.under_way if self.real < attempt[0] + LIMIT]

    @precondition(lambda self: not self.overtaking)
    @rule(seconds=st.floats(0, 10) | st.floats(0, 100_000))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.behind += seconds

    @rule(late=st.floats(0, CLOCK_STEP / 2))
    def somebody_asks(self, late: float) -> None:
        answer = self._ask(self.clock - late if self.overtaking else self.clock)
        assert not (answer.go and self.row.disabled)
        assert (answer.wait is None) == (answer.go or self.row.disabled)
        assert answer.wait is None or answer.wait > 0

    @precondition(lambda self: not self.row.disabled)
    @rule()
    def somebody_waits_as_told(self) -> None:
        for _ in range(3):
            answer = self._ask(self.clock)
            if answer.go:
                return
            self.time_passes(answer.wait or 0.0)
        pytest.fail("waited as told, and still may not go")

    def _ask(self, now: float) -> Permit:
        answer = permit(self.row, rate=self.rate, burst=self.burst, now=now, lease=LEASE)
        self.row = answer.destination
        if answer.go:
            assert answer.probe == self.row.open
            if answer.probe:
                assert not any(probe for _, probe in self.under_way), "two probes at a time"
            self.starts.append(self.real)
            self.under_way.append((self.real, answer.probe))
        return answer

    def _ended(self, data: st.DataObject) -> bool:
        return self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))[1]

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def one_succeeds(self, data: st.DataObject) -> None:
        self.row = succeeded(self.row, probe=self._ended(data))
        assert not self.row.open
        assert (self.row.failures, self.row.blocked_until, self.row.detail) == (0, 0.0, "")
        assert not self.row.disabled
        assert not self.row.refused

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), share=shares, asked=retry_afters)
    def one_fails(self, data: st.DataObject, share: float, asked: float | None) -> None:
        before, probe = self.row, self._ended(data)
        self.row = failed(
            before, now=self.clock, detail="HTTP 503", draw=drawing(share), probe=probe, retry_after=asked
        )
        assert self.row.open >= before.open
        if before.refilled_at - self.clock <= CLOCK_STEP:
            assert self.row.blocked_until >= before.blocked_until
        assert self.row.blocked_until - self.clock <= max(LONGEST_RETRY_AFTER, before.blocked_until - self.clock), (
            "blocked for longer than anybody may ask"
        )

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), share=shares, again=st.booleans())
    def one_is_refused(self, data: st.DataObject, share: float, again: bool) -> None:
        probe = self._ended(data)
        self.row = refused(self.row, now=self.clock, detail="HTTP 401", draw=drawing(share), probe=probe, again=again)
        assert self.row.open
        assert self.row.refused
        assert self.row.disabled >= (not again)

    @rule()
    def a_process_starts(self) -> None:
        before = self.row
        self.row = restarted(before, self.clock)
        assert not self.row.disabled
        assert self.row.open == before.open, "it would be more than one probe"
        assert self.row.probing_until == before.probing_until, "somebody may be probing"

    @invariant()
    def no_window_holds_more_than_the_rate_allows(self) -> None:
        last = len(self.starts) - 1
        # Times were read a little before; and floats of today's Unix times are exact to some tenths of a microsecond.
        slack = CLOCK_STEP / 2 if self.overtaking else 1e-5 * last
        for first, at in enumerate(self.starts):
            assert last - first + 1 <= self.rate * (self.starts[last] - at + slack) + self.burst + 1e-6

    @invariant()
    def everything_stays_finite(self) -> None:
        assert all(math.isfinite(value) for value in astuple(self.row) if isinstance(value, (int, float)))
        assert 0 <= self.row.tokens <= self.burst


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_burst_and_then_the_rate():
    destination, now, went = fresh(3, NOW), NOW, []
    while now < NOW + 4:
        answer = ask(destination, now, rate=2.0, burst=3)
        destination = answer.destination
        if answer.go:
            went.append(now - NOW)
        else:
            assert answer.wait is not None
            now += answer.wait
    assert went == pytest.approx([0, 0, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], abs=1e-4)


def test_a_clock_that_goes_back_neither_gives_nor_stops():
    spent = replace(fresh(1, NOW), tokens=0.0)
    a_little = ask(spent, NOW - 1, burst=1)
    assert a_little.wait == pytest.approx(2, abs=1e-4)
    an_hour = ask(spent, NOW - 3600, burst=1)
    assert an_hour.wait == pytest.approx(1, abs=1e-4)
    assert ask(an_hour.destination, NOW - 3600 + 1.1, burst=1).go


def test_a_block_lasts_as_long_when_the_clock_is_set_back():
    blocked = failed(fresh(1, NOW), now=NOW, detail="HTTP 429", draw=highest, probe=False, retry_after=20)
    answer = ask(blocked, NOW - 3600, burst=1)
    assert answer.wait == pytest.approx(20)
    assert ask(answer.destination, NOW - 3600 + 20.1, burst=1).go


def test_the_breaker_opens_at_the_third_failure_in_a_row():
    assert not after_failures(FAILURES_TO_OPEN - 1).open
    assert ask(after_failures(FAILURES_TO_OPEN - 1)).go
    opened = after_failures(FAILURES_TO_OPEN)
    assert opened.open
    assert ask(opened).wait == pytest.approx(1.0)


def test_a_success_in_between_begins_the_count_again():
    destination = failed(
        succeeded(after_failures(FAILURES_TO_OPEN - 1), probe=False), now=NOW, detail="", draw=highest, probe=False
    )
    assert destination.failures == 1


def test_a_single_probe_until_it_ends_or_its_lease_does():
    first = ask(after_failures(FAILURES_TO_OPEN), NOW + 2)
    assert first.go
    assert first.probe
    second = ask(first.destination, NOW + 3)
    assert not second.go
    assert second.wait == pytest.approx(LEASE - 1)
    assert ask(first.destination, NOW + 2 + LEASE).probe
    closed = succeeded(first.destination, probe=True)
    assert not closed.open
    assert ask(closed, NOW + 3) == Permit(ask(closed, NOW + 3).destination, go=True)


def test_who_has_no_probe_does_not_end_one():
    probing = ask(after_failures(FAILURES_TO_OPEN), NOW + 2).destination
    for end in (
        failed(probing, now=NOW + 3, detail="", draw=lowest, probe=False),
        refused(probing, now=NOW + 3, detail="", draw=lowest, probe=False, again=True),
    ):
        assert end.probing_until == probing.probing_until
    reopened = succeeded(probing, probe=False)
    for _ in range(FAILURES_TO_OPEN):
        reopened = failed(reopened, now=NOW + 3, detail="", draw=lowest, probe=False)
    answer = ask(reopened, NOW + 8)
    assert not answer.go
    assert answer.wait == pytest.approx(NOW + 2 + LEASE - (NOW + 8))


@given(share=shares, failures=st.integers(0, 10_000))
def test_probes_come_less_and_less_often(share, failures):
    before = Destination(tokens=1, refilled_at=NOW, failures=failures)
    after = failed(before, now=NOW, detail="", draw=drawing(share), probe=before.open)
    expected = min(LONGEST_BLOCK, 2.0 ** min(100, max(0, failures + 1 - FAILURES_TO_OPEN)))
    assert after.blocked_until - NOW == pytest.approx((0.5 + share / 2) * expected if after.open else 0)


@given(
    draws=st.randoms(use_true_random=False),
    processes=st.integers(1, 8),
    seconds=st.floats(0, 5),
)
def test_a_dead_receiver_is_hardly_bothered(draws: random.Random, processes: int, seconds: float):
    """Attempts of a whole fleet within 40 s; each process makes one at a time and each attempt fails."""
    destination, now, attempts = fresh(10, NOW), NOW, 0
    free, ends = processes, []
    while now < NOW + 40:
        answer = ask(destination, now)
        if free and answer.go:
            destination, attempts, free = answer.destination, attempts + 1, free - 1
            ends.append((now + seconds, answer.probe))
            continue
        upcoming = [end for end, _ in ends] + ([now + answer.wait] if free and answer.wait else [])
        now = min(upcoming)
        for ended in [end for end in ends if end[0] <= now]:
            ends.remove(ended)
            free += 1
            destination = failed(destination, now=now, detail="reset", draw=draws.uniform, probe=ended[1])
    assert 3 <= attempts < 20


def test_attempts_from_before_it_opened_do_not_add_up():
    together = after_failures(50)
    assert together.failures == FAILURES_TO_OPEN
    assert ask(together).wait == pytest.approx(1.0)


def test_a_service_that_asks_to_wait_is_left_alone_by_all():
    blocked = failed(fresh(10, NOW), now=NOW, detail="HTTP 429", draw=highest, probe=False, retry_after=90)
    assert not blocked.open
    assert ask(blocked, NOW + 1).wait == pytest.approx(89)
    sooner = failed(blocked, now=NOW + 1, detail="HTTP 503", draw=highest, probe=False, retry_after=1)
    assert sooner.blocked_until == blocked.blocked_until, "a shorter wait does not lift a longer one"
    assert restarted(sooner, NOW) == sooner
    assert ask(blocked, NOW + 91).go


@pytest.mark.parametrize("value", [None, -1, math.nan, -math.inf, True, "12"])
def test_what_is_no_number_of_seconds_is_no_wait(value):
    assert capped_retry_after(value) is None
    destination = failed(fresh(1, NOW), now=NOW, detail="", draw=highest, probe=False, retry_after=value)
    assert ask(destination, burst=1).go


@pytest.mark.parametrize(("value", "capped"), [(0, 0), (12.5, 12.5), (10**400, 3600), (math.inf, 3600), (86400, 3600)])
def test_a_wait_has_bounds(value, capped):
    assert capped_retry_after(value) == capped


@given(share=shares)
def test_who_is_refused_asks_again_after_minutes(share):
    destination = refused(fresh(10, NOW), now=NOW, detail="HTTP 401", draw=drawing(share), probe=False, again=True)
    wait = ask(destination).wait
    assert wait is not None
    assert 0.8 * REFUSED_SECONDS - 1 <= wait <= 1.2 * REFUSED_SECONDS + 1
    assert ask(destination, NOW + wait + 1).probe


@pytest.mark.parametrize("again", [True, False])
def test_a_start_lets_a_refused_sender_probe_once(again):
    destination = refused(fresh(10, NOW), now=NOW, detail="HTTP 410", draw=lowest, probe=False, again=again)
    if not again:
        assert ask(destination, NOW + 1e6).wait is None
    first = ask(restarted(destination, NOW + 1), NOW + 1)
    assert first.probe
    assert not ask(restarted(first.destination, NOW + 2), NOW + 2).go
    still = refused(first.destination, now=NOW + 2, detail="HTTP 410", draw=lowest, probe=True, again=again)
    assert not ask(still, NOW + 3).go


@pytest.mark.parametrize("again", [True, False])
def test_starts_again_and_again_hardly_bother_who_refuses(again):
    destination, attempts, now = fresh(100, NOW), 0, NOW
    for now in (NOW + tenth / 10 for tenth in range(6000)):
        asked = permit(restarted(destination, now), rate=100, burst=100, now=now, lease=LEASE)
        destination = asked.destination
        if asked.go:
            attempts += 1
            destination = refused(destination, now=now, detail="no", draw=lowest, probe=asked.probe, again=again)
    assert 600 / LONGEST_RESTART - 5 <= attempts <= 600 / LONGEST_RESTART + 5
    # Whoever starts it with the right credentials waits for no more than that.
    assert ask(restarted(destination, now), now + LONGEST_RESTART + 1).probe


def test_a_start_leaves_the_pause_of_a_breaker():
    opened = after_failures(FAILURES_TO_OPEN)
    assert restarted(opened, NOW) == opened


def test_what_is_gone_for_good_stays_so_whatever_else_ends_meanwhile():
    probing = ask(after_failures(FAILURES_TO_OPEN), NOW + 2).destination
    gone = refused(probing, now=NOW + 3, detail="HTTP 410", draw=lowest, probe=False, again=False)
    after = failed(gone, now=NOW + 4, detail="HTTP 503", draw=lowest, probe=True)
    assert after.disabled
    assert ask(restarted(after, NOW + 9), NOW + 9 + LONGEST_RESTART).probe


@given(attempts=st.integers(0, 100_000), share=shares)
def test_backoff_is_full_jitter_within_bounds(attempts, share):
    ceiling = min(LONGEST_BACKOFF, 2.0 ** min(attempts, 20))
    assert backoff(attempts, drawing(share)) == pytest.approx(max(SHORTEST_BACKOFF, share * ceiling))
