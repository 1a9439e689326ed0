"""Video frames, put together of their packets."""

from __future__ import annotations

from typing import NamedTuple

from deepguard.pipeline.receive.rtp import HALF_TURN

MOST_PACKETS = 512
"""Of frames that are not whole yet: a keyframe of 600 KB."""

_H264_STARTS = frozenset({7, 24})  # a sequence parameter set, or several units in one packet that begin with it


class Whole(NamedTuple):
    """A frame.

    Attributes:
        data: Its encoded bytes.
        timestamp: RTP's, from 0 to 2**32 - 1.
    """

    data: bytes
    timestamp: int


class _Early(NamedTuple):
    timestamp: int
    data: bytes
    ends: bool


class FrameAssembler:
    """Puts the frames of one stream together. A frame is whole when its last packet says so (RFC 3550, the marker bit).

    What was lost holds up everything after it, until it comes after all, or is given up with ``start_over``, or there
    are too many packets.

    Attributes:
        given_up: How often there were too many.
    """

    def __init__(self) -> None:
        """Begin before the first packet."""
        self.given_up = 0
        # The number of the first packet that did not come yet; None before the first that did.
        self._next: int | None = None
        # The frame that is not whole yet: what came of it without a gap.
        self._timestamp = 0
        self._parts: list[bytes] = []
        # What came after the gap.
        self._early: dict[int, _Early] = {}

    def start_over(self) -> None:
        """Forget everything: the next packet follows upon a gap."""
        self._next = None
        self._parts.clear()
        self._early.clear()

    def add(self, sequence: int, timestamp: int, data: bytes, *, starts: bool, ends: bool) -> list[Whole]:
        """Take a packet in.

        Args:
            sequence: Its number, from 0 to 65535.
            timestamp: RTP's.
            data: What it carries of the frame; nothing when it is padding.
            starts: Whether it certainly is the first of its frame.
            ends: Whether it is the last of its frame.

        Returns:
            The frames that are whole now, in order.
        """
        if self._next is None:
            if not starts:
                if ends:
                    self._next = (sequence + 1) & 0xFFFF
                return []
            self._next = sequence
        whole: list[Whole] = []
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= HALF_TURN:
            return whole  # it came too late, or again
        if ahead + len(self._parts) >= MOST_PACKETS:
            self.given_up += 1
            self.start_over()
            return self.add(sequence, timestamp, data, starts=starts, ends=ends)
        if ahead:
            self._early.setdefault(sequence, _Early(timestamp, data, ends))
            return whole
        self._append(timestamp, data, ends, whole)
        while self._early and (early := self._early.pop(self._next, None)) is not None:
            self._append(*early, whole)
        return whole

    def _append(self, timestamp: int, data: bytes, ends: bool, whole: list[Whole]) -> None:
        """Take the packet in that was the next."""
        if self._parts and timestamp != self._timestamp:
            # The one before was the last of its frame and did not say so.
            self._end(whole)
        self._timestamp = timestamp
        self._parts.append(data)
        if ends:
            self._end(whole)
        self._next = ((self._next or 0) + 1) & 0xFFFF

    def _end(self, whole: list[Whole]) -> None:
        data = b"".join(self._parts)
        self._parts.clear()
        if data:
            whole.append(Whole(data, self._timestamp))


def starts_frame(codec: str, payload: bytes) -> bool:
    """Whether a packet certainly is the first of a frame, as its payload begins.

    Args:
        codec: ``VP8`` (RFC 7741, 4.2) or ``H264`` (RFC 6184, 5.2); of others nothing is certain.
        payload: Untrusted.
    """
    if not payload:
        return False
    if codec == "VP8":
        return bool(payload[0] & 0x10) and not payload[0] & 0x0F
    return codec == "H264" and payload[0] & 0x1F in _H264_STARTS


def vp8_data(payload: bytes) -> bytes:
    """What a packet of VP8 carries of its frame: what comes after the descriptor (RFC 7741, 4.2).

    Args:
        payload: Untrusted.

    Returns:
        Nothing when it ends within the descriptor.
    """
    begin = 1
    if payload and payload[0] & 0x80:
        begin, extensions = 2, payload[1] if len(payload) > 1 else 0
        if extensions & 0x80:  # a picture's id, of one byte or two
            begin += 2 if len(payload) > begin and payload[begin] & 0x80 else 1
        if extensions & 0x40:  # the number of the base layer's picture
            begin += 1
        if extensions & 0x30:  # the temporal layer, the key
            begin += 1
    return payload[begin:]


__all__ = ["MOST_PACKETS", "FrameAssembler", "Whole", "starts_frame", "vp8_data"]
