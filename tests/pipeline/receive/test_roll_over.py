"""Packets' numbers roll over three times while nobody decrypts them: what follows is decrypted all the same."""

from __future__ import annotations

import pytest

from deepguard.config.models import VideoParams
from deepguard.model import Source
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.gate import BELIEVED
from deepguard.pipeline.receive.rtp import header_of
from support.receiving import Scene, at_once, receiving

PACKETS = 3 * 65_536
MOST_LOST = 32_768 - 2 * BELIEVED
"""In a row: SRTP loses count with half of all numbers, and the last that was decrypted may be a while ago."""


async def after_a_flood(level: ReceiveLevel, lost_in_a_row: int) -> Scene:
    async with receiving(level, video=VideoParams(normal_fps=0.01)) as scene:
        await scene.samples(1)
        await scene.until(lambda: not scene.is_open(Source.CAMERA))
        sender, stream = scene.peer.sender(Source.CAMERA), scene.peer.sender(Source.CAMERA)._ssrc
        sender.replaceTrack(None)
        await scene.until(lambda: scene.peer.has_sent_all(Source.CAMERA))

        def loses(data: bytes) -> bool:
            _, number, source = header_of(data)
            return source == stream and number % 32_768 < lost_in_a_row

        scene.peer.loses = loses
        arrived, held = scene.arrived[0], scene.counts.packets_held[Source.CAMERA]
        await scene.peer.flood(Source.CAMERA, PACKETS)
        scene.peer.loses = lambda _data: False
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
    await at_once(after_a_flood(ReceiveLevel.KERNEL, 0), after_a_flood(ReceiveLevel.KERNEL, MOST_LOST))
