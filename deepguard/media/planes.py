"""Encoding of decoded video frames from their planes of luma and chroma, not by way of red, green and blue.

A JPEG holds luma, and chroma at half the size, and so does what the decoders of WebRTC give: little more than range
stands between the two. OpenCV scales and converts the planes in less time than swscale, which PyAV's ``reformat``
calls, and without touching the frame, whose colour tags ``reformat`` changes while it works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.media.colours import Colours, Planes, colours_of, enlarged
from deepguard.media.encode import EncodedPicture, encode_pixels, scaled, size_within
from deepguard.media.raw import refuse_absurd
from deepguard.media.thumbnail import thumbnail_size
from deepguard.model import SampleFormat

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray

_LIMITED, _FULL = 1, 2
"""FFmpeg's numbers of ranges (AVColorRange)."""

_BT601 = 5
"""FFmpeg's number of that colour space, and swscale's."""

_READ_AS_THEY_ARE = frozenset({"gray", "nv12", "yuv420p", "yuvj420p"})


def encode_frame(frame: VideoFrame, params: VideoParams) -> EncodedPicture:
    """Scale a decoded frame down where asked for, and encode it. Blocks; may be called from any thread.

    The colours are those that the frame's tags say: range and colour space. A frame without tags is BT.601, and in
    limited range unless its pixel format says otherwise.

    Args:
        frame: In any pixel format; not changed, and must not change during the call.
        params: Format, quality and longest edge.

    Raises:
        MediaError: The size is absurd, the pixel format cannot be read, or the picture cannot be encoded.
    """
    planes, colours = _open(frame)
    size = size_within((frame.width, frame.height), params.max_edge)
    planes = colours.of_jpeg(_scaled(planes, size, _half(size)))
    if params.format == "jpeg" and planes.blue is not None:
        return _encode_jpeg(planes, params.quality)
    return encode_pixels(_to_bgr(planes), params)


def thumbnail_of_planes(frame: VideoFrame) -> NDArray[np.uint8]:
    """The grey thumbnail of a decoded frame. May be called from any thread; costs little beside encoding it.

    It is the one that ``thumbnail_of_frame`` makes of the same frame's red, green and blue.

    Args:
        frame: As ``encode_frame`` takes it.

    Raises:
        MediaError: As ``encode_frame``.
    """
    planes, colours = _open(frame)
    size = thumbnail_size((frame.width, frame.height))
    # Made small first: that leaves next to nothing to convert. By way of blue, green and red here, because luma alone
    # tells too much where a colour is brighter than can be shown.
    small = _to_bgr(colours.of_jpeg(_scaled(planes, size, size)))
    return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _open(frame: VideoFrame) -> tuple[Planes, Colours]:
    """A frame's planes, without copying them where that can be, and what their numbers mean."""
    refuse_absurd((frame.width, frame.height))
    if frame.format.name not in _READ_AS_THEY_ARE:
        frame = _reformatted(frame)
    name, value_range = frame.format.name, int(frame.color_range)
    # What has a pixel format of its own for full range is in it, and so is grey that says nothing.
    limited = value_range == _LIMITED if name == "gray" else value_range != _FULL and name != "yuvj420p"
    colours = colours_of(int(frame.colorspace), limited=limited)
    luma, *chroma = map(_rows, frame.planes)
    size = (frame.width, frame.height)
    half, luma = _half(size), _cut(luma, size)
    if name == "gray":
        return Planes(luma), colours
    if name == "nv12":
        both = _cut(chroma[0], (2 * half[0], half[1])).reshape(half[1], half[0], 2)
        blue, red = cv2.split(both)
        return Planes(luma, np.asarray(blue, np.uint8), np.asarray(red, np.uint8)), colours
    return Planes(luma, _cut(chroma[0], half), _cut(chroma[1], half)), colours


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    # A negative length of lines means that the last one lies first in memory.
    return rows if plane.line_size > 0 else np.ascontiguousarray(rows[::-1])


def _cut(rows: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Rows without what stands behind the picture's last column and row."""
    return rows[: size[1], : size[0]]


def _reformatted(frame: VideoFrame) -> VideoFrame:
    """A frame of another pixel format in the one of ours that comes nearest."""
    from av.error import FFmpegError
    from av.video.reformatter import VideoReformatter

    found = frame.format
    if any(component.bits > 16 for component in found.components):
        # Swscale ends the whole process over some of these.
        raise MediaError(f"a picture of more than 16 bits a sample, {found.name}, cannot be read")
    # Not the frame's own reformatter, which is for one thread at a time, and no threads beside this one.
    reformat = VideoReformatter().reformat
    try:
        if 0 < len(found.components) < 3 and not found.has_palette:
            return reformat(frame, format="gray", threads=1)
        if found.components and not found.is_rgb and not found.has_palette:
            # Range and colour space stay, whatever they are.
            return reformat(frame, format="yuvj420p" if found.name.startswith("yuvj") else "yuv420p", threads=1)
        return reformat(frame, format="yuvj420p", dst_colorspace=_BT601, dst_color_range=_FULL, threads=1)
    except (FFmpegError, ValueError) as error:
        raise MediaError(f"a picture in the pixel format {found.name} cannot be read: {error}") from error


def _half(size: tuple[int, int]) -> tuple[int, int]:
    """The width and height of chroma."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def _scaled(planes: Planes, size: tuple[int, int], of_chroma: tuple[int, int]) -> Planes:
    luma, blue, red = planes
    if blue is None or red is None:
        return Planes(scaled(luma, size))
    return Planes(scaled(luma, size), scaled(blue, of_chroma), scaled(red, of_chroma))


def _encode_jpeg(planes: Planes, quality: int) -> EncodedPicture:
    from simplejpeg import encode_jpeg_yuv_planes

    height, width = planes.luma.shape
    luma = planes.luma
    if height % 2 or width % 2:
        # It reads luma up to where chroma ends, in whatever memory lies there.
        luma = cv2.copyMakeBorder(luma, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)[:height, :width]
    try:
        data = encode_jpeg_yuv_planes(luma, planes.blue, planes.red, quality=quality)
    except ValueError as error:
        raise MediaError(f"a picture of {width}x{height} pixels could not be encoded as jpeg: {error}") from error
    return EncodedPicture(data, width, height, SampleFormat.JPEG)


def _to_bgr(planes: Planes) -> np.ndarray:
    luma, blue, red = planes
    if blue is None or red is None:
        return luma
    return cv2.cvtColor(cv2.merge([luma, enlarged(red, luma), enlarged(blue, luma)]), cv2.COLOR_YCrCb2BGR)


__all__ = ["encode_frame", "thumbnail_of_planes"]
