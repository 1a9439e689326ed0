"""Threads in which pictures are encoded and sound is listened to, off the event loop, for all calls of the process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def encoder_threads() -> ThreadPoolExecutor:
    """The process's threads for encoding; few, because they only ever hold due pictures."""
    return ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1)), thread_name_prefix="deepguard-encode")


@cache
def listening_threads() -> ThreadPoolExecutor:
    """The process's threads for listening: not the pictures', which would wait while many calls begin to speak.

    Half as many as there are processors: listening holds the interpreter more than encoding does, and can wait.
    """
    return ThreadPoolExecutor(
        max_workers=max(1, min(4, (os.cpu_count() or 1) // 2)), thread_name_prefix="deepguard-listen"
    )
