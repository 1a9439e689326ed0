"""The detector that runs in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from loguru import logger

from deepguard.detectors.embedded.finding import Finding, unreadable
from deepguard.detectors.local import LocalDetector
from deepguard.model import Call, DetectorHealth, HealthState, Sample, SampleOutcome

if TYPE_CHECKING:
    from deepguard.detectors.embedded.pictures import PictureAssessor

WINDOW = 2
"""Samples of one track that may wait; the newest displaces the oldest."""


class EmbeddedDetector(LocalDetector):
    """Measures what can be seen and heard, one sample at a time, in a thread. It does not assess deepfakes.

    Every verdict is ``unknown`` (``error`` for what cannot be read), and its message begins with what it does not do.
    """

    name: ClassVar[str] = "embedded"
    label: ClassVar[str] = "Built-in (advisory)"
    assesses_deepfakes = False
    local = True

    def __init__(self) -> None:
        """Begin without a call; nothing heavy is loaded yet."""
        super().__init__()
        self._waiting: deque[Sample] = deque()
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._broken = ""

    async def open(self, call: Call) -> None:
        """Begin to serve ``call``; what is heavy is loaded in the background."""
        await super().open(call)
        self._worker = asyncio.create_task(self._work(), name=f"deepguard-embedded-{call.id}")

    def take(self, sample: Sample) -> None:
        """Let it wait for its turn."""
        if self._broken:
            self.end(sample, SampleOutcome.DROPPED, self._broken)
            return
        track = [each for each in self._waiting if (each.participant_id, each.track_id) == _track(sample)]
        if len(track) >= WINDOW:
            self._waiting.remove(track[0])
            self.end(track[0], SampleOutcome.DROPPED, "displaced by a newer sample")
        self._waiting.append(sample)
        self._arrived.set()

    async def _work(self) -> None:
        try:
            pictures = await asyncio.to_thread(_load)
        except Exception as error:  # noqa: BLE001 - a broken library fails in many ways; the call goes on, blind
            logger.opt(exception=True).error("The embedded detector cannot work")
            why = f"OpenCV or its face finder could not be loaded ({type(error).__name__})"
            self._broken = f"the embedded detector cannot work: {why}"
            self.emit(DetectorHealth(HealthState.DOWN, f"{self._broken}; install opencv-python-headless>=4.11,<5"))
            while self._waiting:
                self.end(self._waiting.popleft(), SampleOutcome.DROPPED, self._broken)
            return
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                sample = self._waiting.popleft()
                finding = await asyncio.to_thread(_assess, pictures, sample)
                self.answer(
                    sample,
                    finding.judgement,
                    finding.message,
                    model=finding.model,
                    signals=finding.signals,
                    blind=finding.blind,
                )

    def release(self) -> None:
        """End the worker; what its thread is at comes to its own end, unheard."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()


def _track(sample: Sample) -> tuple[str, str]:
    return sample.participant_id, sample.track_id


def _load() -> PictureAssessor:
    from deepguard.detectors.embedded.pictures import PictureAssessor

    return PictureAssessor()


def _assess(pictures: PictureAssessor, sample: Sample) -> Finding:
    from deepguard.detectors.embedded.sound import assess_sound

    try:
        return assess_sound(sample) if sample.source.is_audio else pictures.assess(sample)
    except Exception as error:  # noqa: BLE001 - one odd sample must not end the judging of the others
        logger.opt(exception=True).error("The embedded detector failed on a sample")
        return unreadable(f"the detector failed ({type(error).__name__})")


__all__ = ["WINDOW", "EmbeddedDetector"]
