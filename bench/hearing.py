"""What it costs to hear a microphone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from aiortc.codecs import CODECS, get_decoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame, AudioResampler
from loguru import logger
from numpy.typing import NDArray
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from bench.results import Row
from deepguard.density.media import encode_sound
from deepguard.density.speech import RATE, synthesise_speech
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.hearing import Batch, Ear, hear_all

PIPELINE = "VADProcessor"
ANALYZER = "SileroVADAnalyzer"
BATCH = 10
"""Packets: 200 milliseconds."""
AT_ONCE = 8
"""Microphones that are heard together."""

TARGET_KIB = 200.0

# Prints the KiB that each of many takes, the first one not among them: that loads what all share.
MEMORY = """
import sys
from pathlib import Path
from loguru import logger
from bench.hearing import {maker} as make
logger.remove()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * {page} / 1024
number = int(sys.argv[1])
kept = [make()]
before = resident()
kept += [make() for _ in range(number)]
print((resident() - before) / number)
"""


class Last(FrameProcessor):
    """The end of a pipeline: tells when the pipeline has started, and when a frame has come through."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, (StartFrame, InputAudioRawFrame)):
            self.came.set()


def measure(*, rounds: int = 7, seconds: float = 10, ears: int = 100) -> list[Row]:
    """Hear a voice, and a muted microphone, in both ways in turns; then count what many of both take.

    Args:
        rounds: How often each has its turn.
        seconds: How long it is heard each time.
        ears: How many there are when their memory is measured; of the baseline a tenth.
    """
    voice = _packets_of(synthesise_speech(seconds))
    rows = [
        _measure_cpu("a voice", voice, rounds),
        _measure_cpu(f"each of {AT_ONCE} voices", voice, rounds, AT_ONCE),
        _measure_cpu("muted", _muted(seconds), rounds),
    ]
    if not Path("/proc/self/statm").exists():
        logger.warning("Memory is left out: only Linux tells how much of it is resident")
        return rows
    analyzer = _kib("analyzer_at_work", max(1, ears // 10))
    return [
        *rows,
        Row("a new ear: memory", _kib("Ear", ears), "KiB", ANALYZER, analyzer, TARGET_KIB),
        Row("an ear that hears: memory", _kib("ear_at_work", ears), "KiB", ANALYZER, analyzer, TARGET_KIB),
        Row("an ear that rests: memory", _kib("ear_at_rest", ears), "KiB", ANALYZER, analyzer, TARGET_KIB),
    ]


def ear_at_work() -> Ear:
    """An ear that has heard a second of a voice."""
    ear, packets = Ear(), _second()
    for at in range(0, len(packets), BATCH):
        ear.hear(packets[at : at + BATCH], 0.02 * at)
    return ear


def ear_at_rest() -> Ear:
    """An ear that has heard a voice, and then nothing for a while."""
    ear = ear_at_work()
    ear.hear([], 60)
    return ear


def analyzer_at_work() -> SileroVADAnalyzer:
    """Pipecat's analyzer after one window; its decoder and resampler are others', and not counted."""
    analyzer = SileroVADAnalyzer(sample_rate=16_000)
    analyzer.set_sample_rate(16_000)
    asyncio.run(analyzer.analyze_audio(bytes(1024)))
    return analyzer


def _muted(seconds: float) -> list[EncodedFrame]:
    """Silence, encoded by what has just encoded a voice.

    An encoder's first silence holds a little noise of its own, and so does that after a voice that breaks off loud.
    """
    spoken = synthesise_speech(0.5)
    return _packets_of(np.concatenate([spoken, np.zeros(round(RATE * seconds), np.int16)]))[25:]


@cache
def _second() -> list[EncodedFrame]:
    return _packets_of(synthesise_speech(1))


def _packets_of(samples: NDArray[np.int16]) -> list[EncodedFrame]:
    step = RATE // 50
    return [EncodedFrame(CODECS["audio"][0], data, at * step) for at, data in enumerate(encode_sound(samples).packets)]


def _measure_cpu(what: str, packets: list[EncodedFrame], rounds: int, at_once: int = 1) -> Row:
    heard: list[float] = []
    piped: list[float] = []
    _hear(packets[: 2 * BATCH])
    for _ in range(rounds):
        heard.append(_hear(packets, at_once))
        piped.append(asyncio.run(_pipe(packets)))
    # The least: what else the machine does only ever adds to it.
    return Row(f"{what}: CPU of a second, min", min(heard), "ms", PIPELINE, min(piped))


def _hear(packets: Sequence[EncodedFrame], at_once: int = 1) -> float:
    """Milliseconds of CPU for a second in an ear, of so many that hear at once."""
    ears = [Ear() for _ in range(at_once)]
    began = time.process_time()
    for at in range(0, len(packets), BATCH):
        heard = hear_all([Batch(ear, packets[at : at + BATCH], 0.02 * at) for ear in ears])
        if failed := [each for each in heard if isinstance(each, Exception)]:
            raise failed[0]
    return _per_second(began, packets) / at_once


async def _pipe(packets: Sequence[EncodedFrame]) -> float:
    """Milliseconds of CPU for a second in a pipeline, decoded and resampled as on the way into it."""
    last = Last()
    worker = PipelineWorker(
        Pipeline([VADProcessor(vad_analyzer=SileroVADAnalyzer()), last]),
        params=PipelineParams(),
        idle_timeout_secs=None,
        enable_turn_tracking=False,
    )
    runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await last.came.wait()
    decoder, resampler = get_decoder(packets[0].codec), AudioResampler("s16", "mono", 16_000)
    began = time.process_time()
    for packet in packets:
        for frame in decoder.decode(JitterFrame(packet.data, packet.timestamp)):
            assert isinstance(frame, AudioFrame)
            for out in resampler.resample(frame):
                last.came.clear()
                pcm = out.to_ndarray().astype(np.int16).tobytes()
                await worker.queue_frame(InputAudioRawFrame(audio=pcm, sample_rate=16_000, num_channels=1))
                await last.came.wait()
    cost = _per_second(began, packets)
    await worker.queue_frame(EndFrame())
    await running
    return cost


def _per_second(began: float, packets: Sequence[EncodedFrame]) -> float:
    return (time.process_time() - began) * 1000 / (0.02 * len(packets))


def _kib(maker: str, number: int) -> float:
    """Resident memory of one of many, in a process of their own."""
    import resource

    code = MEMORY.format(maker=maker, page=resource.getpagesize())
    done = subprocess.run([sys.executable, "-c", code, str(number)], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)
