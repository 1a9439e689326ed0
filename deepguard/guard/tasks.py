"""Ends background tasks."""

from __future__ import annotations

import asyncio
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
