"""What the numbers in a frame's planes of luma and chroma mean, and what a JPEG's mean."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREY = 128
"""Chroma of what has no colour."""

LIMITED_BLACK, LIMITED_WHITE = 16, 235
"""Luma of black and white in the range that video mostly uses; in full range they are 0 and 255."""

LIMITED_CHROMA = 224
"""Between the two ends of chroma in limited range; in full range it is 255."""

# By FFmpeg's number of a colour space (AVColorSpace): what red and blue add to its luma. Whatever is not here is taken
# as BT.601, above all what says nothing: that is what browsers send, and how Pipecat reads every frame.
_WEIGHTS = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_BT601 = (0.299, 0.114)


class Planes(NamedTuple):
    """A picture, 8 bits a sample.

    Attributes:
        luma: Shape (height, width).
        blue: How much bluer than grey, mostly of half the height and width, rounded up; None when all is grey.
        red: The same for red.
    """

    luma: NDArray[np.uint8]
    blue: NDArray[np.uint8] | None = None
    red: NDArray[np.uint8] | None = None


class Colours(NamedTuple):
    """How luma and chroma become those of a JPEG, BT.601 in full range: each is a sum of the three.

    Attributes:
        luma: What luma, blue and red add to luma.
        blue: What blue and red add to blue.
        red: What blue and red add to red.
        black: Luma of black.
    """

    luma: tuple[float, float, float]
    blue: tuple[float, float]
    red: tuple[float, float]
    black: int

    def of_jpeg(self, planes: Planes) -> Planes:
        """A picture as a JPEG holds it; the very same when nothing is to be done.

        Args:
            planes: Chroma may be as large as luma, or half as large.
        """
        blue, red = planes.blue, planes.red
        if blue is not None and red is not None:
            of_blue, of_red = self.red
            blue, red = _sum_of_chroma(blue, red, self.blue), _sum_of_chroma(red, blue, (of_red, of_blue))
        return Planes(self._luma(planes), blue, red)

    def _luma(self, planes: Planes) -> NDArray[np.uint8]:
        luma, (gain, from_blue, from_red) = planes.luma, self.luma
        if planes.blue is None or planes.red is None or (from_blue, from_red) == (0, 0):
            return luma if gain == 1 else _sum(luma, gain, luma, 0, -gain * self.black)
        # At the size of the chroma first, where there is a quarter of the work; and around grey, because a byte holds
        # nothing below 0.
        added = _sum(planes.blue, from_blue, planes.red, from_red, GREY * (1 - from_blue - from_red))
        return _sum(luma, gain, enlarged(added, luma), 1, -gain * self.black - GREY)


def enlarged(plane: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A plane of chroma at the size of luma, each sample four times."""
    if plane.shape == like.shape:
        return plane
    height, width = plane.shape
    doubled = cv2.resize(plane, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(doubled[: like.shape[0], : like.shape[1]], np.uint8)


@lru_cache(64)
def colours_of(space: int, *, limited: bool) -> Colours:
    """How a frame's numbers become a JPEG's.

    Args:
        space: FFmpeg's number of the colour space (AVColorSpace); 2 is unspecified.
        limited: Whether luma lies between 16 and 235.
    """
    brightness, colour, black = 1.0, 1.0, 0
    if limited:
        brightness, colour, black = 255 / (LIMITED_WHITE - LIMITED_BLACK), 255 / LIMITED_CHROMA, LIMITED_BLACK
    if space not in _WEIGHTS:
        return Colours((brightness, 0, 0), (colour, 0), (0, colour), black)
    matrix = _luma_and_chroma(*_BT601) @ np.linalg.inv(_luma_and_chroma(*_WEIGHTS[space]))
    (_, *to_luma), (_, *to_blue), (_, *to_red) = matrix * (brightness, colour, colour)
    # Grey stays grey: nothing of luma goes into chroma.
    return Colours((brightness, to_luma[0], to_luma[1]), (to_blue[0], to_blue[1]), (to_red[0], to_red[1]), black)


def _luma_and_chroma(red: float, blue: float) -> NDArray[np.float64]:
    """The matrix from red, green and blue to luma and chroma, with these weights of red and blue in luma."""
    luma = np.array([red, 1 - red - blue, blue])
    bluer, redder = np.array([0, 0, 1]) - luma, np.array([1, 0, 0]) - luma
    return np.stack([luma, bluer / (2 * (1 - blue)), redder / (2 * (1 - red))])


def _sum_of_chroma(
    plane: NDArray[np.uint8], other: NDArray[np.uint8], weights: tuple[float, float]
) -> NDArray[np.uint8]:
    of_plane, of_other = weights
    if weights == (1, 0):
        return plane
    return _sum(plane, of_plane, other if of_other else plane, of_other, GREY * (1 - of_plane - of_other))


def _sum(
    one: NDArray[np.uint8], of_one: float, other: NDArray[np.uint8], of_other: float, more: float
) -> NDArray[np.uint8]:
    # Rounded, and kept within 0 to 255.
    return np.asarray(cv2.addWeighted(one, of_one, other, of_other, more), np.uint8)


__all__ = ["Colours", "Planes", "colours_of", "enlarged"]
