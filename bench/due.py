"""How long a due frame holds the event loop."""

from __future__ import annotations

import asyncio
import io
import time

from PIL import Image
from pipecat.frames.frames import Frame, InputImageRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bench.frames import SIZES, Sink, camera_frame
from bench.loop_probe import Hold, LoopProbe
from bench.results import Row
from bench.scene import PARTICIPANT, ClearDetector, new_guard
from bench.stats import percentile
from deepguard.config.models import VideoParams
from deepguard.pipeline.processor import DeepfakeGuardProcessor

INLINE = "encoding inline"
IDLE = "no frame"
FPS = 30
"""The fastest rate that can be configured."""
ANSWER_SECONDS = 30
TARGET_MS = 1.0


class InlineProcessor(FrameProcessor):
    """Encodes every picture before it passes it on, as the bot did that deepguard grew from."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputImageRawFrame):
            picture = Image.frombytes(frame.format or "RGB", frame.size, frame.image)
            picture.save(io.BytesIO(), "JPEG", quality=75)
        await self.push_frame(frame, direction)


class TimedProcessor:
    """A processor, and the CPU milliseconds that each frame took inside of it."""

    def __init__(self, processor: FrameProcessor, frame: Frame) -> None:
        self.inside: list[float] = []
        self._processor = processor
        self._frame = frame
        processor.link(Sink())

    async def process(self) -> None:
        began = time.thread_time_ns()
        await self._processor.process_frame(self._frame, FrameDirection.DOWNSTREAM)
        self.inside.append((time.thread_time_ns() - began) / 1e6)


def measure(*, frames: int = 500) -> list[Row]:
    """Show due frames to the guard and to the baseline, in turns, while a probe watches the loop.

    Args:
        frames: Due frames of each size.
    """
    return [row for size in SIZES for row in asyncio.run(_measure(size, frames))]


async def _measure(size: tuple[int, int], frames: int) -> list[Row]:
    judged = asyncio.Event()
    video = VideoParams(normal_fps=FPS, burst_fps=FPS)
    guard = new_guard(ClearDetector(), video=video, on_judged=lambda _verdict, _judged: judged.set())
    frame = camera_frame(*size)
    guarded = TimedProcessor(DeepfakeGuardProcessor(guard, participant_id=PARTICIPANT), frame)
    inline = TimedProcessor(InlineProcessor(), frame)

    async def until_judged() -> None:
        judged.clear()
        await guarded.process()
        async with asyncio.timeout(ANSWER_SECONDS):
            await judged.wait()

    guarded_holds: list[Hold] = []
    idle_holds: list[Hold] = []
    inline_holds: list[Hold] = []
    await guard.start()
    await until_judged()  # the first one starts the encoder's threads
    guarded.inside.clear()
    with LoopProbe() as probe:
        for _ in range(frames):
            await asyncio.sleep(1 / FPS)  # until another frame is due
            began = time.perf_counter()
            guarded_holds.append(await probe.watch(until_judged()))
            idle_holds.append(await probe.watch(asyncio.sleep(time.perf_counter() - began)))
            inline_holds.append(await probe.watch(inline.process()))
    await guard.stop()

    what = f"{size[0]}x{size[1]}:"
    held, idle_held, inline_held = map(_held, (guarded_holds, idle_holds, inline_holds))
    passed, idle_passed = [hold.passed for hold in guarded_holds], [hold.passed for hold in idle_holds]
    return [
        _row(f"{what} process_frame, CPU", 50, guarded.inside, INLINE, inline.inside),
        _row(f"{what} process_frame, CPU", 99, guarded.inside, INLINE, inline.inside, TARGET_MS),
        _row(f"{what} loop held", 50, held, INLINE, inline_held),
        _row(f"{what} loop held", 99, held, INLINE, inline_held, TARGET_MS),
        _row(f"{what} loop held", 99, held, IDLE, idle_held),
        Row(f"{what} left out, CPU stolen", _stolen_percent(guarded_holds), "%", IDLE, _stolen_percent(idle_holds)),
        _row(f"{what} by the clock", 50, passed, IDLE, idle_passed),
        _row(f"{what} by the clock", 99, passed, IDLE, idle_passed),
    ]


def _held(holds: list[Hold]) -> list[float]:
    # Where the host took CPU every time there is nothing better than all of them.
    return [hold.held for hold in holds if not hold.stolen] or [hold.held for hold in holds]


def _stolen_percent(holds: list[Hold]) -> float:
    return 100 * sum(hold.stolen for hold in holds) / len(holds)


def _row(
    what: str, percent: int, figures: list[float], baseline: str, baselines: list[float], target: float | None = None
) -> Row:
    figure, baseline_figure = percentile(figures, percent), percentile(baselines, percent)
    return Row(f"{what}, p{percent}", figure, "ms", baseline, baseline_figure, target)
