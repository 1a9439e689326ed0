"""When the frames after a keyframe show what is there as well as the stream ever does.

An encoder has to make a keyframe of the bits that a few ordinary frames have: it is coarser, and the frames after it
make it good. How many of them that takes says the number of bits that were spent since: a picture of so many pixels is
worth so many bits. Bits that come at once do more than those that come little by little. `bench/README.md` tells how
it was measured (`quality`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 40
"""Frames after a keyframe; after so many even a starved stream is about as good as it gets."""

_USUAL = 10
_PIXELS = 1280 * 720


@dataclass(frozen=True, slots=True)
class Worth:
    """How many bits a pixel has to have got until a picture is within 1 dB of the stream's others.

    Attributes:
        at_once: By the keyframe and the frame after it.
        in_all: Since the keyframe.
    """

    at_once: float
    in_all: float


WORTH = {"VP8": Worth(0.5, 0.85), "H264": Worth(0.22, 0.55)}
"""By codec. VP8's encoder starts from a keyframe that is very coarse, H.264's from one that is not far off."""


def frames_to_settle(codec: str, sizes: Sequence[int], pixels: int) -> int | None:
    """After how many frames a picture is as good as the stream's pictures are, within 1 dB.

    Args:
        codec: One of ``WORTH``.
        sizes: Bytes of each frame, the keyframe first.
        pixels: Of the picture.

    Returns:
        The number; None when these are not enough.
    """
    worth = WORTH[codec]
    bits = 0
    for count, size in enumerate(sizes):
        bits += 8 * size
        if bits >= pixels * (worth.in_all if count > 1 else worth.at_once) or count == MOST:
            return count
    return None


class Pace:
    """What is known of a video stream's frames: how far apart they are, and how large. Times are seconds."""

    __slots__ = ("answer", "frame_bits", "interval", "keyframe_bits", "pixels", "settling")

    def __init__(self) -> None:
        """Begin with what is usual."""
        self.answer = 0.1
        """From a request to its keyframe."""
        self.interval = 1 / 30
        """From one frame to the next."""
        self.frame_bits = 0.0
        """Of an ordinary frame, on average; 0 while none was seen."""
        self.keyframe_bits = 0.0
        """Of a keyframe, on average."""
        self.settling: float = _USUAL
        """How many frames it takes after a keyframe, on average."""
        self.pixels = _PIXELS
        """Of a picture; before the first a large one's."""

    @property
    def lead(self) -> float:
        """How long before it is due a picture has to be asked for.

        As long as it takes on average: each frame that came too early would be decoded all the same, and one that is
        too late is waited for.
        """
        return self.answer + self.settling * self.interval

    def settled(self, codec: str, sizes: Sequence[int]) -> bool:
        """Whether a picture is as good as the stream's are.

        Args:
            codec: Of the frames.
            sizes: Bytes of the keyframe and of those after it; none yet is allowed.
        """
        return frames_to_settle(codec, sizes, self.pixels) is not None

    def note_answer(self, seconds: float) -> None:
        """Note how long a keyframe took to come."""
        self.answer += (min(seconds, 1.0) - self.answer) / 4

    def note_frames(self, codec: str, sizes: Sequence[int], seconds: float) -> None:
        """Note a keyframe and the frames after it.

        Args:
            codec: Of the frames.
            sizes: Bytes of each, the keyframe first.
            seconds: From the first one's time to the last one's.
        """
        self.keyframe_bits = _mean(self.keyframe_bits, sizes[0] * 8)
        # Those that were waited for, or as many as there were time for, and a few more that there was none for.
        count = frames_to_settle(codec, sizes, self.pixels)
        self.settling += ((min(MOST, 1.25 * len(sizes)) if count is None else count) - self.settling) / 2
        # Right after a keyframe they are not what they are later: smaller where the encoder saves up for it, larger
        # where it makes it good.
        ordinary = sizes[len(sizes) // 2 :] if len(sizes) > 2 else sizes[1:]
        if ordinary:
            self.frame_bits = _mean(self.frame_bits, 8 * sum(ordinary) / len(ordinary))
        if len(sizes) > 1 and seconds > 0:
            self.interval = _mean(self.interval, min(seconds / (len(sizes) - 1), 1.0))

    def carries(self, period: float) -> bool:
        """Whether a keyframe for each picture is cheaper than all frames, and leaves the pictures their bits.

        Args:
            period: Seconds from one picture to the next.
        """
        # Encoders that save up for a keyframe again have spent half of what they usually do on the frames after it.
        affordable = 2 * self.frame_bits / self.interval * period
        in_time = self.lead + self.interval <= 0.75 * period  # also when it is a frame too late
        return in_time and (not affordable or self.keyframe_bits <= affordable)


def _mean(before: float, now: float) -> float:
    return now if not before else before + (now - before) / 4


__all__ = ["MOST", "WORTH", "Pace", "Worth", "frames_to_settle"]
