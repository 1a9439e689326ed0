"""How many files the process may have open at once; to the system, sockets are files."""

from __future__ import annotations

from contextlib import suppress

OPEN_MAX = 10240
"""The most that macOS takes, where it says that there is no limit."""


def allow_many_files() -> None:
    """Take as many open files as the system gives: each call needs a few sockets.

    Where it gives no more, or nobody can ask, all stays as it is.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_MAX), hard))


__all__ = ["allow_many_files"]
