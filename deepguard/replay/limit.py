"""Cuts off a policy that does not come to an end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

Result = TypeVar("Result")


class TookTooLong(BaseException):
    """A policy was cut off. Not an ``Exception``, which a policy may well catch."""


class Limit:
    """A time limit for each thing that a policy is asked, by a signal: only a process's main thread can have one.

    What does not return to Python in between, a hopeless regular expression for example, cannot be cut off from inside.
    """

    def __init__(self, seconds: float) -> None:
        """Allow so many seconds for each."""
        self.seconds = seconds
        self._inside = False
        self._before: object = None
        self._timer = (0.0, 0.0)

    def __enter__(self) -> Self:
        """Take over the alarm of the process."""
        self._timer = signal.setitimer(signal.ITIMER_REAL, 0)
        self._before = signal.signal(signal.SIGALRM, self._alarm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)  # pyright: ignore[reportArgumentType] - what it was
        signal.setitimer(signal.ITIMER_REAL, *self._timer)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do something of a policy's.

        Raises:
            TookTooLong: The time was over.
            BaseException: Whatever it raises.
        """
        try:
            self._inside = True
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
            result = work()
            self._inside = False
        except BaseException:
            self._inside = False
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return result

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        # One that comes late must not cut off what is done next.
        if self._inside:
            self._inside = False
            raise TookTooLong


__all__ = ["Limit", "TookTooLong"]
