"""Whether a track shows the same picture again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALIKE_BELOW = 5
"""Grey levels (of 255) by which no point of two thumbnails of the same picture differs.

The largest difference tells, not the mean one. Measured at 640 and 1280 pixels' width on pictures that went through VP8
or H.264 at 250 to 1500 kbit/s and then JPEG: a still picture, with a sensor's noise or without, stayed at 3 or less,
while a head that moved by half a pixel gave 5 or more, and by one pixel 10 or more. Their means were the same."""

PICTURES = 3
SECONDS = 1.5
"""So many pictures in a row must be alike, and span so long: at a high rate anybody holds still for three pictures."""


class Stillness:
    """Compares each picture of one track with the one before. For one thread at a time."""

    def __init__(self) -> None:
        """Begin with no pictures."""
        self._last: NDArray[np.uint8] | None = None
        self._since = 0.0
        self._pictures = 0

    def seconds(self, thumbnail: NDArray[np.uint8], at: float) -> float:
        """Take in the track's next picture.

        Args:
            thumbnail: Grey, as ``deepguard.media.thumbnail`` makes it.
            at: When it was captured, in seconds of any clock.

        Returns:
            How long the picture has been the same; 0 while it moves, and until ``PICTURES`` in a row were alike. It
            counts as frozen from ``SECONDS`` on, or from as long as whoever asks says.
        """
        if self._last is not None and _alike(self._last, thumbnail):
            self._pictures += 1
        else:
            self._since, self._pictures = at, 1
        self._last = thumbnail
        return at - self._since if self._pictures >= PICTURES else 0.0


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return one.shape == other.shape and cv2.norm(one, other, cv2.NORM_INF) < ALIKE_BELOW


__all__ = ["ALIKE_BELOW", "PICTURES", "SECONDS", "Stillness"]
