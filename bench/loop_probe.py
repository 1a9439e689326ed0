"""How long an event loop is held: between two turns of a callback that asks for its next turn at once."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Hold:
    """The longest time between two turns of the loop, in milliseconds.

    Attributes:
        held: CPU time that held it: the loop's own, and another thread's while that had the interpreter. Time in which
            the machine had no CPU to give is left out, and so is what a blocking call would sleep.
        passed: By the clock, whatever the reason. Never less than ``held``.
        stolen: Whether the host of a virtual machine took CPU time meanwhile. Some of it then looks like work.
    """

    held: float
    passed: float
    stolen: bool


class _Reading(NamedTuple):
    """Nanoseconds.

    Attributes:
        clock: The time.
        worked: CPU time of the loop's thread.
        queued: How long the loop's thread has been ready to run and had no CPU.
        slept: How often the loop's thread gave its CPU away to wait for something, such as the interpreter.
        all_worked: CPU time of all threads that run Python.
    """

    clock: int
    worked: int = 0
    queued: int = 0
    slept: int = 0
    all_worked: int = 0


class LoopProbe:
    """Watches the loop of the thread that it is used in.

    It keeps the loop turning all the time, which no call does; so watch only what is to be measured.
    """

    def __init__(self) -> None:
        self._schedstat = _open_schedstat()
        self._cpu_clocks: list[int] = []
        self._last = _Reading(0)
        self._passed = self._held = 0
        self._next: asyncio.Handle | None = None

    def __enter__(self) -> LoopProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._schedstat is not None:
            os.close(self._schedstat)

    async def watch(self, action: Awaitable[object]) -> Hold:
        """Await ``action``, and tell the longest hold meanwhile."""
        if self._schedstat is not None:
            threads = (thread.ident for thread in threading.enumerate())
            self._cpu_clocks = [time.pthread_getcpuclockid(ident) for ident in threads if ident is not None]
        self._passed = self._held = 0
        stolen = _stolen()
        self._last = self._read()
        self._turn()
        try:
            await action
            # What holds the loop last shows at the turn after it.
            await asyncio.sleep(0)
        finally:
            if self._next is not None:
                self._next.cancel()
        return Hold(self._held / 1e6, self._passed / 1e6, _stolen() != stolen)

    def _turn(self) -> None:
        last, self._last = self._last, self._read()
        self._passed = max(self._passed, self._last.clock - last.clock)
        self._held = max(self._held, self._held_between(last, self._last))
        self._next = asyncio.get_running_loop().call_soon(self._turn)

    def _held_between(self, last: _Reading, this: _Reading) -> int:
        passed = this.clock - last.clock
        if self._schedstat is None:
            return passed
        if this.slept == last.slept:
            # The two clocks are read one after the other, and the second would tell a microsecond more than passed.
            return min(passed, this.worked - last.worked)
        # Asleep, it waited for no longer than the first; and whoever had the interpreter meanwhile worked for no longer
        # than the second: the rest of that thread's time the machine kept it from working.
        return min(passed - (this.queued - last.queued), this.all_worked - last.all_worked)

    def _read(self) -> _Reading:
        if self._schedstat is None:
            return _Reading(time.perf_counter_ns())
        queued = _queued(self._schedstat)
        while True:
            clock, worked = time.perf_counter_ns(), time.thread_time_ns()
            all_worked = sum(map(time.clock_gettime_ns, self._cpu_clocks))
            # When the thread lost its CPU between these readings, they do not belong together.
            before, queued = queued, _queued(self._schedstat)
            if before == queued:
                slept = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
                return _Reading(clock, worked, queued, slept, all_worked)


def _open_schedstat() -> int | None:
    """The file in which Linux tells of this thread; None elsewhere, and ``held`` is the same as ``passed`` there."""
    try:
        return os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    except OSError:
        return None


def _queued(schedstat: int) -> int:
    return int(os.pread(schedstat, 100, 0).split()[1])


def _stolen() -> int:
    """How much CPU time the host has taken from this machine, in hundredths of a second; 0 where nobody tells."""
    try:
        with Path("/proc/stat").open() as stat:
            return int(stat.readline().split()[8])
    except (OSError, IndexError):
        return 0
