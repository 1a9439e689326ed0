"""What a decoded frame costs until it is a sample: from its planes, and by way of RGB."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from bench.frames import SIZES, camera_frame
from bench.results import Row
from deepguard.config.models import VideoParams
from deepguard.media.encode import encode_picture
from deepguard.media.planes import encode_frame, thumbnail_of_planes
from deepguard.media.thumbnail import thumbnail_of_frame

BASELINE = "RGB, then JPEG"
EDGE = 640


def measure(*, rounds: int = 30, frames: int = 5) -> list[Row]:
    """CPU time of a frame as JPEG, alone, scaled down, and with the thumbnail that is made of each due frame.

    Args:
        rounds: How often each has its turn.
        frames: Frames a turn.
    """
    return [row for size in SIZES for row in _measure(size, rounds, frames)]


def _measure(size: tuple[int, int], rounds: int, frames: int) -> list[Row]:
    full, small = VideoParams(), VideoParams(max_edge=EDGE)
    frame, other = (_decoded(size, space) for space in (Colorspace.ITU601, Colorspace.ITU709))
    both: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "JPEG": (partial(encode_frame, frame, full), partial(_by_way_of_rgb, frame, full)),
        "JPEG of BT.709": (partial(encode_frame, other, full), partial(_by_way_of_rgb, other, full)),
        f"JPEG within {EDGE}": (partial(encode_frame, frame, small), partial(_by_way_of_rgb, frame, small)),
        "JPEG and thumbnail": (
            lambda: (thumbnail_of_planes(frame), encode_frame(frame, full)),
            partial(_by_way_of_rgb, frame, full, thumbnail=True),
        ),
    }
    costs: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in both}
    for _ in range(rounds):
        for name, actions in both.items():
            for action, cost in zip(actions, costs[name], strict=True):
                cost.append(_cpu_ms(action, frames))
    return [
        Row(f"{size[0]}x{size[1]}: {name}, CPU", median(ours), "ms", BASELINE, median(theirs))
        for name, (ours, theirs) in costs.items()
    ]


def _decoded(size: tuple[int, int], space: Colorspace) -> VideoFrame:
    pixels = np.frombuffer(camera_frame(*size).image, np.uint8).reshape(size[1], size[0], 3)
    frame = VideoFrame.from_ndarray(pixels, "rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=ColorRange.MPEG)


def _by_way_of_rgb(frame: VideoFrame, params: VideoParams, *, thumbnail: bool = False) -> None:
    """As Pipecat's WebRTC transport makes bytes of a frame, and the guard a sample of the bytes."""
    size = frame.width, frame.height
    image = cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2RGB_I420).tobytes()
    if thumbnail:
        thumbnail_of_frame(image, size, "RGB")
    encode_picture(image, size, "RGB", params)


def _cpu_ms(action: Callable[[], object], times: int) -> float:
    """CPU milliseconds a call, of the whole process: OpenCV shares work with threads of its own."""
    began = time.process_time_ns()
    for _ in range(times):
        action()
    return (time.process_time_ns() - began) / times / 1e6
