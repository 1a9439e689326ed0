"""Encoding of raw frames.

OpenCV and not Pillow: Pillow compresses JPEG into memory without letting go of the interpreter, so that the event loop
stands still for all of a picture's milliseconds, whichever thread encodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.media.raw import layout_of, open_frame, to_bgr
from deepguard.model import SampleFormat

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
    # Scaled before it is converted: that leaves fewer pixels to convert.
    pixels = open_frame(image, size, mode)
    return encode_pixels(to_bgr(scaled(pixels, size_within(size, params.max_edge)), layout_of(mode)), params)


def encode_pixels(pixels: np.ndarray, params: VideoParams) -> EncodedPicture:
    """Encode pixels as they are. Blocks; may be called from any thread.

    Args:
        pixels: Blue, green and red, or grey; shape (height, width, channels).
        params: Format and quality.

    Raises:
        MediaError: The picture cannot be encoded.
    """
    suffix, quality = _ENCODERS[params.format]
    done, encoded = cv2.imencode(suffix, pixels, [quality, params.quality])
    height, width = pixels.shape[:2]
    if not done:
        raise MediaError(f"a picture of {width}x{height} pixels could not be encoded as {params.format}")
    return EncodedPicture(encoded.tobytes(), width, height, SampleFormat(params.format))


def size_within(size: tuple[int, int], max_edge: int | None) -> tuple[int, int]:
    """The width and height that a picture of ``size`` has after scaling: of the same shape, and never larger."""
    longest = max(size)
    if max_edge is None or longest <= max_edge:
        return size
    factor = max_edge / longest
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels, or one plane of them, at a width and height that are no larger than theirs."""
    if pixels.shape[1::-1] == size:
        return pixels
    # Each new pixel is the mean of those that it stands for: no false patterns for a detector to find.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


__all__ = ["EncodedPicture", "encode_picture", "encode_pixels", "scaled", "size_within"]
