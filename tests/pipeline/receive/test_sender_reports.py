"""Reports of senders, and of what came of their streams: read and made here, so that aiortc need not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport, RTCRtpReceiver
from aiortc.rtp import (
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from aiortc.stats import RTCRemoteInboundRtpStreamStats
from hypothesis import given
from hypothesis import strategies as st

from deepguard.model import Source
from deepguard.pipeline.receive import kernel
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.rtcp import reporter_of, says_more, sender_report_of
from deepguard.pipeline.receive.rtp import RtpPacket, is_rtcp
from support.receiving import Scene, at_once, receiving

ssrcs = st.integers(0, 2**32 - 1)
times = st.integers(0, 2**64 - 1)

CERTIFICATE = RTCCertificate.generateCertificate()
NOTHING_ELSE = RtcpSdesPacket([RtcpSourceInfo(ssrc=5, items=[(1, b"somebody")])])
SOMETHING_ELSE = [
    RtcpByePacket(sources=[5]),
    RtcpRrPacket(ssrc=5, reports=[RtcpReceiverInfo(5, 0, 0, 0, 0, 0, 0)]),
]


def sent(ssrc: int, at: int, received: list[RtcpReceiverInfo] | None = None) -> bytes:
    about = RtcpSenderInfo(ntp_timestamp=at, rtp_timestamp=1, packet_count=2, octet_count=3)
    return bytes(RtcpSrPacket(ssrc=ssrc, sender_info=about, reports=received or []))


@given(st.binary(max_size=120))
def test_any_bytes_may_come(data: bytes) -> None:
    report = sender_report_of(data) if len(data) > 1 else None
    if report is not None:
        assert report.ssrc == reporter_of(data)
        assert 0 <= report.middle < 2**32
    assert says_more(data) in (False, True)


@given(ssrcs, times, st.booleans())
def test_a_report_is_read_as_aiortc_writes_it(ssrc: int, at: int, described: bool) -> None:
    data = sent(ssrc, at) + (bytes(NOTHING_ELSE) if described else b"")
    assert is_rtcp(data)
    assert reporter_of(data) == ssrc
    assert sender_report_of(data) == (ssrc, at >> 16 & 0xFFFFFFFF)
    assert not says_more(data)
    for end in range(1, len(data)):
        assert says_more(data[:end]) is (end != len(sent(ssrc, at))), "what is broken is for aiortc to judge"


@pytest.mark.parametrize("more", SOMETHING_ELSE, ids=lambda packet: type(packet).__name__)
def test_what_says_anything_more_is_left_to_aiortc_too(more: RtcpByePacket | RtcpRrPacket) -> None:
    for data in (sent(5, 9 << 16) + bytes(more), sent(5, 9 << 16, SOMETHING_ELSE[1].reports)):
        assert sender_report_of(data) == (5, 9)
        assert says_more(data)
    assert sender_report_of(bytes(more)) is None


numbers = st.integers(0, 65535)
packets = st.lists(st.tuples(numbers, st.integers(0, 2**32 - 1), st.booleans()), min_size=1, max_size=60)


@given(st.lists(packets, min_size=1, max_size=4))
async def test_whatever_came_can_be_reported(between_reports: list[list[tuple[int, int, bool]]]) -> None:
    dtls = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer()), [CERTIFICATE])
    receiver = Receiver(RTCRtpReceiver("video", dtls))
    for came in between_reports:
        for number, timestamp, held_back in came:
            if held_back:
                receiver.skip_to(7, number)
            else:
                receiver.note(RtpPacket(96, False, number, timestamp, 7, b""), 90_000)
        for block in receiver.reports():
            assert RtcpReceiverInfo.parse(bytes(block)) == block


async def knows_the_way(level: ReceiveLevel) -> None:
    """A sender learns how long the way is from its own reports, of which it is told."""
    async with receiving(level) as scene:

        async def told() -> set[str]:
            stats = await scene.peer.pc.getStats()
            return {
                each.kind
                for each in stats.values()
                if isinstance(each, RTCRemoteInboundRtpStreamStats) and each.roundTripTime is not None
            }

        while await told() != {"audio", "video"}:
            reports = len(scene.peer.reports)
            await scene.until(lambda reports=reports: len(scene.peer.reports) > reports)


async def test_senders_are_told_of_their_reports_at_every_level() -> None:
    levels = ReceiveLevel.KERNEL, ReceiveLevel.DATAGRAM, ReceiveLevel.PACKET
    await at_once(*map(knows_the_way, levels))


async def test_a_farewell_after_a_report_is_heard() -> None:
    async with receiving() as scene:
        await scene.samples(1)
        ssrc = scene.peer.sender(Source.CAMERA)._ssrc
        transport = scene.peer.transport
        compound = sent(ssrc, 9) + bytes(RtcpByePacket(sources=[ssrc]))
        await transport._transport._send(transport._tx_srtp.protect_rtcp(compound))
        await ended(scene, Source.CAMERA)


async def ended(scene: Scene, source: Source) -> None:
    """Wait until the work of a track is done."""
    task = next(each for each in scene.path._tasks if f"-{source}-" in each.get_name())
    task.add_done_callback(scene.changes.tell)
    await scene.until(task.done)


async def test_a_filter_is_only_where_media_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    attach, attached = kernel.attach, set[int]()

    def noting(descriptor: int, masks: Mapping[kernel.Dropped, int]) -> None:
        attached.add(descriptor)
        attach(descriptor, masks)

    monkeypatch.setattr(kernel, "attach", noting)
    async with receiving() as scene:
        await scene.samples(2)
        assert scene.arrived[0] < scene.peer.sent
        (transport,) = {each.receiver.transport for each in scene.connection.pc.getTransceivers()}
        (nominated,) = transport.transport._connection._nominated.values()
        assert attached == {nominated.protocol.transport.get_extra_info("socket").fileno()}
