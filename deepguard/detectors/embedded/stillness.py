"""Whether a track shows the same picture again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = 8
"""A thumbnail's pixel is the mean of so many pixels squared: what an encoder rounds and a sensor adds averages out."""

ALIKE_BELOW = 5
"""Grey levels (of 255) by which no point of two thumbnails of the same picture differs.

The largest difference tells, not the mean one. Measured at 640 and 1280 pixels' width on pictures that went through VP8
or H.264 at 250 to 1500 kbit/s and then JPEG: a still picture, with a sensor's noise or without, stayed at 3 or less,
while a head that moved by half a pixel gave 5 or more, and by one pixel 10 or more. Their means were the same."""

PICTURES = 3
SECONDS = 1.5
"""So many pictures in a row must be alike, and span so long: at a high rate anybody holds still for three pictures."""

TRACKS = 16
"""So many tracks are remembered; a call has few, but a peer that reconnects brings new ones each time."""


class _Run(NamedTuple):
    """Pictures in a row that are alike."""

    last: NDArray[np.uint8]
    since: float
    pictures: int


class Stillness:
    """Compares each picture of a track with the one before."""

    def __init__(self) -> None:
        """Begin with no pictures."""
        self._runs: OrderedDict[Hashable, _Run] = OrderedDict()

    def seconds(self, track: Hashable, thumbnail: NDArray[np.uint8], at: float) -> float:
        """Take in the next picture of a track.

        Args:
            track: Which track.
            thumbnail: Grey, at an eighth of the picture's scale.
            at: When it was captured, in seconds.

        Returns:
            How long the picture has been frozen; 0 when it moves, or too little is known.
        """
        run = self._runs.pop(track, None)
        if run is not None and _alike(run.last, thumbnail):
            run = _Run(thumbnail, run.since, run.pictures + 1)
        else:
            run = _Run(thumbnail, at, 1)
        self._runs[track] = run
        if len(self._runs) > TRACKS:
            self._runs.popitem(last=False)
        lasting = at - run.since
        return lasting if run.pictures >= PICTURES and lasting >= SECONDS else 0.0


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    if one.shape != other.shape:
        return False
    return int(np.abs(one.astype(np.int16) - other).max()) < ALIKE_BELOW


__all__ = ["ALIKE_BELOW", "PICTURES", "SCALE", "SECONDS", "TRACKS", "Stillness"]
