"""A camera's frames, and where they end."""

from __future__ import annotations

import numpy as np
from pipecat.frames.frames import Frame, UserImageRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bench.scene import PARTICIPANT

SIZES = ((1280, 720), (1920, 1080))


class Sink(FrameProcessor):
    """The end of a pipeline."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        pass


def camera_frame(width: int, height: int) -> UserImageRawFrame:
    """A frame as Pipecat's WebRTC transport pushes it: shades with a camera's noise, so that it compresses like one."""
    shades = np.add.outer(np.arange(height), np.arange(width)) // 8 % 200
    noise = np.random.default_rng(7).integers(0, 12, (height, width, 3))
    pixels = (shades[..., None] + noise).astype(np.uint8)
    frame = UserImageRawFrame(image=pixels.tobytes(), size=(width, height), format="RGB", user_id=PARTICIPANT)
    frame.transport_source = "camera"
    return frame
