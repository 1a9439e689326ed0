"""The clock that a test moves."""

import asyncio

import pytest

from deepguard.testing import FakeClock


def test_it_moves_only_when_it_is_told_to():
    clock = FakeClock(5.0)
    assert (clock(), clock.time(), clock.monotonic()) == (5.0, 5.0, 5.0)
    clock.advance(0.5)
    assert (clock(), clock.time(), clock.monotonic()) == (5.5, 5.5, 5.5)
    with pytest.raises(ValueError, match="moved back"):
        clock.advance(-1)


async def test_whoever_sleeps_wakes_when_it_is_time_the_earliest_first():
    clock, woken = FakeClock(), []

    async def sleeper(name, seconds):
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 9), ("early", 2), ("at once", 0), ("early too", 2)):
            group.create_task(sleeper(name, seconds))
        cancelled = group.create_task(sleeper("cancelled", 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == ["at once"]
        cancelled.cancel()
        await asyncio.sleep(0)
        clock.advance(1.9)
        await asyncio.sleep(0)
        assert woken == ["at once"]
        clock.advance(7.1)
    assert woken == ["at once", "early", "early too", "late"]
