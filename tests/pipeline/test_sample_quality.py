"""Samples of a gated call are as good, as timely and of the same colours as those of a call decoded as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from statistics import median

import pytest

from bench.lively import RATE, Planes, lively_picture, write_y4m
from bench.quality import MOST_BELOW, Calls, Comparison, colours_apart, compare
from bench.received import Likeness
from bench.senders import Answer, aiortc_calls, chromium
from deepguard.pipeline.receive.settling import MOST
from support.lossy import LossyPath

pytestmark = pytest.mark.slow

FRAMES = 60
FPS = 0.75
SAMPLES = 4
SAMPLES_OF_LOSSY = 8
"""What is lost makes single pictures worse, by chance: the mean of four was 1 dB off now and then."""
WARM_UP = 3.0
BITS = 1_500_000
ANSWER = 1.0
"""Seconds, at most, from a request for a keyframe to the keyframe; a busy machine's senders are slow."""


@pytest.fixture(scope="module")
def frames() -> list[Planes]:
    return lively_picture(FRAMES)


@pytest.fixture(scope="module")
def picture(frames: list[Planes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("camera") / "picture.y4m"
    write_y4m(frames, path)
    return path


def from_aiortc(frames: list[Planes], codec: str) -> Calls:
    @asynccontextmanager
    async def calls(answers: Sequence[Answer]) -> AsyncIterator[None]:
        # Half as many frames as a camera has: this process encodes them. An encoder that has no time leaves frames out
        # and spends their bits on the others, which makes the whole stream better than a picture that had little time.
        async with aiortc_calls(answers, frames, codec, BITS, every=2):
            yield

    return calls


def from_chromium(picture: Path, codec: str) -> Calls:
    @asynccontextmanager
    async def calls(answers: Sequence[Answer]) -> AsyncIterator[None]:
        async with chromium(picture) as page:
            for answer in answers:
                # Both begin with the same: with fewer bits what is decoded as a whole is no measure.
                await page.call(answer, codec, BITS, whole=True, at_once=True)
            yield

    return calls


def span(found: list[Likeness]) -> float:
    return found[-1].at - found[0].at


def frames_late(found: Comparison) -> float:
    """How many frames a gated call's samples show less than was there when they were captured, by the other's."""
    apart: list[float] = []
    for one in found.sampled:
        other = min(found.whole, key=lambda each: abs(each.at - one.at))
        frames = (one.at - other.at) * RATE - (one.number - other.number)
        apart.append(abs((frames + FRAMES / 2) % FRAMES - FRAMES / 2))
    return median(apart)


def check(found: Comparison) -> None:
    assert found.below <= MOST_BELOW
    assert all(abs(apart) < 2 for apart in colours_apart(found))
    assert {each.width for each in found.sampled} == {each.width for each in found.whole}
    # Neither drifts: what is late is late by the keyframe's answer and the frames after it, however many were taken.
    assert abs(span(found.sampled) - span(found.whole)) <= ANSWER + (MOST + 1) / RATE
    assert frames_late(found) <= ANSWER * RATE / 2


async def check_over_a_good_path(calls: Calls, frames: list[Planes]) -> None:
    found = await compare(calls, frames, FPS, SAMPLES, WARM_UP)
    check(found)
    # Not held against the other call's number: each encoder makes of the machine's time what it can.
    assert found.fell_back or found.held_packets


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_samples_of_an_aiortc_sender(frames: list[Planes], codec: str) -> None:
    await check_over_a_good_path(from_aiortc(frames, codec), frames)


@pytest.mark.browser
@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_samples_of_chromium(frames: list[Planes], picture: Path, codec: str) -> None:
    await check_over_a_good_path(from_chromium(picture, codec), frames)


def over(paths: Sequence[LossyPath], calls: Calls) -> Calls:
    @asynccontextmanager
    async def over_them(answers: Sequence[Answer]) -> AsyncIterator[None]:
        with ExitStack() as open_paths:
            for path in paths:
                open_paths.enter_context(closing(path))
            async with calls([path.leading_to(answer) for path, answer in zip(paths, answers, strict=True)]):
                yield

    return over_them


async def check_over_lossy_paths(calls: Calls, frames: list[Planes]) -> None:
    paths = [LossyPath(seed) for seed in (7, 8)]
    found = await compare(over(paths, calls), frames, FPS, SAMPLES_OF_LOSSY, WARM_UP)
    assert all(path.lost and path.late for path in paths)
    check(found)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_samples_of_an_aiortc_sender_over_a_path_that_loses_and_reorders(
    frames: list[Planes], codec: str
) -> None:
    await check_over_lossy_paths(from_aiortc(frames, codec), frames)


@pytest.mark.browser
@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_samples_of_chromium_over_a_path_that_loses_and_reorders(
    frames: list[Planes], picture: Path, codec: str
) -> None:
    await check_over_lossy_paths(from_chromium(picture, codec), frames)
