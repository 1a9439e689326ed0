"""Cuts off a policy that does not come to an end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

Result = TypeVar("Result")

CALL_SECONDS = 5.0
VERDICT_SECONDS = 0.005
"""What a policy may take for a call: so many seconds, and so many for each verdict. A live call would stand still as
long."""


class TookTooLong(BaseException):
    """A policy was cut off. Not an ``Exception``, which a policy may well catch."""


class Limit:
    """A time limit for what one call asks of a policy, by a signal: only a process's main thread can have one.

    What does not return to Python in between, a hopeless regular expression for example, cannot be cut off from inside.
    """

    def __init__(self, seconds: float) -> None:
        """Allow so many seconds from entering on."""
        self._seconds = seconds
        self._inside = False
        self._before: object = None

    def __enter__(self) -> Self:
        """Begin to count."""
        self._before = signal.signal(signal.SIGALRM, self._alarm)
        # Again and again: the first may come while nothing of the policy runs.
        signal.setitimer(signal.ITIMER_REAL, self._seconds, 0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count no further."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)  # pyright: ignore[reportArgumentType] - what it was

    def run(self, work: Callable[[], Result]) -> Result:
        """Do something of a policy's.

        Raises:
            TookTooLong: The time is over.
            BaseException: Whatever it raises.
        """
        try:
            self._inside = True
            result = work()
            self._inside = False
        except BaseException:
            self._inside = False
            raise
        return result

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._inside:
            # Once: what is done about it must not be cut off as well.
            self._inside = False
            raise TookTooLong


def limit_for(verdicts: int) -> float:
    """What a policy may take for a call, in seconds.

    Args:
        verdicts: How many the call has.
    """
    return CALL_SECONDS + VERDICT_SECONDS * verdicts


__all__ = ["CALL_SECONDS", "VERDICT_SECONDS", "Limit", "TookTooLong", "limit_for"]
