"""Threads in which pictures are encoded and sound is listened to, off the event loop, for all calls of the process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

CROWDED_SECONDS = 0.02
"""Pictures wait for each other when one waited so long for a thread: about as long as one takes."""

CROWDED_FOR = 10.0
"""They are taken to do so for so long after that."""


class EncoderThreads(ThreadPoolExecutor):
    """Threads for due pictures.

    Attributes:
        size: How many there are at most; few, because they only ever hold due pictures.
        crowded_until: Until when pictures are taken to wait for each other, in monotonic seconds.
    """

    def __init__(self) -> None:
        """Begin with no thread."""
        self.size = max(1, min(4, os.cpu_count() or 1))
        super().__init__(self.size, thread_name_prefix="deepguard-encode")
        self.crowded_until = 0.0

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have work done as soon as a thread has time."""
        return super().submit(self._do, time.monotonic(), work, *args, **kwargs)

    def _do(self, given_at: float, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        now = time.monotonic()
        if now - given_at >= CROWDED_SECONDS:
            self.crowded_until = now + CROWDED_FOR
        return work(*args, **kwargs)


@cache
def encoder_threads() -> EncoderThreads:
    """The process's threads for encoding."""
    return EncoderThreads()


@cache
def listening_threads() -> ThreadPoolExecutor:
    """The process's threads for listening: not the pictures', which would wait while many calls begin to speak.

    Half as many as there are processors: listening holds the interpreter more than encoding does, and can wait.
    """
    return ThreadPoolExecutor(
        max_workers=max(1, min(4, (os.cpu_count() or 1) // 2)), thread_name_prefix="deepguard-listen"
    )
