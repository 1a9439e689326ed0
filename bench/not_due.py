"""What a frame that is not due costs in the processor."""

from __future__ import annotations

import asyncio
from functools import partial
from statistics import median

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bench.frames import SIZES, Sink, camera_frame
from bench.results import Row
from bench.scene import PARTICIPANT, ClearDetector, new_guard
from bench.stats import async_cpu_us
from deepguard.config.models import VideoParams
from deepguard.pipeline.processor import DeepfakeGuardProcessor

BASELINE = "only passing on"


class PassingProcessor(FrameProcessor):
    """What any processor of a Pipecat pipeline does at the least."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


def measure(*, rounds: int = 60, frames: int = 1000) -> list[Row]:
    """CPU time a frame, guarded and not, in turns.

    Args:
        rounds: How often each has its turn.
        frames: Frames a turn.
    """
    return [row for size in SIZES for row in asyncio.run(_measure(size, rounds, frames))]


async def _measure(size: tuple[int, int], rounds: int, frames: int) -> list[Row]:
    judged = asyncio.Event()
    # The slowest rate: after the first frame none is due for as long as this takes.
    guard = new_guard(
        ClearDetector(), video=VideoParams(normal_fps=0.0001), on_judged=lambda _verdict, _judged: judged.set()
    )
    guarded, passing = DeepfakeGuardProcessor(guard, participant_id=PARTICIPANT), PassingProcessor()
    guarded.link(Sink())
    passing.link(Sink())
    frame = camera_frame(*size)
    await guard.start()
    await guarded.process_frame(frame, FrameDirection.DOWNSTREAM)
    await judged.wait()
    costs: dict[FrameProcessor, list[float]] = {guarded: [], passing: []}
    for number in range(rounds):
        for processor in (guarded, passing) if number % 2 else (passing, guarded):
            action = partial(processor.process_frame, frame, FrameDirection.DOWNSTREAM)
            costs[processor].append(await async_cpu_us(action, frames))
        await asyncio.sleep(0)
    await guard.stop()
    added = median(with_guard - without for with_guard, without in zip(costs[guarded], costs[passing], strict=True))
    whole, baseline = median(costs[guarded]), median(costs[passing])
    what = f"{size[0]}x{size[1]}: CPU"
    return [
        Row(f"{what} added", added, "µs", BASELINE, baseline, target=5.0),
        Row(f"{what} in all", whole, "µs", BASELINE, baseline),
    ]
