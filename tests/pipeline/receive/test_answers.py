"""What the server answers to an offer, and what comes of connections that are answered in another way."""

from __future__ import annotations

import pytest
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from deepguard.model import Source
from deepguard.pipeline.receive.connection import ReceiveOnlyConnection
from deepguard.pipeline.receive.counts import ReceiveLevel
from support.receiving import Numbered, receiving


def directions(connection: SmallWebRTCConnection) -> list[str]:
    """What the answer says of each track."""
    answer = connection.get_answer()
    assert answer is not None
    lines = answer["sdp"].split("\r\n")
    return [line[2:] for line in lines if line in ("a=sendrecv", "a=recvonly", "a=sendonly", "a=inactive")]


@pytest.mark.parametrize("screen", [None, Numbered(warm=False)], ids=["two tracks", "three tracks"])
async def test_nothing_is_sent_back(screen: Numbered | None) -> None:
    async with receiving(screen=screen, connection=ReceiveOnlyConnection()) as scene:
        assert directions(scene.connection) == ["recvonly"] * (3 if screen else 2)
        await scene.until(lambda: scene.counts.packets_taken[Source.CAMERA])


async def test_a_connection_that_pipecat_s_own_runner_made_is_received_as_well() -> None:
    """It is answered as if something were sent back; nothing is."""
    async with receiving(connection=SmallWebRTCConnection()) as scene:
        assert directions(scene.connection) == ["sendrecv", "sendrecv"]
        assert scene.path.level is ReceiveLevel.KERNEL
        await scene.samples(2)
        assert scene.counts.packets_held[Source.CAMERA]
        for sender in scene.connection.pc.getSenders():
            stats = await sender.getStats()
            assert [each.packetsSent for each in stats.values() if each.type == "outbound-rtp"] == [0]
