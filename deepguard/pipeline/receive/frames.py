"""Encoded frames, as they come of a connection."""

from __future__ import annotations

from typing import NamedTuple

from aiortc import RTCRtpCodecParameters


class EncodedFrame(NamedTuple):
    """A frame of a track, put together from its packets.

    Attributes:
        codec: What it is encoded with.
        data: The encoded bytes: untrusted.
        timestamp: RTP's, in units of the codec's clock. Of pictures from 0 at the track's first frame; of sound from
            where the sender began, and from 0 again after 32 bits.
        after_gap: Whether frames right before it were given up.
    """

    codec: RTCRtpCodecParameters
    data: bytes
    timestamp: int
    after_gap: bool = False


__all__ = ["EncodedFrame"]
