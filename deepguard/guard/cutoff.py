"""Runs somebody else's code in a thread of its own, and cuts it off when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class _CutOff(BaseException):
    """Raised within a thread that has taken too long: not even ``except Exception`` goes on after it."""


class _Work:
    """One piece of work; the thread that does it is cut off while it does, and at no other time."""

    def __init__(self, function: Callable[[], Any], done: asyncio.Future[Any]) -> None:
        self._function = function
        self._done = done
        self._loop = done.get_loop()
        self._lock = threading.Lock()
        self._given_up = False
        self._running_in: int | None = None

    def do(self) -> None:
        """Do it, unless it was given up, and tell whoever waits."""
        with self._lock:
            if self._given_up:
                return
            self._running_in = threading.get_ident()
        result, error = None, None
        try:
            result = self._function()
        except Exception as raised:  # noqa: BLE001 - it is told to whoever waits
            error = raised
        with self._lock:
            self._running_in = None
        # A loop that has ended waits for nothing any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_settle, self._done, result, error)

    def give_up(self) -> None:
        """Cut off the thread that does it; what was not begun is not done."""
        with self._lock:
            self._given_up = True
            if self._running_in is not None:
                # It would go on to take its share of the interpreter. What runs outside of Python ends when it returns.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._running_in), ctypes.py_object(_CutOff))


class CutOffThread:
    """One thread, started when it is first needed. Work is done one after the other.

    Attributes:
        limit: Seconds that one piece of work may take.
    """

    def __init__(self, name: str, limit: float) -> None:
        """Prepare.

        Args:
            name: The thread's name.
            limit: Seconds that one piece of work may take.
        """
        self.limit = limit
        self._name = name
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Have work done.

        Args:
            work: What to do; it runs in the thread.

        Returns:
            Its result.

        Raises:
            TimeoutError: It took longer than the limit. The thread is given up, and the next work gets a new one.
            Exception: Whatever it raises.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        piece = _Work(work, done)
        if self._thread is None:
            # A daemon: one that cannot be ended must not keep the program from ending.
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True)
            self._thread.start()
        self._queue.put(piece)
        try:
            async with asyncio.timeout(self.limit):
                return await done
        except TimeoutError:
            if not done.cancelled():
                raise  # the work's own
            self._leave()
            piece.give_up()
            raise TimeoutError(f"it took more than {self.limit:g} s") from None

    def close(self) -> None:
        """Let the thread end, after what it is doing. Safe twice."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread = None

    def _leave(self) -> None:
        """Let the thread end, and have another one do what comes next."""
        self.close()
        self._queue = queue.SimpleQueue()


def _serve(queued: queue.SimpleQueue[_Work | None]) -> None:
    with contextlib.suppress(_CutOff):
        while (work := queued.get()) is not None:
            work.do()
            del work


def _settle(done: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration):
        error = RuntimeError("it raised StopIteration")  # which no future can hold
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


__all__ = ["CutOffThread"]
