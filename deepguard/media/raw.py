"""Raw frames: how their pixels lie in memory, and how OpenCV gets at them."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from deepguard.errors import MediaError

MAX_PIXELS = 50_000_000
"""Larger pictures are refused: no camera sends them."""

MAX_EDGE = 16_383
"""The longest edge that WebP can hold; JPEG holds more, but no camera sends more."""


class Layout(NamedTuple):
    """How a pixel format lies in memory, and how it becomes what OpenCV encodes: blue, green, red, or grey.

    Attributes:
        depth: Bytes a pixel.
        code: OpenCV's conversion, None when there is nothing to convert.
        order: Which bytes of a pixel to pick before that, in order; None takes them as they are.
    """

    depth: int
    code: int | None = None
    order: tuple[int, int, int] | None = None


# Alpha is skipped rather than blended: a camera has none, and blending would change what the detector sees.
_LAYOUTS = {
    "RGB": Layout(3, cv2.COLOR_RGB2BGR),
    "BGR": Layout(3),
    "RGBA": Layout(4, cv2.COLOR_RGBA2BGR),
    "RGBX": Layout(4, cv2.COLOR_RGBA2BGR),
    "BGRA": Layout(4, cv2.COLOR_BGRA2BGR),
    "BGRX": Layout(4, cv2.COLOR_BGRA2BGR),
    "ARGB": Layout(4, order=(3, 2, 1)),
    "ABGR": Layout(4, order=(1, 2, 3)),
    "L": Layout(1),
    "YCbCr": Layout(3, cv2.COLOR_YCrCb2BGR, order=(0, 2, 1)),
}


def layout_of(mode: str) -> Layout:
    """How a pixel format lies in memory.

    Args:
        mode: ``RGB``, ``BGR``, ``RGBA``, ``BGRA``, ``ARGB``, ``ABGR``, ``RGBX``, ``BGRX`` (8 bits each, alpha is
            ignored), ``L`` (grey) or ``YCbCr`` (packed, full range).

    Raises:
        MediaError: The mode is unknown.
    """
    layout = _LAYOUTS.get(mode)
    if layout is None:
        raise MediaError(f"the pixel format {str(mode)[:20]!r} is unknown; known are {', '.join(_LAYOUTS)}")
    return layout


def refuse_absurd(size: tuple[int, int]) -> None:
    """Let pass what a camera may send.

    Args:
        size: Width and height in pixels.

    Raises:
        MediaError: A picture of that size is not encoded.
    """
    width, height = size
    if width < 1 or height < 1 or max(width, height) > MAX_EDGE or width * height > MAX_PIXELS:
        raise MediaError(
            f"a picture of {width}x{height} pixels is refused; it must have at least one pixel, at most "
            f"{MAX_PIXELS // 1_000_000} million, and no edge over {MAX_EDGE}"
        )


def open_frame(image: Any, size: tuple[int, int], mode: str) -> np.ndarray:
    """A frame's bytes as an array, without copying them where that can be.

    Args:
        image: ``width * height`` pixels, row by row without padding.
        size: Width and height in pixels.
        mode: As ``layout_of`` takes it.

    Returns:
        Shape (height, width, bytes a pixel).

    Raises:
        MediaError: The mode is unknown, the size is absurd, or the bytes are not as many as both ask for.
    """
    depth = layout_of(mode).depth
    refuse_absurd(size)
    width, height = size
    view = memoryview(image)
    expected = width * height * depth
    if view.nbytes != expected:
        raise MediaError(f"{width}x{height} pixels of {mode} are {expected} bytes, not {view.nbytes}")
    flat = view.cast("B") if view.c_contiguous else view.tobytes()
    return np.frombuffer(flat, np.uint8).reshape(height, width, depth)


def to_bgr(pixels: np.ndarray, layout: Layout) -> np.ndarray:
    """Pixels as OpenCV encodes them: blue, green, red; grey stays grey."""
    if layout.order is not None:
        first, second, third = layout.order
        picked = np.empty((*pixels.shape[:2], 3), np.uint8)
        cv2.mixChannels([pixels], [picked], [first, 0, second, 1, third, 2])
        pixels = picked
    return pixels if layout.code is None else cv2.cvtColor(pixels, layout.code)


__all__ = ["MAX_EDGE", "MAX_PIXELS", "Layout", "layout_of", "open_frame", "refuse_absurd", "to_bgr"]
