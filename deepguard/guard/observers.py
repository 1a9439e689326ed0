"""Runs the observer hooks of one call, in order, without ever holding up the call."""

from __future__ import annotations

import asyncio
from typing import Any

from loguru import logger

from deepguard.guard.tasks import end_tasks
from deepguard.plugins import PluginHost

BACKLOG = 1000
CLOSE_SECONDS = 3.0


class Observers:
    """Calls observer hooks from a task of its own.

    Attributes:
        dropped: Calls of hooks that were left out because observers were too slow.
    """

    def __init__(self, hooks: PluginHost) -> None:
        """Start idle.

        Args:
            hooks: Where hooks are called.
        """
        self.dropped = 0
        self._hooks = hooks
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue(BACKLOG)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to call hooks."""
        self._task = asyncio.create_task(self._run(), name="deepguard-observers")

    def tell(self, hook: str, **arguments: Any) -> None:
        """Queue one call of a hook.

        Args:
            hook: Its name.
            **arguments: Its arguments.
        """
        try:
            self._queue.put_nowait((hook, arguments))
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("Observer hooks are too slow: calls of {} and others are left out", hook)

    async def close(self) -> None:
        """Call what is queued, for a bounded time, and end."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._queue.put(None)
                await asyncio.shield(self._task)
        except TimeoutError:
            logger.warning("Observer hooks were still running {} s after the call; stopped", CLOSE_SECONDS)
        finally:
            await end_tasks([self._task])

    async def _run(self) -> None:
        while (item := await self._queue.get()) is not None:
            hook, arguments = item
            try:
                await self._hooks.observe(hook, **arguments)
            except asyncio.CancelledError:
                # A plugin may raise it for a task of its own; only a cancellation of this one is an end.
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                logger.error("An observer of {} was cancelled", hook)
