"""The event loop that calls are served in."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run something to its end in a new event loop: uvloop's where there is one.

    It reads every datagram that waits at once, where asyncio's own goes round once for each: a keyframe is a hundred.

    Args:
        main: What to run.
    """
    # What was imported stays: whenever Python looked through all of it for garbage, every call would stand still for as
    # long as that takes, a tenth of a second.
    gc.freeze()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows, PyPy
        return None
    return uvloop.new_event_loop


__all__ = ["run"]
