"""Holding back what a microphone sends while its sender says that nobody speaks.

Senders say so in two ways: of each packet how loud it is (RFC 6464), or by leaving silence out (DTX, RFC 7587, 3.1.3).
Then nothing comes, or packets with nothing in them, and 2.5 times a second one that tells how the silence sounds.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Generic, NamedTuple, TypeVar

LOUD = 60
"""Decibels below the loudest possible: what is quieter is no speech. Voice activity asks for 50, over 0.4 s."""

LINGER = 1.0
"""Seconds for which everything is let through after something loud: the end of speech has to be heard too."""

KEPT = 0.8
"""Seconds that are kept of what was held back: speech begins before it is loud."""

MOST_KEPT = 320
"""Packets that are kept at most: Opus has none of less than 2.5 milliseconds, and they are not decrypted yet."""

CHECK = 0.5
CHECK_EVERY = (10.0, 20.0)
"""Now and then some of what is said to be silence is listened to, this many seconds of it from the packet on that comes
next: the sender may be lying."""

APART = 0.3
"""Seconds since the packet before after which one says how silence sounds. Opus sends such a one every 0.4 s, while no
packet of sound that goes on holds so much of it: 0.12 s is the longest. Speech shows with its second packet."""

T = TypeVar("T")


class Admitted(NamedTuple, Generic[T]):
    """What is let through, in the order in which it came.

    Attributes:
        items: Nothing, the packet alone, or before it those that had been held back.
        after_gap: Whether packets before the first of them were let go for good.
    """

    items: tuple[T, ...]
    after_gap: bool = False


class SilenceHold(Generic[T]):
    """Holds back the packets of a silent microphone, and lets their end through with the first loud one.

    Attributes:
        trusted: Whether the sender's word counts; once it was caught lying everything is let through.
        dropped: Packets that were let go for good.
        checking: Whether what is let through now is said to be silence, and is let through to see whether it is.
        told_quiet: Whether of the last packet it was said that it is quiet; one that is left out may sound.
    """

    def __init__(self) -> None:
        """Begin with a microphone that may be speaking."""
        self.trusted = True
        self.dropped = 0
        self.checking = False
        self.told_quiet = False
        self._kept: deque[tuple[float, T]] = deque()
        self._gap = False
        self._loud_until = self._check_at = self._checked_until = 0.0
        self._sounded_at = 0.0
        self._begun = False

    def admit(self, item: T, level: int | None, now: float, *, is_nothing: bool = False) -> Admitted[T]:
        """Take the next packet in.

        Args:
            item: The packet.
            level: As its sender says: decibels below the loudest, from 0 to 127. None: it does not say.
            now: Monotonic seconds.
            is_nothing: Whether there is nothing in it.
        """
        self.checking = False
        self.told_quiet = level is not None and level > LOUD
        left_out = is_nothing or now - self._sounded_at >= APART
        if not is_nothing:
            self._sounded_at = now
        if not self._begun or not self.trusted or not (self.told_quiet or left_out):
            self._begun = True
            self._loud_until = now + LINGER
            self._plan_check(now)
        if now < self._loud_until:
            return self._release(item)
        if now >= self._check_at:
            self._checked_until = now + CHECK
            self._plan_check(self._checked_until)
        if now < self._checked_until:
            self.checking = True
            return self._release(item)
        self._kept.append((now, item))
        while self._kept[0][0] < now - KEPT or len(self._kept) > MOST_KEPT:
            self._kept.popleft()
            self.dropped += 1
            self._gap = True
        return Admitted(())

    def _plan_check(self, now: float) -> None:
        self._check_at = now + random.uniform(*CHECK_EVERY)  # noqa: S311 - nobody gains by guessing it

    def _release(self, item: T) -> Admitted[T]:
        items = (*(held for _, held in self._kept), item)
        self._kept.clear()
        gap, self._gap = self._gap, False
        return Admitted(items, gap)

    def start_over(self) -> None:
        """Forget what was held back: what comes next does not follow it."""
        self._kept.clear()
        self._gap = self._begun = False


__all__ = ["APART", "CHECK", "KEPT", "LINGER", "LOUD", "MOST_KEPT", "Admitted", "SilenceHold"]
