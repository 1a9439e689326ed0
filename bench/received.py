"""Calls whose camera comes over WebRTC, taken by the receive path to a guard that keeps its samples."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import cv2
import numpy as np

from bench.lively import HEIGHT, WIDTH, Planes, number_of, psnr
from bench.scene import PARTICIPANT, ClearDetector, new_guard
from deepguard.config.models import VideoParams
from deepguard.model import Sample, Source
from deepguard.pipeline.receive.connection import ReceiveOnlyConnection
from deepguard.pipeline.receive.counts import ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.path import ReceivePath


class KeepingDetector(ClearDetector):
    """Keeps what it is handed.

    Attributes:
        samples: All samples, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []
        self._came = asyncio.Event()

    def submit(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._came.set()
        super().submit(sample)

    async def until(self, count: int) -> None:
        """Wait until there are so many samples."""
        while len(self.samples) < count:
            self._came.clear()
            await self._came.wait()


@dataclass(frozen=True, slots=True)
class Likeness:
    """How close a sample comes to the frame that the camera took.

    Attributes:
        number: Of the frame that it shows.
        psnr: Of its brightness: decibels; None when it is smaller than the frame.
        colour: Mean brightness, blue and red difference of the sample, less those of the frame.
        width: Of the sample, in pixels.
        at: When it was captured (Unix).
    """

    number: int
    psnr: float | None
    colour: tuple[float, float, float]
    width: int
    at: float


class ReceivedCall:
    """One call.

    Attributes:
        detector: Keeps the samples.
        counts: What the receive path did.
        path: The receive path.
    """

    def __init__(
        self, fps: float, *, decode_all: bool = False, most: ReceiveLevel = ReceiveLevel.KERNEL, quality: int = 95
    ) -> None:
        """Prepare; ``answer`` connects it.

        Args:
            fps: Samples a second.
            decode_all: Whether everything is to be decoded.
            most: The earliest level at which packets may be dropped.
            quality: Of the samples' JPEG.
        """
        self.detector = KeepingDetector()
        self.counts = ReceiveCounts()
        self.connection = ReceiveOnlyConnection()
        video = VideoParams(normal_fps=fps, burst_fps=fps, quality=quality)
        self._guard = new_guard(self.detector, video=video)
        self.path = ReceivePath(
            self._guard,
            PARTICIPANT,
            self.connection,
            sources={Source.CAMERA},
            counts=self.counts,
            decode_all=decode_all,
            most=most,
        )

    async def answer(self, offer: str) -> str:
        """Answer a caller's offer.

        Args:
            offer: Session description (SDP), complete with candidates.
        """
        await self.connection.initialize(offer, "offer")
        answer = self.connection.get_answer()
        assert answer is not None
        return answer["sdp"]

    async def begin(self) -> None:
        """Take the camera as soon as it is connected."""
        connected = asyncio.Event()
        pc = self.connection.pc
        pc.on("connectionstatechange", lambda: connected.set() if pc.connectionState == "connected" else None)
        if pc.connectionState != "connected":
            await connected.wait()
        await self._guard.start()
        await self.path.attach()

    async def end(self) -> None:
        await self.path.close()
        await self._guard.stop()
        await self.connection.disconnect()


def likeness(sample: Sample, frames: Sequence[Planes]) -> Likeness:
    """Hold a sample against the very frame that it shows."""
    decoded = cv2.imdecode(np.frombuffer(sample.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    shown = cv2.cvtColor(decoded, cv2.COLOR_BGR2YCrCb)
    # JPEG's brightness goes from 0 to 255, a camera's from 16 to 235.
    luma = 16 + shown[..., 0].astype(np.float32) * (219 / 255)
    number = number_of(luma)
    frame = frames[number % len(frames)]
    blue, red = frame[HEIGHT:].reshape(2, -1)
    means = [float(luma.mean()), *(128 + (float(shown[..., at].mean()) - 128) * (224 / 255) for at in (2, 1))]
    wanted = [float(each.mean()) for each in (frame[:HEIGHT], blue, red)]
    return Likeness(
        number,
        psnr(luma, frame[:HEIGHT]) if luma.shape == (HEIGHT, WIDTH) else None,
        (means[0] - wanted[0], means[1] - wanted[1], means[2] - wanted[2]),
        sample.width or 0,
        sample.captured_at,
    )


def mean_psnr(found: Sequence[Likeness]) -> float:
    """Decibels, of the samples that are as large as the camera's frames."""
    return fmean(each.psnr for each in found if each.psnr is not None)


__all__ = ["KeepingDetector", "Likeness", "ReceivedCall", "likeness", "mean_psnr"]
