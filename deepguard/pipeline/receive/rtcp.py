"""What senders report of their streams (RTCP sender reports: RFC 3550, 6.4.1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEADER = Struct("!BBHI")
_MIDDLE = Struct("!10xI")  # of the 64 bits of a time (NTP) that begin after the sender's SSRC

SENDER_REPORT, SOURCE_DESCRIPTION = 200, 202
_SENDER_REPORT_SIZE = 28
"""Bytes of one, without what it tells of streams that its sender receives."""


class SenderReport(NamedTuple):
    """What of a sender's report is told back to it, so that it knows how long the way is.

    Attributes:
        ssrc: Its stream.
        middle: The middle 32 bits of the time at which it was sent, by the sender's clock.
    """

    ssrc: int
    middle: int


def reporter_of(data: bytes) -> int | None:
    """Whose report a packet begins with, as far as can be told before it is decrypted.

    Args:
        data: As ``deepguard.pipeline.receive.rtp.is_rtcp`` tells it; untrusted.

    Returns:
        The stream; None when it begins with something else.
    """
    if len(data) < _SENDER_REPORT_SIZE or data[1] != SENDER_REPORT:
        return None
    ssrc: int = _HEADER.unpack_from(data)[3]
    return ssrc


def sender_report_of(data: bytes) -> SenderReport | None:
    """Read the report that a packet begins with.

    Args:
        data: Decrypted, and that much trusted.

    Returns:
        The report; None when it begins with something else, or is broken.
    """
    ssrc = reporter_of(data)
    return SenderReport(ssrc, _MIDDLE.unpack_from(data)[0]) if ssrc is not None else None


def says_more(data: bytes) -> bool:
    """Whether a compound packet that begins with a sender's report says more than this and who the sender is.

    Args:
        data: Decrypted, and that much trusted.
    """
    at = 0
    while at < len(data):
        if len(data) < at + _HEADER.size:
            return True
        first, kind, words, _ = _HEADER.unpack_from(data, at)
        # Of the streams that its sender receives is told within its report.
        if first & 0x1F if kind == SENDER_REPORT else kind != SOURCE_DESCRIPTION:
            return True
        at += 4 * (words + 1)
    return at > len(data)


__all__ = [
    "SENDER_REPORT",
    "SOURCE_DESCRIPTION",
    "SenderReport",
    "reporter_of",
    "says_more",
    "sender_report_of",
]
