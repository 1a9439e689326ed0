"""What all calls do at the same times, and whether their pictures wait for each other."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.guard import threads
from deepguard.guard.tasks import next_beat, until_beat
from deepguard.guard.threads import EncoderThreads


@given(st.floats(0, 1e6), st.sampled_from([0.2, 0.25, 0.5, 1.0]))
def test_a_beat_is_a_multiple_of_its_period_and_never_right_away(now: float, period: float) -> None:
    until = until_beat(now, period)
    assert period / 2 - 1e-6 <= until <= 1.5 * period + 1e-6
    beats = (now + until) / period
    assert beats == pytest.approx(round(beats), abs=1e-6)


async def test_nobody_takes_part_in_a_beat_twice() -> None:
    period, beats = 0.2, list[int]()
    for _ in range(5):
        await next_beat(period)
        beats.append(round(time.monotonic() / period))
    assert beats == sorted(set(beats))


def test_pictures_that_wait_for_a_thread_make_it_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with EncoderThreads() as pool:
        monkeypatch.setattr(threads, "CROWDED_SECONDS", 60.0)
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        assert pool.crowded_until == 0
        monkeypatch.setattr(threads, "CROWDED_SECONDS", 0.001)
        may_end, started = threading.Event(), threading.Barrier(pool.size + 1)

        def occupy() -> None:
            started.wait()
            may_end.wait()

        occupied = [pool.submit(occupy) for _ in range(pool.size)]
        started.wait()
        waits = pool.submit(divmod, 9, 4)
        threading.Timer(0.05, may_end.set).start()
        assert waits.result() == (2, 1)
        for each in occupied:
            each.result()
        assert pool.crowded_until > 0
