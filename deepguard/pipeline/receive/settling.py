"""How many frames after a keyframe show what is there as well as the stream ever does.

An encoder has to make a keyframe of the bits that a few ordinary frames have: it is coarser, and the frames after it
make it good, the slower, the fewer bits the stream has. How it was measured: docs/performance.md.
"""

from __future__ import annotations

import math

MOST = 30
"""Frames; after so many even a starved stream is as good as it gets."""

LEAST = 1

_BITS = 0.55


def frames_to_settle(bits_per_pixel: float) -> int:
    """After how many frames a picture is as good as a stream's pictures are, within 1 dB.

    Args:
        bits_per_pixel: Of the stream's ordinary frames.
    """
    if bits_per_pixel <= 0:
        return MOST
    return min(MOST, max(LEAST, math.ceil(_BITS / bits_per_pixel)))


class Pace:
    """What is known of a video stream's frames: how far apart they are, and how large. Times are seconds."""

    __slots__ = ("answer", "frame_bits", "interval", "keyframe_bits", "pixels")

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
        self.pixels = 0
        """Of a picture."""

    @property
    def settling(self) -> int:
        """How many frames after a keyframe to wait for."""
        if not self.pixels or not self.frame_bits:
            return 10
        return frames_to_settle(self.frame_bits / self.pixels)

    @property
    def lead(self) -> float:
        """How long before it is due a picture has to be asked for. A frame is whole only when the next one begins."""
        return self.answer + (self.settling + 1) * self.interval

    def note_answer(self, seconds: float) -> None:
        """Note how long a keyframe took to come."""
        self.answer += (min(seconds, 1.0) - self.answer) / 4

    def note_frames(self, sizes: list[int], seconds: float) -> None:
        """Note a keyframe and the frames after it.

        Args:
            sizes: Bytes of each, the keyframe first.
            seconds: From the first one's time to the last one's.
        """
        self.keyframe_bits = _mean(self.keyframe_bits, sizes[0] * 8)
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
        if not self.frame_bits:
            # Of the one picture that there was, only the keyframe came in time: that says nothing of the rest.
            return self.lead <= 0.75 * period
        bits_per_second = self.frame_bits / self.interval
        return self.lead <= 0.75 * period and self.keyframe_bits <= bits_per_second * period


def _mean(before: float, now: float) -> float:
    return now if not before else before + (now - before) / 4


__all__ = ["LEAST", "MOST", "Pace", "frames_to_settle"]
