"""Appends lines to a file, away from the event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

from deepguard import NotifyError

_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    # In a directory that others may write to, a planted link or pipe must not be followed or waited for.
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
_MAY_PASS = frozenset({errno.EAGAIN, errno.EDQUOT, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC})


class Appender:
    """Appends to one file, which only its owner may read when it is created.

    The file is opened for each line, so that a rotated file is left alone.
    """

    def __init__(self, path: str) -> None:
        """Append to ``path``; nothing is opened yet."""
        self._path = path
        # A thread of its own: on a disk that hangs, one of the threads that everybody shares would be held for good.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deepguard-log")
        self._torn = False

    async def check(self) -> None:
        """Make sure that the file can be written, creating it when it is not there.

        Raises:
            NotifyError: It cannot.
        """
        await self._run(b"")

    async def append(self, line: str) -> None:
        """Append a line.

        Raises:
            NotifyError: It could not be written as a whole.
        """
        await self._run(line.encode() + b"\n")

    def close(self) -> None:
        """Take no more lines."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, content: bytes) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, content)
        except OSError as error:
            # What does not pass by itself is wrong for every alert: they wait until somebody has put it right.
            raise NotifyError(
                f"cannot append to {self._path!r}: {self._reason(error)}", refused=error.errno not in _MAY_PASS
            ) from error

    def _write(self, content: bytes) -> None:
        descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is not an ordinary file")
            # After a full disk the last line may have no end: the next one must not be glued to it.
            rest = b"\n" + content if self._torn and content else content
            while rest:
                self._torn = True
                rest = rest[os.write(descriptor, rest) :]
                self._torn = bool(rest)
        finally:
            os.close(descriptor)

    @staticmethod
    def _reason(error: OSError) -> str:
        if error.errno == errno.ELOOP:
            return "it is a symbolic link; name the file itself"
        if error.errno == errno.ENXIO:
            return "it is not an ordinary file"
        return error.strerror or type(error).__name__
