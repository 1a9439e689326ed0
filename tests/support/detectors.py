"""A detector that answers as a test says, in process and at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector
from deepguard.guard.guard import Guard, OnJudged
from deepguard.guard.judge import TIME_LIMIT
from deepguard.guard.policy_counts import PolicyCounts
from deepguard.guard.shadows import ShadowSpec
from deepguard.model import (
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Notification,
    Sample,
    SampleEnded,
    SampleOutcome,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry
from deepguard.thresholds import Thresholds


class AnsweringDetector(Detector):
    """Judges each sample with what ``answer`` says; None leaves it open.

    Attributes:
        samples: What it was handed.
    """

    name = "answering"

    def __init__(self, answer: Callable[[Sample], Judgement | None] = lambda _sample: Judgement.CLEAR) -> None:
        super().__init__()
        self.samples: list[Sample] = []
        self._answer = answer

    async def open(self, call: Call) -> None:
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample: Sample) -> None:
        self.samples.append(sample)
        judgement = self._answer(sample)
        if judgement is not None:
            self.say(sample, judgement)

    def say(self, sample: Sample, judgement: Judgement) -> None:
        self.emit(
            Verdict(
                sample.participant_id,
                sample.track_id,
                sample.source,
                judgement,
                received_at=time.time(),
                detector=self.name,
                sample_id=sample.id,
                captured_at=sample.captured_at,
            )
        )
        self.emit(SampleEnded(sample.id, SampleOutcome.JUDGED))

    async def close(self) -> None:
        self.finish()


def new_guard(
    detector: Detector,
    *,
    video: VideoParams | None = None,
    audio: AudioParams | None = None,
    coverage: CoverageParams | None = None,
    host: PluginHost | None = None,
    notifications: list[Notification] | None = None,
    record: Callable[[Entry], None] | None = None,
    keep_pictures: bool = False,
    on_judged: OnJudged | None = None,
    thresholds: Thresholds | None = None,
    policy_seconds: float = TIME_LIMIT,
    shadows: Sequence[ShadowSpec] = (),
    policy_counts: PolicyCounts | None = None,
) -> Guard:
    """A guard around a detector, with the built-in policy."""
    told = notifications if notifications is not None else []
    return Guard(
        Call("call", time.time()),
        detector,
        video=video or VideoParams(),
        audio=audio or AudioParams(),
        coverage=coverage or CoverageParams(),
        thresholds=thresholds or Thresholds(),
        hooks=host or PluginHost(),
        record=record or (lambda entry: told.extend(entry.notifications)),
        keep_pictures=keep_pictures,
        on_judged=on_judged,
        policy_seconds=policy_seconds,
        shadows=shadows,
        policy_counts=policy_counts,
    )
