"""How good samples are of which only a keyframe and a few frames were decoded, beside samples of a whole stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from bench.lively import Planes, lively_picture
from bench.received import Likeness, ReceivedCall, likeness, mean_psnr
from bench.results import Row
from bench.senders import Answer, aiortc_calls
from deepguard.model import Source
from deepguard.pipeline.receive.counts import Fallback

CODECS = ("VP8", "H264")
BIT_RATES = (600_000, 1_200_000, 2_500_000)
RATES = (0.5,)
WARM_UP_SECONDS = 10.0
"""Samples of a stream's first seconds are left out: its encoder is still finding its way."""

BASELINE = "all decoded"
MOST_BELOW = 1.0
"""Decibels."""

Calls: TypeAlias = Callable[[Sequence[Answer]], AbstractAsyncContextManager[None]]
"""Opens one call each, all of them with the same picture."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two calls of the same camera: one of which only samples were decoded, and one of which everything was.

    Attributes:
        sampled: The samples of the first.
        whole: Those of the other.
        sampled_packets: How many packets a sample went on to be put together in the first.
        whole_packets: In the other.
        held_packets: How many packets of the first were dropped.
        fell_back: Whether all of the first one was decoded too, because samples were due so often.
    """

    sampled: list[Likeness]
    whole: list[Likeness]
    sampled_packets: float
    whole_packets: float
    held_packets: int
    fell_back: bool

    @property
    def below(self) -> float:
        """How far the first one's samples are below the other's: decibels; less than 0 when they are better."""
        return mean_psnr(self.whole) - mean_psnr(self.sampled)


async def compare(
    calls: Calls,
    frames: Sequence[Planes],
    fps: float,
    count: int,
    warm_up: float,
) -> Comparison:
    """Take samples of two calls of the same camera.

    Args:
        calls: Opens them.
        frames: What the camera shows.
        fps: Samples a second.
        count: How many samples.
        warm_up: Seconds whose samples are left out.
    """
    received = [ReceivedCall(fps), ReceivedCall(fps, decode_all=True)]
    async with calls([each.answer for each in received]):
        try:
            await asyncio.gather(*(each.begin() for each in received))
            skipped = round(warm_up * fps) + 1
            await asyncio.gather(*(each.detector.until(skipped) for each in received))
            before = [each.counts.packets_taken[Source.CAMERA] for each in received]
            await asyncio.gather(*(each.detector.until(skipped + count) for each in received))
            sampled_packets, whole_packets = (
                (each.counts.packets_taken[Source.CAMERA] - taken) / count
                for each, taken in zip(received, before, strict=True)
            )
        finally:
            await asyncio.gather(*(each.end() for each in received))
    sampled, whole = (
        [likeness(sample, frames) for sample in each.detector.samples[skipped : skipped + count]] for each in received
    )
    counts = received[0].counts
    held = counts.packets_held[Source.CAMERA]
    return Comparison(sampled, whole, sampled_packets, whole_packets, held, counts.fallbacks[Fallback.RATE] > 0)


def rows_of(name: str, found: Comparison) -> list[Row]:
    """What a comparison found.

    Args:
        name: Which sender, codec, bit rate, and how often.
    """
    return [
        Row(f"{name}: below the whole stream", found.below, "dB", BASELINE, mean_psnr(found.whole), MOST_BELOW),
        Row(f"{name}: packets a sample", found.sampled_packets, "packets", BASELINE, found.whole_packets),
    ]


def measure(
    *,
    codecs: Sequence[str] = CODECS,
    bit_rates: Sequence[int] = BIT_RATES,
    rates: Sequence[float] = RATES,
    samples: int = 6,
    warm_up: float = WARM_UP_SECONDS,
) -> list[Row]:
    """Decibels that samples of gated calls are below those of calls that are decoded as a whole, and packets of both.

    Args:
        codecs: Which.
        bit_rates: Of the sender: bits a second.
        rates: Samples a second.
        samples: How many.
        warm_up: Seconds whose samples are left out.
    """
    frames = lively_picture()
    rows: list[Row] = []
    for codec in codecs:
        for bits in bit_rates:
            for fps in rates:

                @asynccontextmanager
                async def calls(answers: Sequence[Answer], codec: str = codec, bits: int = bits) -> AsyncIterator[None]:
                    async with aiortc_calls(answers, frames, codec, bits):
                        yield

                found = asyncio.run(compare(calls, frames, fps, samples, warm_up))
                rows += rows_of(f"aiortc {codec}, {name_of(bits, fps)}", found)
    return rows


def name_of(bits: int, fps: float) -> str:
    """A bit rate, and how often samples are taken, in words."""
    return f"{bits / 1e6:g} Mbit/s, every {1 / fps:g} s"


def colours_apart(found: Comparison) -> tuple[float, ...]:
    """How far mean brightness, blue and red of the first call's samples are from the other's, frame by frame."""
    return tuple(
        fmean(each.colour[at] for each in found.sampled) - fmean(each.colour[at] for each in found.whole)
        for at in range(3)
    )


__all__ = ["Comparison", "colours_apart", "compare", "measure", "name_of", "rows_of"]
