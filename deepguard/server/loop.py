"""The event loop that calls are served in."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_TUNED_BY = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 12 * 2**20
"""In each thread, about: what a decoder of 1280x720 and its pictures take. More of it would be kept for nothing."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run something to its end in a new event loop: uvloop's where there is one.

    It reads every datagram that waits at once, where asyncio's own goes round once for each: a keyframe is a hundred.

    Args:
        main: What to run.
    """
    # What was imported stays: whenever Python looked through all of it for garbage, every call would stand still for as
    # long as that takes, a tenth of a second.
    gc.freeze()
    _keep_what_was_freed()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _keep_what_was_freed() -> None:
    """Have glibc keep what each decoder gives back for the next one: to get memory anew costs more than to use it.

    By mallopt(3), unless somebody has tuned it by its variables; other C libraries go on as they do.
    """
    if any(name in os.environ for name in _TUNED_BY):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return
    for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
        mallopt(parameter, _KEPT_BYTES)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows, PyPy
        return None
    return uvloop.new_event_loop


__all__ = ["run"]
