"""The detector that follows a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from deepguard.detectors.local import LocalDetector
from deepguard.detectors.scenario.config import ScenarioConfig
from deepguard.detectors.scenario.timeline import Line, Timeline
from deepguard.model import Judgement, Sample, SampleOutcome

MODEL = "script"


class ScenarioDetector(LocalDetector):
    """Gives each sample the verdict that the script has for its track at the moment it is submitted.

    The script's time begins with the first sample of the call. A sample that meets silence gets no answer, and expires.
    """

    name: ClassVar[str] = "scenario"
    label: ClassVar[str] = "Scenario (simulation)"
    simulated = True
    local = True

    def __init__(self, config: ScenarioConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the script.

        Args:
            config: The script and its delays.
            clock: Monotonic seconds, by which the script advances.
        """
        super().__init__()
        self._config = config
        self._timeline = Timeline(config)
        self._clock = clock
        self._began_at: float | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._silent: dict[str, Sample] = {}

    def submit(self, sample: Sample) -> None:
        """Hand over a sample; its picture or sound is not kept."""
        super().submit(replace(sample, data=b""))

    def take(self, sample: Sample) -> None:
        """Set the time of its answer, or of its end where the script is silent."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        line = self._timeline.at(sample.source, now - self._began_at)
        loop = asyncio.get_running_loop()
        if line.behaviour == "silence":
            self._silent[sample.id] = sample
            self._timers[sample.id] = loop.call_later(self._config.answer_timeout, self._expire, sample)
        else:
            self._timers[sample.id] = loop.call_later(self._config.delay, self._say, sample, line)

    def _say(self, sample: Sample, line: Line) -> None:
        del self._timers[sample.id]
        message = f"simulated: {line.message or f'the script says {line.behaviour}'}"
        self.answer(sample, Judgement(line.behaviour), message, model=MODEL, score=line.score)

    def _expire(self, sample: Sample) -> None:
        del self._timers[sample.id], self._silent[sample.id]
        reason = f"simulated: no answer within {self._config.answer_timeout:g} s"
        self.end(sample, SampleOutcome.EXPIRED, reason)

    async def close(self) -> None:
        """End at once what meets silence: there is nothing to wait for. Then wait as any detector."""
        for sample in self._silent.values():
            self._timers.pop(sample.id).cancel()
            self.end(sample, SampleOutcome.EXPIRED, "simulated: no answer until the call ended")
        self._silent.clear()
        await super().close()

    def release(self) -> None:
        """Cancel the timers of what is given up."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


__all__ = ["MODEL", "ScenarioDetector"]
