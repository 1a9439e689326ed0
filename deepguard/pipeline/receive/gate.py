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

BELIEVED = 512
BELIEVED_SECONDS = 1.0
"""Whoever knows a stream's number can send what looks like its packets; only one that was decrypted is the sender's. Of
packets that are held back one is decrypted now and then, and others are believed for so long, and when their number is
at most so far from its: what a stranger claims moves little, and is forgotten soon.

It also keeps SRTP from losing count of how often the 16 bits of a number have rolled over, as it would if it missed
32,768 packets (RFC 3711, 3.3.1)."""

REPORTED = 0x3F
"""Of the packets that are held back, those whose number has none of these bits let the sender's feedback go on: reports
say that nothing is lost."""

NOTHING = 2
"""Bytes of an Opus packet in which nothing is, at most: how long the frames are that were not sent (RFC 6716, 3.4)."""


T = TypeVar("T")


class Gate:
    """Lets the packets of one track through, or holds them back.

    Attributes:
        source: Camera, microphone or screen.
        kinds: The payload types of its media.
        repair_kinds: Those of its retransmissions.
        is_open: Whether packets are let through.
        last_seen: When the last packet of its media was seen, in monotonic seconds; 0 before the first.
        ssrc: Whose packets its media are, once one was seen.
        mask: Of the packets that are held back the process sees those whose number has none of these bits.
        quiet: Whether a microphone's packets are held back because nobody speaks: the gate is open, but what is
            quietest of them may be dropped without being seen.
        hold: For a microphone: holds back what is silent.
        level_id: The id of the header extension that tells how loud a packet is.
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
        opus_kinds: Collection[int] = (),
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
            opus_kinds: Those payload types of its media that are Opus, which can leave silence out.
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
        self.hold: SilenceHold[tuple[int, Any]] | None = SilenceHold() if source is Source.MICROPHONE else None
        self._opus_kinds = frozenset(opus_kinds)
        self._receiver = receiver
        self._counts = counts
        self._changed = changed
        self._sequence = 0
        self._proven: tuple[int, int] | None = None
        self._believes_until = 0.0
        self._steady = False
        self._past_mask = 0
        self._resumed: set[int] = set()
        self._seen: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Let packets through; what comes follows upon a gap."""
        self.resume()
        self._receiver.takes = True
        changes = self.quiet or not self.is_open
        self._steady = self.quiet = False
        if not self.is_open:
            self.is_open = True
            if self.hold is not None:
                self.hold.start_over()
        if changes:
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

    def doubts(self, sequence: int, ssrc: int, now: float) -> bool:
        """Whether a packet has to be decrypted before anything that it says of itself is believed.

        Args:
            sequence: Its number, from 0 to 65535.
            ssrc: Its stream.
            now: Monotonic seconds.
        """
        if self._proven is None or ssrc != self._proven[0] or now >= self._believes_until:
            return True
        return (sequence - self._proven[1] + BELIEVED) & 0xFFFF > 2 * BELIEVED

    def admit(self, kind: int, sequence: int, ssrc: int, now: float, *, is_proven: bool = False) -> bool:
        """Take note of a packet that is believed to be the sender's.

        Args:
            kind: Its payload type.
            sequence: Its number, from 0 to 65535.
            ssrc: Its stream.
            now: Monotonic seconds.
            is_proven: Whether it is certainly the sender's: it could be decrypted.

        Returns:
            Whether it is let through.
        """
        if kind in self.repair_kinds:
            # What was sent again before the first packet of now belongs to the time before the gap.
            if not self.is_open or not self._resumed:
                return False
            self._resume(ssrc, sequence)
            return True
        if is_proven:
            self._proven = ssrc, sequence
            self._believes_until = now + BELIEVED_SECONDS
        self.last_seen = now
        if self._seen is not None:
            self._seen.set_result(None)
            self._seen = None
        if ssrc != self.ssrc:
            self.ssrc, self._sequence = ssrc, (sequence - 1) & 0xFFFF
            self._changed()
        passed = (sequence - self._sequence) & 0xFFFF
        if passed < HALF_TURN:
            self._sequence = sequence
        if self._past_mask:
            # One that the kernel had let through before may have waited since, and others before the next are no loss.
            may_have_waited = not sequence & self._past_mask
            at_once = self.is_open and self.hold is None
            if may_have_waited and not at_once:
                self._counts.packets_held[self.source] += passed if passed < HALF_TURN else 0
                return False
            # But it may be the first of the keyframe, too: only what does not follow it shows that it is not.
            if at_once and passed != 1:
                self.resume()
            if not may_have_waited:
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
        return False

    def is_nothing(self, kind: int, payload: bytes) -> bool:
        """Whether a packet says that there is nothing to be heard, as Opus does when it leaves silence out (DTX).

        Args:
            kind: Its payload type.
            payload: What it carries.
        """
        return len(payload) <= NOTHING and kind in self._opus_kinds

    def sift(
        self, packet: T, sequence: int, ssrc: int, *, level: int | None = None, is_nothing: bool = False
    ) -> tuple[T, ...]:
        """Of a microphone's packets that were admitted, let those through in which somebody may be heard.

        Args:
            packet: The packet.
            sequence: Its number.
            ssrc: Its stream.
            level: How loud its sender says it is; None when that is not said.
            is_nothing: Whether there is nothing in it.

        Returns:
            What is let through, in order: nothing, the packet, or before it those that had been held back.
        """
        if self.hold is None:
            return (packet,)
        dropped = self.hold.dropped
        admitted = self.hold.admit((sequence, packet), level, time.monotonic(), is_nothing=is_nothing)
        self._counts.packets_held[self.source] += self.hold.dropped - dropped
        items = admitted.items
        if items and self.quiet and self.level_id is not None:
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


__all__ = ["BELIEVED", "NOTHING", "REPORTED", "Gate"]
