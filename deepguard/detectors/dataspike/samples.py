"""Every sample of one call from its submission to its end, and the verdicts that end them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from deepguard.contracts import DetectorEvent
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.detectors.dataspike.counters import Counters
from deepguard.detectors.dataspike.window import Held, Window
from deepguard.detectors.dataspike.wire import Result
from deepguard.model import Sample, SampleEnded, SampleOutcome, Verdict


class OpenSamples:
    """Sees to it that each sample ends exactly once: judged, expired or dropped.

    Attributes:
        settled: Set while no sample is open.
    """

    def __init__(
        self, detector: str, config: DataspikeConfig, counters: Counters, emit: Callable[[DetectorEvent], None]
    ) -> None:
        """Start with none.

        Args:
            detector: The name that verdicts carry.
            config: Size of the window, and how long a sample may wait.
            counters: Where to count.
            emit: Where verdicts and ends go.
        """
        self._detector = detector
        self._lifetime = config.answer_timeout
        self._counters = counters
        self._emit = emit
        self._window = Window(config.window, config.answer_timeout)
        self._sendable = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.settled = asyncio.Event()
        self.settled.set()

    @property
    def in_flight(self) -> int:
        """Samples that an answer is awaited for."""
        return self._window.in_flight

    def submit(self, sample: Sample) -> None:
        """Take a sample in; the newest displaces the oldest unsent one of its track."""
        self._counters.submitted += 1
        self.settled.clear()
        self._end(self._window.add(sample, time.monotonic()))
        self._sendable.set()
        self._schedule()

    def reject(self, sample: Sample, reason: str) -> None:
        """End a sample that nothing can be done for."""
        self._counters.submitted += 1
        self._end([SampleEnded(sample.id, SampleOutcome.DROPPED, reason)])

    async def next(self) -> Held:
        """Wait for the next sample to send; it is in flight from then on."""
        while (held := self._window.take()) is None:
            self._sendable.clear()
            await self._sendable.wait()
        return held

    def discard(self, held: Held, reason: str) -> None:
        """End a sample in flight that cannot be sent, if it has not ended yet."""
        if self._window.discard(held):
            self._end([held.end(reason)])

    def recall(self) -> None:
        """The connection is gone: send again what was in flight."""
        self._window.recall()

    def end_all(self, reason: str) -> None:
        """End every sample without a verdict."""
        self._end(self._window.end_all(reason))
        self._schedule()

    def take_result(self, result: Result) -> bool:
        """Pass on what the service said, and end the sample that it answers.

        Returns:
            False when nobody asked for it and it was ignored.
        """
        sample = self._window.answer(result.participant_id, result.track_id)
        if sample is not None:
            source = sample.source
        else:
            source = self._window.allow_unsolicited(result.participant_id, result.track_id, time.monotonic())
            if source is None:
                self._counters.ignored += 1
                return False
            self._counters.unsolicited += 1
        self._emit(
            Verdict(
                participant_id=result.participant_id,
                track_id=result.track_id,
                source=source,
                judgement=result.judgement,
                received_at=time.time(),
                detector=self._detector,
                message=result.message,
                sample_id=sample.id if sample else None,
                captured_at=sample.captured_at if sample else None,
            )
        )
        if sample is not None:
            self._end([SampleEnded(sample.id, SampleOutcome.JUDGED)])
        return True

    def _end(self, ends: list[SampleEnded]) -> None:
        for end in ends:
            self._counters.count_end(end.outcome)
            self._emit(end)
        if ends:
            self._sendable.set()
        if not self._window:
            self.settled.set()

    def _expire(self) -> None:
        self._timer = None
        limit = f"{self._lifetime:g} s"
        self._end(self._window.expire(time.monotonic(), f"not sent within {limit}", f"no answer within {limit}"))
        self._schedule()

    def _schedule(self) -> None:
        deadline = self._window.next_deadline()
        if deadline is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            # Deadlines only grow, so a timer that is there is never late; one that is early looks again.
            self._timer = asyncio.get_running_loop().call_later(max(0.0, deadline - time.monotonic()), self._expire)


__all__ = ["OpenSamples"]
