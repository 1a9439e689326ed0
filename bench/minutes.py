"""`python -m bench minutes`: what Chromium does while a call takes next to nothing of its camera."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from loguru import logger
from rich.console import Console
from rich.table import Table

from bench.lively import Planes, lively_picture, write_y4m
from bench.received import ReceivedCall, likeness
from bench.senders import Chromium, chromium
from deepguard.model import Source
from deepguard.pipeline.receive.counts import ReceiveLevel

COLUMNS = (
    "s",
    "size",
    "fps",
    "QP",
    "keyframes",
    "PLI",
    "kbit/s",
    "target",
    "limited by",
    "sent again",
    "lost",
    "fraction",
    "RTT ms",
    "available",
    "samples",
    "PSNR",
    "taken",
    "held",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What sender and receiver had counted at a moment."""

    at: float
    statistics: dict[str, dict[str, Any]]
    samples: int
    taken: int
    held: int


def minutes(
    codec: Annotated[str, typer.Option(help="VP8 or H264.")] = "VP8",
    seconds: Annotated[int, typer.Option(min=5, help="How long the call lasts.")] = 240,
    every: Annotated[float, typer.Option(min=1, help="Seconds from one row to the next.")] = 20.0,
    fps: Annotated[float, typer.Option(help="Samples a second.")] = 0.2,
    level: Annotated[
        ReceiveLevel, typer.Option(help="Where packets are dropped at the earliest; decoded: as aiortc receives.")
    ] = ReceiveLevel.KERNEL,
) -> None:
    """Have Chromium send to a call that lets little through, and tell what it believes of its path."""
    logger.remove()
    console = Console(width=190)
    frames = lively_picture()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.y4m")
        write_y4m(frames, picture)
        moments, call = asyncio.run(_watch(picture, codec, seconds, every, fps, level))
    console.print(_table(f"Chromium, {codec}, {fps:g} samples a second, {level}", moments, call, frames))


async def _watch(
    picture: Path, codec: str, seconds: float, every: float, fps: float, level: ReceiveLevel
) -> tuple[list[Moment], ReceivedCall]:
    call = ReceivedCall(fps, most=level)
    async with chromium(picture) as page:
        await page.call(call.answer, codec)
        await call.begin()
        began = time.monotonic()
        moments = [await _moment(page, call, began)]
        try:
            while (passed := time.monotonic() - began) < seconds:
                # The first seconds are seen closer: there the sender finds its rate.
                due = passed + 2 if passed < min(10, every) else every * (passed // every + 1)
                await asyncio.sleep(due - passed)
                moments.append(await _moment(page, call, began))
        finally:
            await call.end()
    return moments, call


async def _moment(page: Chromium, call: ReceivedCall, began: float) -> Moment:
    return Moment(
        time.monotonic() - began,
        await page.statistics(),
        len(call.detector.samples),
        call.counts.packets_taken[Source.CAMERA],
        call.counts.packets_held[Source.CAMERA],
    )


def _table(title: str, moments: list[Moment], call: ReceivedCall, frames: list[Planes]) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold")
    for column in COLUMNS:
        shown.add_column(column, justify="right", no_wrap=True)
    for before, now in pairwise(moments):
        shown.add_row(*_row(before, now, call, frames))
    return shown


def _row(before: Moment, now: Moment, call: ReceivedCall, frames: list[Planes]) -> tuple[str, ...]:
    sent, earlier = (each.statistics.get("outbound-rtp", {}) for each in (now, before))
    remote = now.statistics.get("remote-inbound-rtp", {})
    pair = now.statistics.get("candidate-pair", {})
    passed = now.at - before.at

    def more(name: str) -> float:
        return sent.get(name, 0) - earlier.get(name, 0)

    likenesses = [likeness(sample, frames) for sample in call.detector.samples[before.samples : now.samples]]
    return (
        f"{now.at:.0f}",
        f"{sent.get('frameWidth', 0)}x{sent.get('frameHeight', 0)}",
        f"{more('framesEncoded') / passed:.1f}",
        f"{more('qpSum') / max(1, more('framesEncoded')):.0f}",
        f"{more('keyFramesEncoded'):.0f}",
        f"{more('pliCount'):.0f}",
        f"{more('bytesSent') * 8 / passed / 1000:.0f}",
        f"{sent.get('targetBitrate', 0) / 1000:.0f}",
        str(sent.get("qualityLimitationReason", "")),
        f"{more('retransmittedPacketsSent'):.0f}",
        f"{remote.get('packetsLost', 0)}",
        f"{remote.get('fractionLost', 0):.3f}",
        f"{1000 * remote.get('roundTripTime', 0):.0f}",
        f"{pair.get('availableOutgoingBitrate', 0) / 1000:.0f}",
        " ".join(sorted({f"{each.width}" for each in likenesses})) + f" ({len(likenesses)})",
        " ".join(f"{each.psnr:.1f}" if each.psnr is not None else "-" for each in likenesses[:4]),
        f"{now.taken - before.taken}",
        f"{now.held - before.held}",
    )


__all__ = ["minutes"]
