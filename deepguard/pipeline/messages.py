"""In-call messages: what the guard finds, as RTVI server messages on the call's own data channel.

Whoever is watched may be the one who reads them, so they are sent only when the configuration, or the playground for
its own call, asks for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from loguru import logger
from pipecat.frames.frames import Frame
from pipecat.processors.frameworks.rtvi.frames import RTVIServerMessageFrame

from deepguard.guard.guard import Guard

SENT = frozenset({"level", "coverage", "notification"})
"""Which events of the live stream are sent."""


async def send_in_call_messages(guard: Guard, push: Callable[[Frame], Awaitable[None]]) -> None:
    """Send levels, coverage and notifications until the guard's stream ends.

    Each message's data is ``{"type": "deepguard", "event": {…}}`` with an event of docs/live-events.md.

    Args:
        guard: The call's guard.
        push: Puts a frame into the call's pipeline.
    """
    with guard.live.reader() as reader:
        async for event in reader.events():
            if event["type"] in SENT:
                try:
                    await push(RTVIServerMessageFrame(data={"type": "deepguard", "event": event}))
                except Exception as error:  # noqa: BLE001 - one message's failure must not silence the next
                    logger.error("An in-call message could not be sent: {}", type(error).__name__)
