"""Encoded frames cut into the payloads of RTP packets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deepguard.density.media import Clip

PAYLOAD_BYTES = 1200
"""Of a packet at most, as browsers cut them: it passes every network unbroken."""

FU_A = 28
"""The type of an H.264 fragment."""

START_CODE = re.compile(rb"\x00{2,3}\x01")


def payloads_of(clip: Clip) -> tuple[tuple[bytes, ...], ...]:
    """Cut each frame of a clip.

    Args:
        clip: The clip.

    Returns:
        The payloads of each frame; those of VP8 want a descriptor before them.
    """
    cut = _vp8_payloads if clip.codec == "vp8" else _h264_payloads
    return tuple(tuple(cut(frame)) for frame in clip.frames)


def vp8_descriptor(picture_id: int, *, start: bool) -> bytes:
    """What stands before a VP8 payload (RFC 7741).

    Args:
        picture_id: Of the frame; its lowest 15 bits are told.
        start: Whether it is the frame's first payload.
    """
    return bytes((0x90 if start else 0x80, 0x80, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF))


def _vp8_payloads(frame: bytes) -> Iterator[bytes]:
    for at in range(0, len(frame), PAYLOAD_BYTES):
        yield frame[at : at + PAYLOAD_BYTES]


def _h264_payloads(frame: bytes) -> Iterator[bytes]:
    """Single units, and larger ones in fragments (RFC 6184)."""
    for unit in START_CODE.split(frame)[1:]:
        if len(unit) <= PAYLOAD_BYTES:
            yield unit
            continue
        indicator, kind, body = unit[0] & 0xE0 | FU_A, unit[0] & 0x1F, unit[1:]
        step = PAYLOAD_BYTES - 2
        for at in range(0, len(body), step):
            first, last = at == 0, at + step >= len(body)
            yield bytes((indicator, first << 7 | last << 6 | kind)) + body[at : at + step]


__all__ = ["payloads_of", "vp8_descriptor"]
