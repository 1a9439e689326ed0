"""Packets' numbers roll over three times while nobody decrypts them: what follows is decrypted all the same."""

from __future__ import annotations

import random

import pytest

from deepguard.config.models import VideoParams
from deepguard.model import Source
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.gate import DECRYPTED
from support.receiving import Scene, at_once, receiving

PACKETS = 3 * 65_536


async def after_a_flood(level: ReceiveLevel, loss: float) -> Scene:
    chance = random.Random(3)
    async with receiving(level, video=VideoParams(normal_fps=0.01)) as scene:
        await scene.samples(1)
        await scene.until(lambda: not scene.is_open(Source.CAMERA))
        sender, reports = scene.peer.sender(Source.CAMERA), len(scene.peer.reports)
        sender.replaceTrack(None)
        await scene.until(lambda: len(scene.peer.reports) >= reports + 1)
        # Most of those few that would be decrypted are lost.
        scene.peer.loses = lambda data: not (data[2] << 8 | data[3]) & DECRYPTED and chance.random() < loss
        arrived, held = scene.arrived[0], scene.counts.packets_held[Source.CAMERA]
        await scene.peer.flood(Source.CAMERA, PACKETS)
        sender.replaceTrack(scene.camera)
        scene.guard.update_sampling(VideoParams(normal_fps=0.6), scene.guard.sampling[1])
        await scene.samples(2)
        assert scene.counts.packets_held[Source.CAMERA] - held > 0.9 * PACKETS
        if level is ReceiveLevel.KERNEL:
            assert scene.arrived[0] - arrived < PACKETS / 20
        assert not scene.counts.fallbacks
        return scene


@pytest.mark.slow
async def test_pictures_are_decrypted_after_their_numbers_rolled_over() -> None:
    await at_once(after_a_flood(ReceiveLevel.KERNEL, 0), after_a_flood(ReceiveLevel.KERNEL, 0.7))
