"""What Linux tells of processes and of the machine, in ``/proc``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


def is_told() -> bool:
    """Whether this system tells it: Linux does."""
    return sys.platform == "linux" and (PROC / "self" / "stat").exists()


@dataclass(frozen=True, slots=True)
class Machine:
    """CPU time of the whole machine since it was started, in seconds over all cores.

    Attributes:
        busy: In which a core worked, for whomever: also for what the kernel does when packets arrive.
        stolen: In which a core was ready to work and the host of this virtual machine let it wait.
        total: All there was.
    """

    busy: float
    stolen: float
    total: float

    def since(self, before: Machine) -> Machine:
        """What was added since an earlier reading."""
        return Machine(self.busy - before.busy, self.stolen - before.stolen, self.total - before.total)


def read_machine() -> Machine:
    """Read the machine's CPU time."""
    line = (PROC / "stat").read_text().split("\n", 1)[0]
    # user nice system idle iowait irq softirq steal; what guests used is in user already.
    ticks = [int(word) / _ticks() for word in line.split()[1:9]]
    idle, stolen = ticks[3] + ticks[4], ticks[7]
    return Machine(sum(ticks) - idle - stolen, stolen, sum(ticks))


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used in all its threads, in seconds.

    Args:
        pid: Its number.
    """
    # The name may hold anything; what is looked for stands behind its last parenthesis.
    fields = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _ticks()


def memory_bytes(pid: int) -> int:
    """Memory that a process holds (resident set).

    Args:
        pid: Its number.
    """
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")


__all__ = ["Machine", "cores", "cpu_seconds", "is_told", "memory_bytes", "read_machine"]
