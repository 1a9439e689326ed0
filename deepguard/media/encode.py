"""Encoding of raw frames.

OpenCV and not Pillow: Pillow compresses JPEG into memory without letting go of the interpreter, so that the event loop
stands still for all of a picture's milliseconds, whichever thread encodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.model import SampleFormat

MAX_PIXELS = 50_000_000
"""Larger pictures are refused: no camera sends them."""

MAX_EDGE = 16_383
"""The longest edge that WebP can hold; JPEG holds more, but no camera sends more."""


class _Layout(NamedTuple):
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
    "RGB": _Layout(3, cv2.COLOR_RGB2BGR),
    "BGR": _Layout(3),
    "RGBA": _Layout(4, cv2.COLOR_RGBA2BGR),
    "RGBX": _Layout(4, cv2.COLOR_RGBA2BGR),
    "BGRA": _Layout(4, cv2.COLOR_BGRA2BGR),
    "BGRX": _Layout(4, cv2.COLOR_BGRA2BGR),
    "ARGB": _Layout(4, order=(3, 2, 1)),
    "ABGR": _Layout(4, order=(1, 2, 3)),
    "L": _Layout(1),
    "YCbCr": _Layout(3, cv2.COLOR_YCrCb2BGR, order=(0, 2, 1)),
}

_ENCODERS = {"jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY), "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY)}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture, ready to be a sample.

    Attributes:
        data: The encoded bytes. Never logged.
        width: In pixels, after scaling.
        height: In pixels, after scaling.
        format: JPEG or WebP.
    """

    data: bytes = field(repr=False)
    width: int
    height: int
    format: SampleFormat


def encode_picture(
    image: bytes | bytearray | memoryview | np.ndarray, size: tuple[int, int], mode: str, params: VideoParams
) -> EncodedPicture:
    """Scale a raw frame down where asked for, and encode it. Blocks; may be called from any thread.

    Args:
        image: ``width * height`` pixels, row by row without padding; must not change during the call.
        size: Width and height in pixels.
        mode: Pixel format: ``RGB``, ``BGR``, ``RGBA``, ``BGRA``, ``ARGB``, ``ABGR``, ``RGBX``, ``BGRX`` (8 bits each,
            alpha is ignored), ``L`` (grey) or ``YCbCr`` (packed, full range).
        params: Format, quality and longest edge.

    Raises:
        MediaError: The mode is unknown, the size is absurd, the bytes are not as many as both ask for, or the picture
            cannot be encoded.
    """
    layout = _LAYOUTS.get(mode)
    if layout is None:
        raise MediaError(f"the pixel format {str(mode)[:20]!r} is unknown; known are {', '.join(_LAYOUTS)}")
    # Scaled before it is converted: that leaves fewer pixels to convert.
    pixels = _to_bgr(_scaled(_open(image, size, mode, layout.depth), params.max_edge), layout)
    suffix, quality = _ENCODERS[params.format]
    done, encoded = cv2.imencode(suffix, pixels, [quality, params.quality])
    height, width = pixels.shape[:2]
    if not done:
        raise MediaError(f"a picture of {width}x{height} pixels could not be encoded as {params.format}")
    return EncodedPicture(encoded.tobytes(), width, height, SampleFormat(params.format))


def _open(image: Any, size: tuple[int, int], mode: str, depth: int) -> np.ndarray:
    width, height = size
    if width < 1 or height < 1 or max(width, height) > MAX_EDGE or width * height > MAX_PIXELS:
        raise MediaError(
            f"a picture of {width}x{height} pixels is refused; it must have at least one pixel, at most "
            f"{MAX_PIXELS // 1_000_000} million, and no edge over {MAX_EDGE}"
        )
    view = memoryview(image)
    expected = width * height * depth
    if view.nbytes != expected:
        raise MediaError(f"{width}x{height} pixels of {mode} are {expected} bytes, not {view.nbytes}")
    flat = view.cast("B") if view.c_contiguous else view.tobytes()
    return np.frombuffer(flat, np.uint8).reshape(height, width, depth)


def _scaled(pixels: np.ndarray, max_edge: int | None) -> np.ndarray:
    height, width = pixels.shape[:2]
    longest = max(width, height)
    if max_edge is None or longest <= max_edge:
        return pixels
    factor = max_edge / longest
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # Each new pixel is the mean of those that it stands for: no false patterns for a detector to find.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _to_bgr(pixels: np.ndarray, layout: _Layout) -> np.ndarray:
    if layout.order is not None:
        first, second, third = layout.order
        picked = np.empty((*pixels.shape[:2], 3), np.uint8)
        cv2.mixChannels([pixels], [picked], [first, 0, second, 1, third, 2])
        pixels = picked
    return pixels if layout.code is None else cv2.cvtColor(pixels, layout.code)


__all__ = ["MAX_EDGE", "MAX_PIXELS", "EncodedPicture", "encode_picture"]
