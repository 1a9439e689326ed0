"""What the sender is told: reports as if nothing were held back, and what it may send."""

from __future__ import annotations

import random

from aiortc.rtp import unpack_remb_fci

from deepguard.model import Source
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.encoded import MOST_BITS
from support.receiving import OFTEN, Scene, at_once, receiving


async def reported(level: ReceiveLevel, lost: float, seconds: float = 5) -> Scene:
    """A scene whose network loses packets, after some reports, between two of which there are some packets."""
    chance = random.Random(7)

    def lose(scene: Scene) -> None:
        scene.peer.loses = lambda _data: chance.random() < lost

    async with receiving(level, video=OFTEN, prepare=lose) as scene:
        await scene.samples(2)
        await scene.until(lambda: len(scene.peer.reports) >= 5, 30)
        return scene


async def test_reports_tell_of_what_was_lost_and_not_of_what_was_held_back() -> None:
    levels = [ReceiveLevel.KERNEL, ReceiveLevel.DATAGRAM, ReceiveLevel.PACKET]
    *whole, lossy, _ = await at_once(
        *(reported(level, 0) for level in levels),
        reported(ReceiveLevel.DATAGRAM, 0.1),
        reported(ReceiveLevel.KERNEL, 0.1),
    )
    for scene, level in zip(whole, levels, strict=True):
        assert scene.counts.packets_held[Source.CAMERA] > 50
        assert scene.peer.reports == [(0, 0)] * len(scene.peer.reports), level
    fractions = [fraction / 256 for fraction, _ in lossy.peer.reports]
    assert 0.03 < sum(fractions) / len(fractions) < 0.2, lossy.peer.reports
    lost = [number for _, number in lossy.peer.reports]
    assert lost == sorted(lost)
    held = lossy.counts.packets_held[Source.CAMERA] + lossy.counts.packets_taken[Source.CAMERA]
    assert 0.03 < lost[-1] / held < 0.2


async def test_the_sender_is_told_what_it_may_send() -> None:
    async with receiving() as scene:
        await scene.until(lambda: scene.peer.bitrates)
        bits, ssrcs = unpack_remb_fci(scene.peer.bitrates[0])
        assert bits == MOST_BITS
        assert scene.peer.sender(Source.CAMERA)._ssrc in ssrcs
        await scene.samples(2)
        told = [unpack_remb_fci(each)[0] for each in scene.peer.bitrates]
        assert len(told) > 1, "also when the first one was lost"
        assert set(told) == {MOST_BITS}, "and of nothing that was estimated"
