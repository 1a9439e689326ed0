"""A thread whose work takes too long is cut off while it works, and at no other time."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from deepguard.guard.cutoff import CutOffThread


def spin() -> None:
    while True:
        pass


async def ended(name: str) -> None:
    """Wait until no thread of that name is there."""
    async with asyncio.timeout(20):
        for thread in threading.enumerate():
            if thread.name == name:
                await asyncio.to_thread(thread.join)


async def test_what_was_given_up_before_it_began_is_not_done_and_its_thread_ends_quietly() -> None:
    let = threading.Event()

    def hold(*_: object) -> None:
        sys.setprofile(None)
        let.wait(20)

    thread, done = CutOffThread("held", 0.05), []
    # As on a busy machine: the thread is there, and gets to nothing of ours before its time is up.
    threading.setprofile(hold)
    try:
        with pytest.raises(TimeoutError, match=r"more than 0\.05 s"):
            await thread.run(lambda: done.append(1))
    finally:
        threading.setprofile(None)
        let.set()
    await ended("held")
    assert not done


async def test_the_next_work_gets_a_new_thread() -> None:
    thread = CutOffThread("spins", 0.05)
    with pytest.raises(TimeoutError, match=r"more than 0\.05 s"):
        await thread.run(spin)
    await ended("spins")
    thread.limit = 20
    assert await thread.run(lambda: 7) == 7
    thread.close()
    await ended("spins")
