"""How long an event loop is held: between two turns of a callback that asks for its next turn at once."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Hold:
    """The longest time between two turns of the loop, in milliseconds.

    Attributes:
        held: CPU time that held it: the loop's own, and another thread's while that had the interpreter. Time in which
            the machine had no CPU to give is left out, and so is what a blocking call would sleep.
        passed: By the clock, whatever the reason. Never less than ``held``.
    """

    held: float
    passed: float


class _Reading(NamedTuple):
    """Nanoseconds.

    Attributes:
        clock: The time.
        waited: How long the loop's thread has been ready to run and had no CPU.
        cpu: CPU time of all threads that run Python.
    """

    clock: int
    waited: int
    cpu: int


class LoopProbe:
    """Watches the loop of the thread that it is used in.

    It keeps the loop turning all the time, which no call does; so watch only what is to be measured.
    """

    def __init__(self) -> None:
        self._schedstat = _open_schedstat()
        self._cpu_clocks: list[int] = []
        self._last = _Reading(0, 0, 0)
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
        self._last = self._read()
        self._turn()
        try:
            await action
            # What holds the loop last shows at the turn after it.
            await asyncio.sleep(0)
        finally:
            if self._next is not None:
                self._next.cancel()
        return Hold(self._held / 1e6, self._passed / 1e6)

    def _turn(self) -> None:
        last, self._last = self._last, self._read()
        passed = self._last.clock - last.clock
        held = passed
        if self._schedstat is not None:
            # The loop's thread ran, or waited for the interpreter, for no longer than the first. Whoever had the
            # interpreter meanwhile worked for no longer than the second; the rest of its time it was kept from the CPU.
            held = min(passed - (self._last.waited - last.waited), self._last.cpu - last.cpu)
        self._passed = max(self._passed, passed)
        self._held = max(self._held, held)
        self._next = asyncio.get_running_loop().call_soon(self._turn)

    def _read(self) -> _Reading:
        if self._schedstat is None:
            return _Reading(time.perf_counter_ns(), 0, 0)
        waited = _waited(self._schedstat)
        while True:
            clock, cpu = time.perf_counter_ns(), sum(map(time.clock_gettime_ns, self._cpu_clocks))
            # When the thread lost its CPU between these readings, clock and wait would not belong together.
            before, waited = waited, _waited(self._schedstat)
            if before == waited:
                return _Reading(clock, waited, cpu)


def _open_schedstat() -> int | None:
    """The file in which Linux tells of this thread; None elsewhere, and ``held`` is the same as ``passed`` there."""
    try:
        return os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    except OSError:
        return None


def _waited(schedstat: int) -> int:
    return int(os.pread(schedstat, 100, 0).split()[1])
