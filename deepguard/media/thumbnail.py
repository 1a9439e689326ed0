"""A picture made small and grey: enough to tell whether it is black, and whether it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from deepguard.media.raw import layout_of, open_frame, to_bgr

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = 8
"""A thumbnail's pixel is the mean of so many pixels squared at least: what an encoder rounds and a sensor adds averages
out."""

LONGEST_EDGE = 160
"""Of a thumbnail, in pixels; larger pictures are scaled down further."""

BLACK_BELOW = 24
"""A picture is black when 99 % of its thumbnail is darker (of 255): a covered lens still has noise and a glow."""


def thumbnail_of(pixels: np.ndarray) -> np.ndarray:
    """Make a picture small.

    Args:
        pixels: Height by width, with any number of channels.

    Returns:
        The same channels, an eighth of the size or less.
    """
    height, width = pixels.shape[:2]
    return cv2.resize(pixels, thumbnail_size((width, height)), interpolation=cv2.INTER_AREA)


def thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """The width and height of the thumbnail of a picture of ``size``."""
    factor = min(1 / SCALE, LONGEST_EDGE / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def thumbnail_of_frame(image: Any, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    """The grey thumbnail of a raw frame. May be called from any thread; costs little beside encoding it.

    Args:
        image: As ``encode_picture`` takes it.
        size: Width and height in pixels.
        mode: Pixel format.

    Raises:
        MediaError: As ``encode_picture``.
    """
    # Made small first: that leaves next to nothing to convert.
    small = to_bgr(thumbnail_of(open_frame(image, size, mode)), layout_of(mode))
    return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def is_black(thumbnail: NDArray[np.uint8]) -> bool:
    """Whether there is nothing to be seen in a grey thumbnail."""
    return bool(np.count_nonzero(thumbnail >= BLACK_BELOW) * 100 < thumbnail.size)


__all__ = ["BLACK_BELOW", "LONGEST_EDGE", "SCALE", "is_black", "thumbnail_of", "thumbnail_of_frame", "thumbnail_size"]
