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


class _Part(NamedTuple):
    data: bytes
    timestamp: int
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
        self._parts: dict[int, _Part] = {}
        # The numbers of the first packet that no frame was made of yet, and of the first one that did not come yet.
        self._first: int | None = None
        self._missing = 0

    def start_over(self) -> None:
        """Forget everything: the next packet follows upon a gap."""
        self._parts.clear()
        self._first = None

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
        if self._first is None:
            if not starts:
                if ends:
                    self._begin(sequence + 1)
                return []
            self._begin(sequence)
        if (sequence - self._first_number) & 0xFFFF >= HALF_TURN or sequence in self._parts:
            return []  # it came too late, or again
        if (sequence - self._first_number) & 0xFFFF >= MOST_PACKETS:
            self.given_up += 1
            self.start_over()
            return self.add(sequence, timestamp, data, starts=starts, ends=ends)
        self._parts[sequence] = _Part(data, timestamp, ends)
        whole: list[Whole] = []
        while (part := self._parts.get(self._missing)) is not None:
            begun = self._parts[self._first_number]
            if part.timestamp != begun.timestamp:
                # The one before was the last of its frame and did not say so.
                whole += self._take(self._missing)
            self._missing = (self._missing + 1) & 0xFFFF
            if part.ends:
                whole += self._take(self._missing)
        return whole

    @property
    def _first_number(self) -> int:
        return self._first or 0

    def _begin(self, sequence: int) -> None:
        self._first = self._missing = sequence & 0xFFFF

    def _take(self, end: int) -> list[Whole]:
        """Make a frame of the packets before ``end``."""
        parts: list[_Part] = []
        number = self._first_number
        while number != end:
            parts.append(self._parts.pop(number))
            number = (number + 1) & 0xFFFF
        self._first = end
        data = b"".join(part.data for part in parts)
        return [Whole(data, parts[0].timestamp)] if data else []


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


__all__ = ["MOST_PACKETS", "FrameAssembler", "Whole", "starts_frame"]
