"""Lets the packets of one track through, or holds them back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from deepguard.model import Source
from deepguard.pipeline.receive.counts import ReceiveCounts
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.rtp import HALF_TURN
from deepguard.pipeline.receive.silence import SilenceHold

DECRYPTED = 0xFFF
"""Of the packets that are held back, those whose number has none of these bits are decrypted all the same.

SRTP counts how often the 16 bits of a packet's number have rolled over, and loses count when it misses 32,768 packets
(RFC 3711, 3.3.1). One in 4,096 may be lost six times in a row; the seventh leads to exactly so many."""

REPORTED = 0x3F
"""The same, for those by which the sender's feedback goes on: reports say that nothing is lost."""


T = TypeVar("T")


class Gate:
    """Lets the packets of one track through, or holds them back.

    Attributes:
        source: Camera, microphone or screen.
        kinds: The payload types of its media.
        repair_kinds: Those of its retransmissions.
        is_open: Whether packets are let through.
        last_seen: When the last packet was seen, in monotonic seconds; 0 before the first.
        ssrc: Whose packets its media are, once one was seen.
        mask: Of the packets that are held back the process sees those whose number has none of these bits.
        quiet: Whether a microphone's packets are held back because nobody speaks: the gate is open, but what is
            quietest of them may be dropped without being seen.
        hold: For a microphone whose sender tells how loud it is: holds back what is silent.
        level_id: The id of the header extension that tells.
    """

    def __init__(
        self,
        source: Source,
        receiver: Receiver,
        kinds: Collection[int],
        repair_kinds: Collection[int] = (),
        *,
        counts: ReceiveCounts,
        changed: Callable[[], None],
        level_id: int | None = None,
    ) -> None:
        """Begin with an open gate.

        Args:
            source: Camera, microphone or screen.
            receiver: Where packets go.
            kinds: The payload types of its media.
            repair_kinds: Those of its retransmissions.
            counts: Counts packets.
            changed: Called when it was opened or closed.
            level_id: The id of the header extension that tells how loud a packet is.
        """
        self.source = source
        self.kinds = frozenset(kinds)
        self.repair_kinds = frozenset(repair_kinds)
        self.is_open = True
        self.last_seen = 0.0
        self.ssrc: int | None = None
        self.mask = 0
        self.quiet = False
        self.level_id = level_id
        self.hold: SilenceHold[tuple[int, Any]] | None = SilenceHold() if level_id is not None else None
        self._receiver = receiver
        self._counts = counts
        self._changed = changed
        self._sequence = 0
        self._steady = False
        self._past_mask = 0
        self._resumed: set[int] = set()
        self._seen: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Let packets through; what comes follows upon a gap."""
        self.resume()
        self._receiver.takes = True
        self._steady = self.quiet = False
        if not self.is_open:
            self.is_open = True
            if self.hold is not None:
                self.hold.start_over()
            self._changed()

    def close(self) -> None:
        """Hold packets back."""
        self._receiver.takes = self._steady = self.quiet = False
        if self.is_open:
            self.is_open = False
            self._changed()

    def resume(self) -> None:
        """What comes next follows upon a gap that nobody is to fill."""
        self._resumed.clear()
        self._receiver.start_over()

    async def seen(self, seconds: float) -> bool:
        """Wait for a packet.

        Args:
            seconds: For so long at most.

        Returns:
            Whether one came.
        """
        if self._seen is None:
            self._seen = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._seen}, timeout=seconds)
        return self._seen is None

    def admit(self, kind: int, sequence: int, ssrc: int) -> bool:
        """Take note of a packet.

        Args:
            kind: Its payload type.
            sequence: Its number, from 0 to 65535.
            ssrc: Its stream.

        Returns:
            Whether it is let through.
        """
        self.last_seen = time.monotonic()
        if self._seen is not None:
            self._seen.set_result(None)
            self._seen = None
        if kind in self.repair_kinds:
            # What was sent again before the first packet of now belongs to the time before the gap.
            if not self.is_open or not self._resumed:
                return not sequence & DECRYPTED
            self._resume(ssrc, sequence)
            return True
        if ssrc != self.ssrc:
            self.ssrc, self._sequence = ssrc, (sequence - 1) & 0xFFFF
        passed = (sequence - self._sequence) & 0xFFFF
        if passed < HALF_TURN:
            self._sequence = sequence
        if self._past_mask and not sequence & self._past_mask:
            # It may have waited since before the kernel let the others through, which are no loss.
            self._counts.packets_held[self.source] += passed if passed < HALF_TURN else 0
            return not sequence & DECRYPTED
        self._past_mask = 0
        if self.is_open:
            if (self.quiet or ssrc not in self._resumed) and passed < HALF_TURN:
                self._counts.packets_held[self.source] += max(0, passed - 1)
            self._resume(ssrc, sequence)
            if self.hold is None:
                self._counts.packets_taken[self.source] += 1
            return True
        lost = 0
        if passed < HALF_TURN:
            # Where the kernel shows one in so many, one that is missing stands for as many.
            lost = max(0, passed - self.mask - 1) if self._steady else 0
            self._counts.packets_held[self.source] += passed
        self._steady = True
        if lost or (passed < HALF_TURN and not sequence & REPORTED):
            self._receiver.skip_to(ssrc, sequence, lost)
        return not sequence & DECRYPTED

    def sift(self, packet: T, sequence: int, ssrc: int, level: int | None) -> tuple[T, ...]:
        """Of a microphone's packets that were admitted, let those through in which somebody may be heard.

        Args:
            packet: The packet.
            sequence: Its number.
            ssrc: Its stream.
            level: How loud its sender says it is; None when that is not said.

        Returns:
            What is let through, in order: nothing, the packet, or before it those that had been held back.
        """
        if self.hold is None:
            return (packet,)
        dropped = self.hold.dropped
        admitted = self.hold.admit((sequence, packet), level, time.monotonic())
        self._counts.packets_held[self.source] += self.hold.dropped - dropped
        items = admitted.items
        if items and self.quiet:
            # What the kernel let through while it was quiet is full of holes, up to the packets right before this one.
            whole = next(count for count in range(1, len(items) + 1) if not _follows(items, len(items) - count))
            self._counts.packets_held[self.source] += len(items) - whole
            items = items[-whole:]
        if items and (self.quiet or admitted.after_gap):
            self._receiver.start_over()
            self._receiver.skip_to(ssrc, (items[0][0] - 1) & 0xFFFF)
        self._counts.packets_taken[self.source] += len(items)
        if self.quiet is bool(items):
            self.quiet = not items
            self._changed()
        return tuple(each for _, each in items)

    def drop(self, mask: int) -> None:
        """Note what the kernel drops while the gate is closed.

        Args:
            mask: The process sees those packets whose number has none of these bits.
        """
        if mask != self.mask:
            # Until a packet comes that it would have dropped, the filter that there was may be the one.
            self._past_mask = self.mask if mask < self.mask else 0
            self.mask, self._steady = mask, False

    def _resume(self, ssrc: int, sequence: int) -> None:
        if ssrc not in self._resumed:
            self._resumed.add(ssrc)
            self._receiver.skip_to(ssrc, (sequence - 1) & 0xFFFF)


def _follows(items: tuple[tuple[int, Any], ...], at: int) -> bool:
    """Whether an item is the packet after the one before it."""
    return at > 0 and (items[at][0] - items[at - 1][0]) & 0xFFFF == 1


__all__ = ["DECRYPTED", "REPORTED", "Gate"]
