"""What is counted: slots that were due, samples that came, and what limited a run."""

from __future__ import annotations

import pytest

from deepguard.density.figures import Result, Samples, Spread, count_samples
from deepguard.model import Source
from support.figures import figures

CAMERA = {Source.CAMERA: 1.0}


def camera(*times: float, call: str = "a") -> list[tuple[str, str, float]]:
    return [(call, "camera", at) for at in times]


def counted(*arrivals: tuple[str, str, float], ended: float = 15.0) -> Samples:
    return count_samples(arrivals, CAMERA, 10.0, ended)[Source.CAMERA]


def test_a_sample_in_every_slot_loses_nothing() -> None:
    assert counted(*camera(8.5, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5)) == Samples(5, 5, 0, Spread(0, 0, 0))


def test_one_that_is_late_is_told_and_lays_no_other_slots() -> None:
    assert counted(*camera(9.5, 10.5, 11.5, 12.9, 13.5, 14.5)) == Samples(5, 5, 0, Spread(0, 400, 400))
    # The last one before the window, too.
    assert counted(*camera(9.9, 10.5, 11.5, 12.5, 13.5, 14.5)) == Samples(5, 5, 0, Spread(0, 0, 0))


def test_none_counts_as_early() -> None:
    assert counted(*camera(9.5, 10.25, 11.5, 12.5, 13.5, 14.5)) == Samples(5, 5, 0, Spread(250, 250, 250))


def test_a_slot_without_a_sample_is_lost_and_a_second_sample_does_not_fill_another() -> None:
    assert counted(*camera(9.5, 10.5, 11.5, 11.6, 13.5, 14.5)) == Samples(5, 5, 1, Spread(0, 0, 0))


def test_a_sample_of_the_last_slot_may_come_after_the_window() -> None:
    assert counted(*camera(9.5, 10.5, 11.5, 12.5, 13.5, 15.1)) == Samples(5, 4, 0, Spread(0, 600, 600))


def test_calls_and_sources_are_counted_apart_and_told_together() -> None:
    both = [*camera(9.5, 10.5, 11.5), *camera(9.9, 10.9, 11.9, call="b"), ("b", "microphone", 11.0)]
    assert counted(*both, ended=12.0) == Samples(4, 4, 0, Spread(0, 0, 0))


def test_a_call_that_falls_silent_loses_every_slot() -> None:
    assert counted(*camera(8.5, 9.5)) == Samples(5, 0, 5, None)


def test_a_spread_tells_measured_values_in_milliseconds() -> None:
    assert Spread.of(number / 1000 for number in range(100, 0, -1)) == Spread(50, 99, 100)
    assert Spread.of([0.0025]) == Spread(2.5, 2.5, 2.5)
    assert Spread.of([]) is None


def test_calls_per_core_and_the_ratio_follow_from_the_cpu() -> None:
    assert figures().calls_per_core == 20
    assert figures(cpu_ms=0).calls_per_core is None
    assert Result("clear", figures(), figures(cpu_ms=200)).ratio == 0.25
    assert Result("clear", figures(), None).ratio is None
    # Calls that broke cost nothing any more.
    assert figures(lost_calls=1).calls_per_core is None
    assert Result("clear", figures(lost_calls=1), figures(cpu_ms=200)).ratio is None


@pytest.mark.parametrize(
    ("over", "word"),
    [
        ({"late_sends": 0.02}, "pace"),
        ({"machine_busy": 0.97}, "saturated"),
        ({"machine_busy": 0.9, "stolen": 0.06}, "host"),
        ({"machine_ms": 120}, "other programs and the kernel used 25%"),
        ({"repeated": 100}, "lost"),
        ({"lost_calls": 1}, "broke"),
    ],
)
def test_what_limited_a_run_is_said(over: dict[str, float], word: str) -> None:
    assert figures().limits() == []
    assert any(word in limit for limit in figures(**over).limits())
