"""A lively camera picture whose every frame tells its own number, and how close another picture comes to it."""

from __future__ import annotations

import asyncio
import math
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiortc.mediastreams import VideoStreamTrack
from av import VideoFrame
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 1280, 720, 30
FRAMES = 90
"""After so many the picture begins anew, without a jump."""

_NOISE = 1.5
"""Standard deviation of the sensor's noise, in steps of luma."""

_BLOCK = 32
_BITS = 8
_MARGIN = 6
_TICK = Fraction(1, 90_000)

Planes = NDArray[np.uint8]
"""A picture as I420: ``height * 3 // 2`` rows of ``width`` bytes."""


def lively_picture(frames: int = FRAMES) -> list[Planes]:
    """Somebody who moves and talks before a shelf, in the noise of a sensor.

    Args:
        frames: How many; the movement closes after that many.

    Returns:
        Frames of 1280x720.
    """
    random = np.random.default_rng(7)
    room = _room(random)
    face, shape = _face(random)
    return [_frame(room, face, shape, number, frames, random) for number in range(frames)]


def _texture(random: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Detail of several sizes, as skin, hair and cloth have it: about -1 to 1."""
    texture = np.zeros((height, width), np.float32)
    for size, weight in ((1.2, 0.25), (3, 0.35), (9, 0.5), (30, 0.6)):
        layer = cv2.GaussianBlur(random.standard_normal((height, width)).astype(np.float32), (0, 0), size)
        texture += weight * layer / float(layer.std())
    return texture


def _room(random: np.random.Generator) -> NDArray[np.float32]:
    room = 105 + 9 * _texture(random, WIDTH, HEIGHT) + np.linspace(25, -25, WIDTH, dtype=np.float32)
    for left in range(20, WIDTH, 46):  # books
        top = int(random.integers(60, 160))
        room[top : top + 180, left : left + 38] += float(random.integers(-45, 45))
        room[top + 330 : top + 500, left : left + 38] += float(random.integers(-45, 45))
    return room


def _face(random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A head with shoulders as large as the picture, and where it is (0 to 1)."""
    shape = np.zeros((HEIGHT, WIDTH), np.float32)
    middle = WIDTH // 2
    cv2.ellipse(shape, (middle, 330), (165, 225), 0, 0, 360, (1.0,), -1)
    cv2.ellipse(shape, (middle, 800), (420, 270), 0, 0, 360, (1.0,), -1)
    shape = cv2.GaussianBlur(shape, (0, 0), 2).astype(np.float32)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    light = 150 - 0.1 * (across - middle) - 0.06 * (down - 330)
    face = light + 7 * _texture(random, WIDTH, HEIGHT)
    for eye in (middle - 62, middle + 62):
        cv2.ellipse(face, (eye, 290), (30, 13), 0, 0, 360, (205.0,), -1)
        cv2.circle(face, (eye, 290), 12, (50.0,), -1)
        cv2.ellipse(face, (eye, 255), (42, 12), 0, 180, 360, (80.0,), 7)
    cv2.line(face, (middle, 300), (middle - 14, 375), (120.0,), 5)
    return face, shape


def _frame(
    room: NDArray[np.float32],
    face: NDArray[np.float32],
    shape: NDArray[np.float32],
    number: int,
    frames: int,
    random: np.random.Generator,
) -> Planes:
    turn = 2 * math.pi * number / frames
    talking = face.copy()
    mouth = 4 + round(16 * abs(math.sin(5 * turn)))
    cv2.ellipse(talking, (WIDTH // 2, 440), (58, mouth), 0, 0, 360, (75.0,), -1)
    move = cv2.getRotationMatrix2D((WIDTH / 2, 500), 4 * math.sin(turn), 1 + 0.02 * math.sin(2 * turn))
    move[:, 2] += 38 * math.sin(turn), 12 * math.sin(2 * turn)
    talking, where = (cv2.warpAffine(each, move, (WIDTH, HEIGHT)) for each in (talking, shape))
    luma = room + (talking - room) * where
    luma += _NOISE * random.standard_normal((HEIGHT, WIDTH), np.float32)
    half = cv2.resize(where, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    noise = random.standard_normal((2, HEIGHT // 2, WIDTH // 2), np.float32)
    for bit in range(_BITS):
        left = _MARGIN + _BLOCK * bit
        luma[_MARGIN : _MARGIN + _BLOCK, left : left + _BLOCK] = 200 if number >> bit & 1 else 40
    planes = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    planes[:HEIGHT] = np.clip(np.rint(luma), 16, 235)
    chroma = np.stack((124 - 14 * half, 130 + 18 * half)) + noise
    planes[HEIGHT:] = np.clip(np.rint(chroma), 16, 240).reshape(HEIGHT // 2, WIDTH)
    return planes


def write_y4m(frames: list[Planes], path: Path) -> None:
    """Write frames as Chromium's fake camera takes them."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n")
            file.write(frame.tobytes())


def number_of(luma: NDArray[Any]) -> int:
    """Which frame a picture shows.

    Args:
        luma: Brightness, of any size.
    """
    scale = luma.shape[1] / WIDTH
    found = 0
    for bit in range(_BITS):
        top, left = _MARGIN + _BLOCK // 4, _MARGIN + _BLOCK * bit + _BLOCK // 4
        size = _BLOCK // 2
        block = luma[
            round(top * scale) : round((top + size) * scale), round(left * scale) : round((left + size) * scale)
        ]
        found |= int(block.mean() > 120) << bit
    return found


def psnr(luma: NDArray[Any], source: NDArray[Any]) -> float:
    """How close a picture's brightness comes to its source's: decibels (peak signal to noise ratio)."""
    apart = luma.astype(np.float32) - source.astype(np.float32)
    return float(10 * np.log10(255**2 / max(float(np.mean(apart * apart)), 1e-9)))


class LivelyTrack(VideoStreamTrack):
    """Plays the picture as an aiortc camera; frames that there is no time for are left out. All show the same."""

    def __init__(self, frames: list[Planes], every: int = 1) -> None:
        """Begin now.

        Args:
            frames: What it shows, over and over.
            every: Only one in so many is shown.
        """
        super().__init__()
        self._frames = frames
        self._every = every
        self._number = int(time.monotonic() * RATE)
        self._first = self._number

    async def recv(self) -> VideoFrame:
        self._number = max(self._number + self._every, int(time.monotonic() * RATE))
        wait = self._number / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        frame = VideoFrame.from_ndarray(self._frames[self._number % len(self._frames)], format="yuv420p")
        frame.pts, frame.time_base = (self._number - self._first) * 90_000 // RATE, _TICK
        return frame


__all__ = [
    "FRAMES",
    "HEIGHT",
    "RATE",
    "WIDTH",
    "LivelyTrack",
    "Planes",
    "lively_picture",
    "number_of",
    "psnr",
    "write_y4m",
]
