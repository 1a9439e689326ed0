"""What is taken from many measurements."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest measured value that at least ``percent`` of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def cpu_us(action: Callable[[], object], times: int) -> float:
    """CPU time of this thread, in microseconds a call."""
    began = time.thread_time_ns()
    for _ in range(times):
        action()
    return (time.thread_time_ns() - began) / times / 1000


async def async_cpu_us(action: Callable[[], Awaitable[object]], times: int) -> float:
    """The same for what is awaited; whatever it waits for costs nothing."""
    began = time.thread_time_ns()
    for _ in range(times):
        await action()
    return (time.thread_time_ns() - began) / times / 1000
