"""What the benches measure with: a guard, its detector, verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector
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
from deepguard.thresholds import Thresholds

PARTICIPANT = "caller"


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
