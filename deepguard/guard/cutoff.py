"""Runs somebody else's code in a thread of its own, and cuts it off when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from loguru import logger

Result = TypeVar("Result")
_Work = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class _CutOff(BaseException):
    """Raised within a thread that has taken too long: not even ``except Exception`` goes on after it."""


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
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        if self._thread is None:
            # A daemon: one that cannot be ended must not keep the program from ending.
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True)
            self._thread.start()
        self._queue.put((work, done, loop))
        try:
            async with asyncio.timeout(self.limit):
                return await done
        except TimeoutError:
            if not done.cancelled():
                raise  # the work's own
            self._give_up()
            raise TimeoutError(f"it took more than {self.limit:g} s") from None

    def close(self) -> None:
        """Let the thread end, after what it is doing. Safe twice."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread = None

    def _give_up(self) -> None:
        thread, self._thread = self._thread, None
        self._queue.put(None)
        self._queue = queue.SimpleQueue()
        if thread is None or thread.ident is None:
            return
        # It would go on to take its share of the interpreter. What runs outside of Python ends when it returns.
        told = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_CutOff))
        if told != 1:
            logger.debug("The thread {} had ended before it was cut off", self._name)


def _serve(work: queue.SimpleQueue[_Work | None]) -> None:
    with contextlib.suppress(_CutOff):
        while (item := work.get()) is not None:
            function, done, loop = item
            result, error = None, None
            try:
                result = function()
            except Exception as raised:  # noqa: BLE001 - it is told to whoever waits
                error = raised
            # A loop that has ended waits for nothing any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, done, result, error)
            del item, function, done, loop, result, error


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
