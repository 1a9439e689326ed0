"""A detector that says what a test lets it say, when the test lets it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar

from deepguard.contracts import Detector, DetectorEvent
from deepguard.model import (
    BlindReason,
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleFormat,
    SampleOutcome,
    Verdict,
)


class Puppet(Detector):
    """Holds every sample until it is told to end it; ends the rest when it is closed.

    Attributes:
        samples: Those that it was handed, in order.
        closes: How often it was closed.
        refuses: What ``open`` raises.
        opens: Set when ``open`` may go on.
        fault: Raised by the stream of events once ``break_off`` was called.
    """

    name: ClassVar[str] = "puppet"

    def __init__(
        self,
        *,
        formats: frozenset[SampleFormat] = frozenset(SampleFormat),
        assesses: bool = True,
        simulated: bool = False,
        local: bool = True,
    ) -> None:
        super().__init__()
        self.formats, self.assesses_deepfakes, self.simulated, self.local = formats, assesses, simulated, local
        self.samples: list[Sample] = []
        self.handed = asyncio.Event()
        self.closes = 0
        self.refuses: Exception | None = None
        self.opens = asyncio.Event()
        self.opens.set()
        self.fault: BaseException | None = None
        self.held: dict[str, Sample] = {}

    async def open(self, call: Call) -> None:
        await self.opens.wait()
        if self.refuses is not None:
            raise self.refuses
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample: Sample) -> None:
        self.samples.append(sample)
        self.held[sample.id] = sample
        self.handed.set()

    def say(self, sample: Sample, judgement: Judgement = Judgement.CLEAR, blind: BlindReason | None = None) -> None:
        """Give a verdict on a sample, and end it as judged."""
        self.emit(verdict_on(sample, judgement, blind))
        self.end(sample.id, SampleOutcome.JUDGED)

    def end(self, sample_id: str, outcome: SampleOutcome, reason: str = "") -> None:
        """End a sample, whether it has it or not."""
        self.held.pop(sample_id, None)
        self.emit(SampleEnded(sample_id, outcome, reason))

    def break_off(self, fault: BaseException | None = None) -> None:
        """End the stream of events before the call's end, with or without an error."""
        self.fault = fault
        self.finish()

    async def events(self) -> AsyncIterator[DetectorEvent]:
        async for event in super().events():
            yield event
        if self.fault is not None:
            raise self.fault

    async def close(self) -> None:
        self.closes += 1
        for sample_id in list(self.held):
            self.end(sample_id, SampleOutcome.EXPIRED, "closed")
        self.finish()


def verdict_on(sample: Sample, judgement: Judgement, blind: BlindReason | None = None) -> Verdict:
    """A verdict of a puppet."""
    return Verdict(
        sample.participant_id,
        sample.track_id,
        sample.source,
        judgement,
        received_at=time.time(),
        detector="puppet",
        sample_id=sample.id,
        captured_at=sample.captured_at,
        blind=blind,
    )
