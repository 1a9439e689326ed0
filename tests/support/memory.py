"""Where tests put their files: in memory, where there is room for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30
"""Bytes that must be free: several times what a whole run has there at once."""


def keep_files_in_memory(memory: Path = MEMORY, room: int = ROOM) -> None:
    """Put temporary files there, those of the processes that are begun from here too.

    Databases wait for the disk at each commit, and no test can see whether they did. Where ``TMPDIR`` is set, nothing
    changes; nor where memory is short, or programs cannot be run from it: tests install some.

    Args:
        memory: A folder that is kept in memory.
        room: Bytes that must be free in it.
    """
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return
    if os.statvfs(memory).f_flag & os.ST_NOEXEC or shutil.disk_usage(memory).free < room:
        return
    os.environ["TMPDIR"] = str(memory)
    tempfile.tempdir = None  # it is looked up anew


__all__ = ["MEMORY", "ROOM", "keep_files_in_memory"]
