"""Measures mode by mode: the baseline, then the guarded server, so that both meet the machine in the same state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from deepguard.density import proc
from deepguard.density.child import Child, running
from deepguard.density.errors import DensityError
from deepguard.density.figures import Figures, Result, Spread, count_samples
from deepguard.density.media import CLIP_SECONDS, Codec
from deepguard.density.modes import MODES, Mode

Kind: TypeAlias = Literal["guarded", "baseline"]

SETTLE_SECONDS = 2.0
"""From the first samples to the window: what happens only once in a call is over by then."""

GRACE_SECONDS = 1.0
"""After the window, in which a sample of its last slot may still come."""

WARM_SECONDS = 60.0
"""Within which each call must have given its first samples."""

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        calls: Calls of the guarded server.
        seconds: Length of each window.
        modes: Names of the modes.
        baseline_calls: Calls of the baseline; 0 leaves it out. The guarded server's memory is read with as many, too.
        codec: What callers encode video with.
        clip_seconds: Length of the clip that they send over and over.
        settle_seconds: From the first samples to the window.
    """

    calls: int = 20
    seconds: float = 60.0
    modes: tuple[str, ...] = tuple(MODES)
    baseline_calls: int = 2
    codec: Codec = "vp8"
    clip_seconds: float = CLIP_SECONDS
    settle_seconds: float = SETTLE_SECONDS

    @property
    def window_seconds(self) -> float:
        """Length of all windows together."""
        return self.seconds * len(self.modes) * (2 if self.baseline_calls else 1)


async def measure(plan: Plan, on_passed: Callable[[float], None] = lambda _seconds: None) -> list[Result]:
    """Carry out a plan.

    Args:
        plan: The plan.
        on_passed: Told how many more seconds of windows are over; there are ``plan.window_seconds``.

    Returns:
        The results, in the order of the modes.

    Raises:
        DensityError: It cannot be measured here, or a process failed; says why.
    """
    if not proc.is_told():
        raise DensityError("this is measured on Linux only: it reads CPU time and memory in /proc")
    results: list[Result] = []
    async with running("the callers' process", "deepguard.density.callers") as callers:
        await callers.ask("prepare", codec=plan.codec, seconds=plan.clip_seconds)
        for mode in (MODES[name] for name in plan.modes):
            baseline = None
            if plan.baseline_calls:
                baseline = await _measure_one(plan, "baseline", mode, callers, on_passed)
            results.append(Result(mode.name, await _measure_one(plan, "guarded", mode, callers, on_passed), baseline))
    return results


async def _measure_one(
    plan: Plan, kind: Kind, mode: Mode, callers: Child, on_passed: Callable[[float], None]
) -> Figures:
    calls, few = (plan.calls, max(1, plan.baseline_calls)) if kind == "guarded" else (plan.baseline_calls, 1)
    memory: dict[int, int] = {}
    module = "deepguard.density.servers"
    async with running(f"the {kind} server", module, kind, mode.name, str(calls)) as server:
        url = (await server.ask("url"))["url"]
        try:
            for count in sorted({min(few, calls), calls}):
                await callers.ask("open", url=url, calls=count - max(memory, default=0), speaks=mode.speaks)
                await server.ask("warm", calls=count, sources=list(mode.periods()), seconds=WARM_SECONDS)
                await asyncio.sleep(plan.settle_seconds)
                memory[count] = proc.memory_bytes(server.pid)
            return await _window(plan.seconds, mode, memory, server, callers, on_passed)
        finally:
            await callers.ask("close")


async def _window(
    seconds: float,
    mode: Mode,
    memory: dict[int, int],
    server: Child,
    callers: Child,
    on_passed: Callable[[float], None],
) -> Figures:
    began = (await server.ask("begin"))["at"]
    await callers.ask("begin")
    before = _Reading.of(server, callers)
    while (left := before.at + seconds - time.monotonic()) > 0:
        await asyncio.sleep(min(1.0, left))
        on_passed(min(1.0, left))
    after = _Reading.of(server, callers)
    sent = await callers.ask("figures")
    ended = await server.ask("end")
    resident = proc.memory_bytes(server.pid)
    await asyncio.sleep(min(GRACE_SECONDS, *mode.periods().values()))
    arrivals = (await server.ask("samples"))["samples"]
    few, calls = min(memory), max(memory)
    machine = after.machine.since(before.machine)
    per_call = 1000 / (after.at - before.at) / calls
    return Figures(
        calls=calls,
        seconds=after.at - before.at,
        cpu_ms=(after.server - before.server) * per_call,
        machine_ms=machine.busy * per_call,
        callers_ms=(after.callers - before.callers) * per_call,
        memory_mb=resident / MEGABYTE,
        memory_per_call_mb=(resident - memory[few]) / MEGABYTE / (calls - few) if calls > few else None,
        lag=Spread.of(ended["lags"]),
        samples=count_samples(arrivals, mode.periods(), began, ended["at"]),
        packets=sent["packets"],
        repeated=sent["repeated"],
        keyframes=sent["keyframes"],
        late_sends=sent["late"] / max(1, sent["sent"]),
        lost_calls=sent["lost"],
        machine_busy=machine.busy / machine.total,
        stolen=machine.stolen / machine.total,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """Clocks, read one right after the other; all in seconds."""

    at: float
    server: float
    callers: float
    machine: proc.Machine

    @classmethod
    def of(cls, server: Child, callers: Child) -> _Reading:
        return cls(time.monotonic(), proc.cpu_seconds(server.pid), proc.cpu_seconds(callers.pid), proc.read_machine())


__all__ = ["Plan", "measure"]
