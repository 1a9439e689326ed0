"""Samples from keyframes, at each level."""

from __future__ import annotations

from itertools import pairwise

import pytest

from deepguard.config.models import VideoParams
from deepguard.model import Judgement, Source
from deepguard.pipeline.receive import camera as camera_module
from deepguard.pipeline.receive.counts import Fallback, ReceiveLevel
from support.receiving import Numbered, Scene, at_once, number_on, receiving


async def taken(level: ReceiveLevel, codec: str) -> tuple[Scene, int, int]:
    """A scene after some samples; how many packets its peer sent between two of them, and how many arrived."""
    async with receiving(level, codec=codec) as scene:
        assert scene.path.level is level
        assert scene.counts.tracks[level] == 2
        await scene.samples(2)
        sent, arrived = scene.peer.sent, scene.arrived[0]
        shown: list[int] = []
        for _ in range(2):
            (sample,) = await scene.samples(1)
            number, warm = number_on(sample)
            assert warm
            # What is shown now, not what waited somewhere.
            assert 0 <= scene.camera.count - number < 60
            shown.append(number)
        assert all(after > before for before, after in pairwise(shown))
        assert all(1 < after - before < 2.5 for before, after in pairwise(scene.detector.times[1:]))
        return scene, scene.peer.sent - sent, scene.arrived[0] - arrived


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_samples_are_pictures_of_the_source_at_each_level(codec: str) -> None:
    scenes = await at_once(*(taken(level, codec) for level in ReceiveLevel))
    for level, (scene, sent, arrived) in zip(ReceiveLevel, scenes, strict=True):
        assert not scene.counts.fallbacks, level
        assert not scene.counts.undecodable
        assert scene.counts.tracks[level] == 0, "they were let go"
        if level is ReceiveLevel.KERNEL:
            # Two keyframes and what made them good; of the rest one in 64, of sound one in 16.
            assert arrived < 0.6 * sent
        else:
            assert arrived > 0.9 * sent
        if level is not ReceiveLevel.DECODED:
            assert scene.counts.packets_held[Source.CAMERA] > scene.counts.packets_taken[Source.CAMERA] / 2
            assert scene.counts.keyframes_came >= 4


async def suspicious() -> None:
    """A suspicion is looked into at once."""
    video = VideoParams(normal_fps=0.02, burst_fps=1)
    async with receiving(video=video, answer=lambda _sample: None) as scene:
        (first,) = await scene.samples(1)
        # The next one is due in 50 seconds.
        scene.detector.say(first, Judgement.ALERT)
        await scene.samples(2, seconds=8)
        assert not scene.counts.fallbacks


async def configured() -> None:
    """Everything is decoded where that is configured."""
    async with receiving(decode_all=True) as scene:
        await scene.samples(3)
        assert scene.counts.fallbacks == {Fallback.CONFIGURED: 1}
        assert scene.counts.packets_held[Source.CAMERA] < scene.counts.packets_taken[Source.CAMERA] / 10
        # For the first picture; then whatever comes is decoded.
        assert scene.counts.keyframes_asked <= 2


async def too_often() -> None:
    """Pictures that are due too often are all decoded, until they no longer are."""
    async with receiving(video=VideoParams(normal_fps=10)) as scene:
        await scene.until(lambda: scene.counts.fallbacks[Fallback.RATE])
        await scene.samples(5)
        scene.guard.update_sampling(VideoParams(normal_fps=1), scene.guard.sampling[1])
        asked = scene.counts.keyframes_asked
        await scene.until(lambda: scene.counts.keyframes_asked > asked)
        await scene.samples(2)
        assert scene.counts.fallbacks == {Fallback.RATE: 1}


async def test_a_stream_that_is_all_decoded_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "RETRY_SECONDS", 1.0)
    slow = Numbered(7.0)
    async with receiving(video=VideoParams(normal_fps=1.6), camera=slow) as scene:
        await scene.until(lambda: scene.counts.fallbacks[Fallback.RATE])
        slow.fps = 20.0
        came = scene.counts.keyframes_came
        await scene.until(lambda: scene.counts.keyframes_came > came)
        held = scene.counts.packets_held[Source.CAMERA]
        await scene.samples(3)
        assert scene.counts.packets_held[Source.CAMERA] > held, "only samples are decoded again"


async def test_pictures_are_taken_at_the_rate_that_is_wanted_now() -> None:
    await at_once(suspicious(), configured(), too_often())
