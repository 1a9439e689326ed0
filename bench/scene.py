"""What the benches measure with: a guard, its detector, processors, pictures."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from pipecat.frames.frames import Frame, UserImageRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector, Thresholds
from deepguard.guard.guard import Guard, OnJudged
from deepguard.model import (
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleOutcome,
    Source,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry

PARTICIPANT = "caller"
SIZES = ((1280, 720), (1920, 1080))


class ClearDetector(Detector):
    """Finds every sample clear, at once."""

    name = "bench"

    async def open(self, call: Call) -> None:
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample: Sample) -> None:
        self.emit(camera_verdict(Judgement.CLEAR, sample.track_id, sample.id))
        self.emit(SampleEnded(sample.id, SampleOutcome.JUDGED))

    async def close(self) -> None:
        self.finish()


class Sink(FrameProcessor):
    """The end of a pipeline."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        pass


def camera_verdict(
    judgement: Judgement, track_id: str = "track", sample_id: str | None = None, *, participant: str = PARTICIPANT
) -> Verdict:
    return Verdict(
        participant, track_id, Source.CAMERA, judgement, received_at=time.time(), detector="bench", sample_id=sample_id
    )


def new_guard(
    detector: Detector,
    *,
    call_id: str = "bench",
    video: VideoParams | None = None,
    hooks: PluginHost | None = None,
    record: Callable[[Entry], None] = lambda _entry: None,
    on_judged: OnJudged | None = None,
) -> Guard:
    """A guard as a call has it, with the built-in policy."""
    return Guard(
        Call(call_id, time.time()),
        detector,
        video=video or VideoParams(),
        audio=AudioParams(),
        coverage=CoverageParams(),
        thresholds=Thresholds(),
        hooks=hooks or PluginHost(),
        record=record,
        on_judged=on_judged,
    )


def camera_frame(width: int, height: int) -> UserImageRawFrame:
    """A frame as Pipecat's WebRTC transport pushes it: shades with a camera's noise, so that it compresses like one."""
    shades = np.add.outer(np.arange(height), np.arange(width)) // 8 % 200
    noise = np.random.default_rng(7).integers(0, 12, (height, width, 3))
    pixels = (shades[..., None] + noise).astype(np.uint8)
    frame = UserImageRawFrame(image=pixels.tobytes(), size=(width, height), format="RGB", user_id=PARTICIPANT)
    frame.transport_source = "camera"
    return frame
