"""Ends background tasks, and wakes those of all calls together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from loguru import logger

SECONDS = 1.0


async def end_tasks(tasks: Iterable[asyncio.Task[Any] | None], seconds: float = SECONDS) -> None:
    """Cancel tasks and wait for them; one that goes on regardless is reported and left behind.

    Args:
        tasks: Which; None is left out.
        seconds: How long to wait.
    """
    owned = {task for task in tasks if task is not None}
    for task in owned:
        task.cancel()
    if not owned:
        return
    _, left = await asyncio.wait(owned, timeout=seconds)
    for task in left:
        logger.error("The task {} does not end", task.get_name())


async def next_beat(period: float) -> None:
    """Sleep until the clock shows the next multiple of a period.

    What every call does again and again is then done for all of them one after the other, which takes less than half of
    the time that it takes here and there: the processor still knows the code.

    Args:
        period: Seconds from one beat to the next.
    """
    await asyncio.sleep(until_beat(time.monotonic(), period))


def until_beat(now: float, period: float) -> float:
    """Seconds until the next multiple of a period that is at least half of one away: a timer may be a little early.

    Args:
        now: Seconds of any clock.
        period: Seconds.
    """
    return 1.5 * period - (now + period / 2) % period
