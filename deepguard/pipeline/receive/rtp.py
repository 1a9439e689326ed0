"""What can be read of an RTP packet without decrypting it (RFC 3550; header extensions: RFC 8285)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

HEADER_SIZE = 12
HALF_TURN = 0x8000
"""Numbers begin anew after 16 bits: one that is so far ahead of another, or further, is behind it."""

_HEADER = Struct("!BBHII")
_WHOSE = Struct("!xBH4xI")
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""RFC 6464."""

_ONE_BYTE = 0xBEDE
_TWO_BYTE = 0x1000  # the last four bits are the application's


def is_media(data: bytes) -> bool:
    """Whether a datagram is RTP or RTCP, as RFC 7983 tells them from STUN and DTLS."""
    return len(data) > 1 and 127 < data[0] < 192


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram that ``is_media`` is RTCP, as RFC 5761 tells it from RTP."""
    return 191 < data[1] < 224


def is_rtp(data: bytes) -> bool:
    """Whether a datagram is RTP, as RFC 7983 and RFC 5761 tell it from STUN, DTLS and RTCP."""
    return len(data) >= HEADER_SIZE and is_media(data) and not is_rtcp(data)


class RtpHeader(NamedTuple):
    """What tells whose a packet is.

    Attributes:
        kind: Its payload type.
        sequence: Its number, from 0 to 65535.
        ssrc: Its stream: the synchronization source.
    """

    kind: int
    sequence: int
    ssrc: int


def header_of(data: bytes) -> RtpHeader:
    """What tells whose a packet is.

    Args:
        data: As ``is_rtp`` tells it; untrusted.
    """
    kind, sequence, ssrc = _WHOSE.unpack_from(data)
    return RtpHeader(kind & 0x7F, sequence, ssrc)


def ticks_between(earlier: int, later: int) -> int:
    """How far a timestamp lies ahead of another; below zero when behind. Both begin anew after 32 bits."""
    return ((later - earlier + 2**31) & 0xFFFFFFFF) - 2**31


def audio_level(data: bytes, extension_id: int) -> int | None:
    """How loud the sender says that a packet is.

    Args:
        data: An RTP packet; untrusted.
        extension_id: The id that was negotiated for the audio level.

    Returns:
        From 0, the loudest, to 127, silence: decibels below the loudest possible. None when the packet does not tell.
    """
    value = _extension(data, extension_id)
    return value & 0x7F if value is not None else None


def _extension(data: bytes, wanted: int) -> int | None:
    """The first byte of a header extension."""
    if not data[0] & 0x10:
        return None
    at = HEADER_SIZE + 4 * (data[0] & 0x0F)
    if len(data) < at + 4:
        return None
    profile = data[at] << 8 | data[at + 1]
    end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    if len(data) < end or (profile != _ONE_BYTE and profile & 0xFFF0 != _TWO_BYTE):
        return None
    one_byte = profile == _ONE_BYTE
    at += 4
    while at < end:
        if data[at] == 0:  # padding
            at += 1
            continue
        if one_byte:
            found, size, start = data[at] >> 4, (data[at] & 0x0F) + 1, at + 1
            if found == 15:  # reserved: nothing after it is to be read
                return None
        else:
            if at + 1 >= end:
                return None
            found, size, start = data[at], data[at + 1], at + 2
        if start + size > end:
            return None
        if found == wanted:
            return data[start] if size else None
        at = start + size
    return None


class RtpPacket(NamedTuple):
    """A packet that was decrypted. Number and timestamp have the names that aiortc's own packets give them.

    Attributes:
        kind: Its payload type.
        marked: Whether the marker bit is set.
        sequence_number: From 0 to 65535.
        timestamp: From 0 to 2**32 - 1.
        ssrc: Its stream.
        payload: What it carries, without padding.
    """

    kind: int
    marked: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def packet_of(data: bytes) -> RtpPacket | None:
    """Read a packet.

    Args:
        data: Decrypted, and that much trusted; it begins as ``is_rtp`` says.

    Returns:
        The packet; None when it is broken.
    """
    first, kind, sequence, timestamp, source = _HEADER.unpack_from(data)
    begin = HEADER_SIZE + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if end < begin + 4:
            return None
        begin += 4 + 4 * (data[begin + 2] << 8 | data[begin + 3])
    if first & 0x20:
        end -= data[-1]
    if end < begin:
        return None
    return RtpPacket(kind & 0x7F, kind > 127, sequence, timestamp, source, data[begin:end])


__all__ = [
    "AUDIO_LEVEL",
    "HALF_TURN",
    "HEADER_SIZE",
    "RtpHeader",
    "RtpPacket",
    "audio_level",
    "header_of",
    "is_media",
    "is_rtcp",
    "is_rtp",
    "packet_of",
    "ticks_between",
]
