"""What was measured, and what follows from it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deepguard.model import Source

EARLY = 0.25
"""Part of a period that a sample may come before its slot and still be that slot's."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What is told of many measurements, in milliseconds.

    Attributes:
        p50: Half of them are at most that.
        p99: 99 of a hundred are at most that.
        max: All are at most that.
    """

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Spread | None:
        """Of measurements in seconds; None where there is none."""
        ordered = sorted(seconds)
        if not ordered:
            return None
        return cls(*(round(1000 * ordered[math.ceil(len(ordered) * part) - 1], 2) for part in (0.5, 0.99, 1)))


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one source of all calls, within the window.

    Attributes:
        due: How many slots there were.
        taken: How many samples came.
        lost: Slots for which none came.
        lateness: Milliseconds from a slot to its sample's arrival.
    """

    due: int
    taken: int
    lost: int
    lateness: Spread | None


def count_samples(
    arrivals: Iterable[tuple[str, str, float]], periods: Mapping[Source, float], began: float, ended: float
) -> dict[Source, Samples]:
    """Count what was due and what came, as seen from outside.

    A track's slots lie a period apart, from its last sample before the window on, and are laid so that the middle one
    of its samples is on time.

    Args:
        arrivals: Call, source and monotonic seconds of each sample, in order; also from before the window.
        periods: Seconds from one sample to the next, by source.
        began: When the window began.
        ended: When it ended.
    """
    tracks: dict[tuple[str, str], list[float]] = {}
    for call_id, source, at in arrivals:
        tracks.setdefault((call_id, source), []).append(at)
    found: dict[Source, Samples] = {}
    for source, period in periods.items():
        due = taken = lost = 0
        late: list[float] = []
        for (_call_id, name), times in tracks.items():
            if name != source.value:
                continue
            slots = _slots(times, period, began, ended)
            served = _served(times, slots, period)
            due += len(slots)
            taken += sum(began <= at < ended for at in times)
            lost += len(slots) - len(served)
            after = [at - slots[number] for number, at in served.items()]
            # None is early: where one seems to be, all of the others are that much later.
            late += [seconds - min(0.0, *after) for seconds in after]
        found[source] = Samples(due, taken, lost, Spread.of(late))
    return found


def _slots(times: Sequence[float], period: float, began: float, ended: float) -> list[float]:
    anchor = max((at for at in times if at < began), default=min(times))
    # As parts of a period, from half of one too early to half of one too late.
    off = [((at - anchor) / period + 0.5) % 1 - 0.5 for at in times if anchor <= at < ended]
    first = anchor + period * statistics.median_low(off)
    skipped = max(0, math.ceil((began - first) / period))
    count = max(0, math.ceil((ended - first) / period) - skipped)
    return [first + (skipped + number) * period for number in range(count)]


def _served(times: Sequence[float], slots: Sequence[float], period: float) -> dict[int, float]:
    """When the first sample of each slot came, by the slot's number."""
    served: dict[int, float] = {}
    for at in times if slots else ():
        number = math.floor((at - slots[0]) / period + EARLY)
        if 0 <= number < len(slots):
            served.setdefault(number, at)
    return served


@dataclass(frozen=True, slots=True)
class Figures:
    """One server, with so many calls, for so long.

    Attributes:
        calls: How many.
        seconds: Length of the window.
        cpu_ms: CPU of the server's process, milliseconds per second and call.
        machine_ms: CPU of the whole machine, callers included, milliseconds per second and call.
        callers_ms: CPU of the callers' process, milliseconds per second and call.
        memory_mb: Memory of the server's process with all calls.
        memory_per_call_mb: Memory that each further call added; None where all calls were opened at once.
        lag: How late a timer in the server's event loop was.
        samples: Samples by source.
        packets: RTP packets that the callers sent.
        repeated: Of them, sent again because the server had missed them.
        keyframes: How often the server asked for a keyframe.
        late_sends: Part of what callers sent that was late by more than an audio packet's length.
        lost_calls: Calls that broke.
        machine_busy: Part of all cores' time that was used.
        stolen: Part of all cores' time that the host of a virtual machine took.
    """

    calls: int
    seconds: float
    cpu_ms: float
    machine_ms: float
    callers_ms: float
    memory_mb: float
    memory_per_call_mb: float | None
    lag: Spread | None
    samples: Mapping[Source, Samples]
    packets: int
    repeated: int
    keyframes: int
    late_sends: float
    lost_calls: int
    machine_busy: float
    stolen: float

    @property
    def calls_per_core(self) -> float | None:
        """How many such calls one core carries; None where calls broke, or too little was used to say so."""
        return 1000 / self.cpu_ms if self.cpu_ms > 0 and not self.lost_calls else None

    @property
    def others(self) -> float:
        """Part of all cores' time that neither the server nor the callers used: the kernel's, and other programs'."""
        if not self.machine_ms:
            return 0.0
        return self.machine_busy * max(0.0, 1 - (self.cpu_ms + self.callers_ms) / self.machine_ms)

    def limits(self) -> list[str]:
        """For people: what kept the run from showing what the server alone can do; empty where nothing did."""
        found: list[str] = []
        if self.late_sends > 0.01:
            found.append(f"callers could not keep their pace: {self.late_sends:.1%} of what they sent was late")
        if self.machine_busy + self.stolen > 0.95:
            found.append(f"the machine was saturated: {self.machine_busy:.0%} of all cores' time was used")
        if self.others > 0.15:
            found.append(f"other programs and the kernel used {self.others:.0%} of all cores' time")
        if self.stolen > 0.02:
            found.append(f"the host of this virtual machine took {self.stolen:.0%} of its time")
        if self.repeated > self.packets * 0.001:
            found.append(f"packets were lost: {self.repeated} were sent again")
        if self.lost_calls:
            found.append(f"{self.lost_calls} of {self.calls} calls broke: CPU and memory are not those of {self.calls}")
        return found


@dataclass(frozen=True, slots=True)
class Result:
    """One mode.

    Attributes:
        mode: Its name.
        guarded: The guarded server.
        baseline: The pipeline to compare with; None where it was not measured.
    """

    mode: str
    guarded: Figures
    baseline: Figures | None

    @property
    def ratio(self) -> float | None:
        """Guarded CPU per call-second in parts of the baseline's; None where calls broke, or there is no baseline."""
        if self.baseline is None or not self.baseline.cpu_ms or self.guarded.lost_calls or self.baseline.lost_calls:
            return None
        return self.guarded.cpu_ms / self.baseline.cpu_ms


__all__ = ["Figures", "Result", "Samples", "Spread", "count_samples"]
