"""What detectors share that answer in this process rather than over a network."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress

from deepguard.contracts import Detector
from deepguard.model import (
    NO_SIGNALS,
    BlindReason,
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleOutcome,
    Signal,
    Verdict,
)

CLOSE_SECONDS = 2.0
"""How long ``close`` waits for answers that are on their way."""


class LocalDetector(Detector):
    """Keeps account of the samples it was handed, so that each ends exactly once.

    A subclass implements ``take``, and ends each sample that was taken with ``answer`` or ``end``.
    """

    def __init__(self) -> None:
        """Begin without a call."""
        super().__init__()
        self._outstanding: dict[str, Sample] = {}
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._serving = False
        self._closing: asyncio.Future[None] | None = None

    async def open(self, call: Call) -> None:
        """Begin to serve ``call``."""
        self._serving = True
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample: Sample) -> None:
        """Hand over a sample; outside of ``open`` and ``close`` it ends as dropped."""
        if not self._serving:
            self.emit(SampleEnded(sample.id, SampleOutcome.DROPPED, "the detector is not open"))
            return
        self._outstanding[sample.id] = sample
        self._all_ended.clear()
        self.take(sample)

    @abstractmethod
    def take(self, sample: Sample) -> None:
        """See to it that ``sample`` will be answered or ended. Never blocks, never raises."""

    def answer(
        self,
        sample: Sample,
        judgement: Judgement,
        message: str,
        *,
        model: str = "",
        score: float | None = None,
        signals: Mapping[str, Signal] = NO_SIGNALS,
        blind: BlindReason | None = None,
    ) -> None:
        """Emit the verdict on a sample and end it as judged; nothing happens when it has ended before.

        Args:
            sample: Which one.
            judgement: What is said of it.
            message: For people.
            model: Model and version.
            score: 0 (genuine) to 1 (fake).
            signals: What was measured.
            blind: Why it could not be watched.
        """
        if sample.id not in self._outstanding:
            return
        self.emit(
            Verdict(
                participant_id=sample.participant_id,
                track_id=sample.track_id,
                source=sample.source,
                judgement=judgement,
                received_at=time.time(),
                detector=self.name,
                model=model,
                score=score,
                message=message,
                sample_id=sample.id,
                captured_at=sample.captured_at,
                signals=signals,
                blind=blind,
            )
        )
        self.end(sample, SampleOutcome.JUDGED)

    def end(self, sample: Sample, outcome: SampleOutcome, reason: str = "") -> None:
        """End a sample; nothing happens when it has ended before.

        Args:
            sample: Which one.
            outcome: How it ended.
            reason: For people: why it was dropped or expired.
        """
        if self._outstanding.pop(sample.id, None) is None:
            return
        self.emit(SampleEnded(sample.id, outcome, reason))
        if not self._outstanding:
            self._all_ended.set()

    async def close(self) -> None:
        """Wait for the answers on their way, two seconds at most; the rest expires. Safe twice."""
        if self._closing is not None:
            await asyncio.shield(self._closing)
            return
        self._serving = False
        self._closing = asyncio.get_running_loop().create_future()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._all_ended.wait()
        finally:
            self.release()
            for sample in list(self._outstanding.values()):
                self.end(sample, SampleOutcome.EXPIRED, "the call ended before an answer")
            self.finish()
            self._closing.set_result(None)

    def release(self) -> None:
        """Give back what the detector holds: tasks, timers. Called once, when no more answers are waited for."""


__all__ = ["CLOSE_SECONDS", "LocalDetector"]
