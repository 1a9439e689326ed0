"""Encoding of raw frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.model import SampleFormat

if TYPE_CHECKING:
    import numpy as np

MAX_PIXELS = 50_000_000
"""Larger pictures are refused: no camera sends them."""

MAX_EDGE = 16_383
"""The longest edge that WebP can hold; JPEG holds more, but no camera sends more."""


class _Layout(NamedTuple):
    """How a pixel format lies in memory: bytes a pixel, and Pillow's names for the picture and for the raw bytes."""

    depth: int
    mode: str
    raw: str


# Alpha is skipped rather than blended: a camera has none, and blending would change what the detector sees.
_LAYOUTS = {
    "RGB": _Layout(3, "RGB", "RGB"),
    "BGR": _Layout(3, "RGB", "BGR"),
    "RGBA": _Layout(4, "RGBX", "RGBX"),
    "RGBX": _Layout(4, "RGBX", "RGBX"),
    "BGRA": _Layout(4, "RGB", "BGRX"),
    "BGRX": _Layout(4, "RGB", "BGRX"),
    "ARGB": _Layout(4, "RGB", "XRGB"),
    "ABGR": _Layout(4, "RGB", "XBGR"),
    "L": _Layout(1, "L", "L"),
    "YCbCr": _Layout(3, "YCbCr", "YCbCr"),
}


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
        MediaError: The mode is unknown, the size is absurd, or the bytes are not as many as both ask for.
    """
    picture = _scaled(_open(image, size, mode), params.max_edge)
    buffer = BytesIO()
    if params.format == "webp":
        if picture.mode != "RGB":
            picture = picture.convert("RGB")
        picture.save(buffer, "WEBP", quality=params.quality)
    else:
        picture.save(buffer, "JPEG", quality=params.quality)
    return EncodedPicture(buffer.getvalue(), picture.width, picture.height, SampleFormat(params.format))


def _open(image: Any, size: tuple[int, int], mode: str) -> Image.Image:
    layout = _LAYOUTS.get(mode)
    if layout is None:
        raise MediaError(f"the pixel format {str(mode)[:20]!r} is unknown; known are {', '.join(_LAYOUTS)}")
    width, height = size
    if width < 1 or height < 1 or max(width, height) > MAX_EDGE or width * height > MAX_PIXELS:
        raise MediaError(
            f"a picture of {width}x{height} pixels is refused; it must have at least one pixel, at most "
            f"{MAX_PIXELS // 1_000_000} million, and no edge over {MAX_EDGE}"
        )
    view = memoryview(image)
    expected = width * height * layout.depth
    if view.nbytes != expected:
        raise MediaError(f"{width}x{height} pixels of {mode} are {expected} bytes, not {view.nbytes}")
    pixels: Any = view.cast("B") if view.c_contiguous else view.tobytes()
    return Image.frombuffer(layout.mode, (width, height), pixels, "raw", layout.raw, 0, 1)


def _scaled(picture: Image.Image, max_edge: int | None) -> Image.Image:
    longest = max(picture.size)
    if max_edge is None or longest <= max_edge:
        return picture
    factor = max_edge / longest
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    # A gap of 3 keeps the result next to that of filtering the whole picture, at a fraction of the time.
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


__all__ = ["MAX_EDGE", "MAX_PIXELS", "EncodedPicture", "encode_picture"]
