"""Which encoded frames a decoder can begin with.

Frames are untrusted, and the first one after a gap may lack its first packets: what only looks like a keyframe by one
bit is none.
"""

from __future__ import annotations

import re

CODECS = frozenset({"VP8", "H264"})
"""Whose keyframes can be told from other frames."""

_NAL_UNIT = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_IDR, _SPS, _PPS = 5, 7, 8
_MOST_NAL_UNITS = 64


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether a decoder that knows nothing can begin with a frame.

    Args:
        codec: One of ``CODECS``.
        data: The encoded frame: VP8 (RFC 6386, 9.1), or H.264 with start codes (ITU-T H.264, annex B).
    """
    if codec == "VP8":
        return len(data) > 10 and not data[0] & 1 and data[3:6] == b"\x9d\x01\x2a"
    if codec == "H264":
        # Parameter sets and all: without them nothing can be decoded.
        kinds = {found[1][0] & 0x1F for _, found in zip(range(_MOST_NAL_UNITS), _NAL_UNIT.finditer(data), strict=False)}
        return kinds >= {_IDR, _SPS, _PPS}
    return False


__all__ = ["CODECS", "is_keyframe"]
