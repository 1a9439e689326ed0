"""What comes from nobody, in too great numbers, or with a claim that is absurd, harms neither its call nor others."""

from __future__ import annotations

import socket
import time
from collections import Counter

import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from deepguard.config.models import VideoParams
from deepguard.errors import MediaError
from deepguard.media.raw import MAX_EDGE
from deepguard.model import Source
from deepguard.pipeline.receive import assembling
from deepguard.pipeline.receive.clip import MOST_FRAMES, Clip
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.gate import BELIEVED_SECONDS
from deepguard.pipeline.receive.internals import LONGEST
from deepguard.pipeline.receive.rtp import header_of, is_rtp
from deepguard.pipeline.receive.silence import LINGER, MOST_KEPT, SilenceHold
from support.receiving import Scene, at_once, note_arriving, receiving

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)


def keyframe(width: int, height: int) -> bytes:
    sizes = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return b"\x10\x02\x00\x9d\x01\x2a" + sizes + bytes(400)


async def a_stranger_s_datagrams() -> None:
    """Datagrams that look like media and are too long to be decrypted, from somewhere else."""
    async with receiving() as scene:
        await scene.samples(1)
        gatherer = scene.connection.pc.getTransceivers()[0].receiver.transport.transport.iceGatherer
        here = next(each for each in gatherer.getLocalCandidates() if "." in each.ip)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for kind in (scene.peer.pc.getTransceivers()[1]._codecs[0].payloadType or 0, 200):
                stranger.sendto(bytes([0x80, kind]) + bytes(LONGEST), (here.ip, here.port))
        await scene.samples(2)
        assert not scene.complaints


async def what_is_lost_for_good() -> None:
    """A packet of a stream that is all decoded is lost, and all that is sent again."""
    async with receiving(decode_all=True, codec="VP8") as scene:
        await scene.samples(1)
        media = scene.peer.sender(Source.CAMERA)._ssrc
        lost: list[int] = []

        def loses(data: bytes) -> bool:
            _, number, stream = header_of(data)
            if stream == media and not lost:
                lost.append(number)
                return True
            return stream == scene.peer.sender(Source.CAMERA)._rtx_ssrc

        asked = len(scene.peer.requests_to(Source.CAMERA))
        scene.peer.loses = loses
        # Pictures that refer to what never came are none: they begin anew with a keyframe.
        await scene.until(lambda: len(scene.peer.requests_to(Source.CAMERA)) > asked)
        await scene.samples(2)


async def test_what_is_lost_once_more_when_it_is_sent_again_is_asked_for_once_more() -> None:
    async with receiving(decode_all=True, codec="VP8") as scene:
        await scene.samples(1)
        sender, sent = scene.peer.sender(Source.CAMERA), Counter[int]()

        def loses(data: bytes) -> bool:
            stream = header_of(data).ssrc
            sent[stream] += 1
            return stream in (sender._ssrc, sender._rtx_ssrc) and sent[stream] == 1

        asked = len(scene.peer.requests_to(Source.CAMERA))
        scene.peer.loses = loses
        await scene.until(lambda: sent[sender._rtx_ssrc] > 1)
        await scene.samples(2)
        assert len(scene.peer.requests_to(Source.CAMERA)) == asked


async def test_a_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "MOST_PACKETS", 40)
    await at_once(a_stranger_s_datagrams(), what_is_lost_for_good())


def forged(scene: Scene, source: Source, number: int, stream: int | None = None) -> bytes:
    """What looks like a packet of the peer's, of somebody who has not its key."""
    return scene.peer.packet(source, number, stream) + bytes(40)


async def a_dead_track(level: ReceiveLevel) -> None:
    """A camera that sends nothing any more, while somebody else sends what looks like it."""
    async with receiving(level, video=VideoParams(normal_fps=0.01)) as scene:
        await scene.samples(1)
        await scene.until(lambda: not scene.is_open(Source.CAMERA))
        sender, wire = scene.peer.sender(Source.CAMERA), scene.peer.transport._transport._connection
        sender.replaceTrack(None)
        await scene.until(lambda: scene.peer.has_sent_all(Source.CAMERA))
        last, gate, arrived = scene.peer.last[sender._ssrc], scene.gate(Source.CAMERA), set[bytes]()

        def note(data: bytes) -> None:
            arrived.add(data)
            scene.changes.tell()

        note_arriving(scene, note)
        await scene.until(lambda: time.monotonic() - gate.last_seen > 2 * BELIEVED_SECONDS)
        seen, held = gate.last_seen, scene.counts.packets_held[Source.CAMERA]
        # The kernel shows those of which the last bits are 0.
        numbers = [last | 63, (last | 63) + 1, (last | 63) + 65, last + 5_000 | 63, (last + 5_000 | 63) + 1]
        packets = [forged(scene, Source.CAMERA, number) for number in numbers]
        packets += [forged(scene, Source.CAMERA, number, sender._rtx_ssrc) for number in numbers]
        for packet in packets:
            await wire.send(packet)
        await scene.until(lambda: arrived.issuperset(each for each in packets if not each[3] & 63))
        assert gate.last_seen == seen
        assert gate.ssrc == sender._ssrc
        assert scene.counts.packets_held[Source.CAMERA] == held
        sender.replaceTrack(scene.camera)
        scene.guard.update_sampling(VideoParams(normal_fps=0.6), scene.guard.sampling[1])
        await scene.samples(2)
        assert not scene.counts.fallbacks
        assert all(lost == (0, 0) for lost in scene.peer.reports)


async def tracks_that_live(level: ReceiveLevel) -> None:
    """Each packet of a camera and of a microphone is followed by one that a stranger made."""
    async with receiving(level) as scene:
        wire, send = scene.peer.transport._transport._connection, scene.peer.transport._transport._send
        streams = {scene.peer.sender(each)._ssrc: each for each in (Source.MICROPHONE, Source.CAMERA)}

        async def send_both(data: bytes) -> None:
            await send(data)
            if is_rtp(data) and (source := streams.get(header_of(data).ssrc)) is not None:
                await wire.send(forged(scene, source, header_of(data).sequence + 10_000))

        scene.peer.transport._transport._send = send_both
        reports = len(scene.peer.reports)
        await scene.until(lambda: len(scene.peer.reports) >= reports + 4)
        await scene.samples(2)
        for source in streams.values():
            counted = scene.counts.packets_held[source] + scene.counts.packets_taken[source]
            assert counted <= scene.peer.sent_of(source)
        assert all(lost == (0, 0) for lost in scene.peer.reports)


async def test_what_a_stranger_claims_is_not_believed() -> None:
    await at_once(
        a_dead_track(ReceiveLevel.KERNEL),
        a_dead_track(ReceiveLevel.DATAGRAM),
        tracks_that_live(ReceiveLevel.KERNEL),
        tracks_that_live(ReceiveLevel.DATAGRAM),
    )


def test_a_picture_of_an_absurd_size_is_not_even_begun() -> None:
    assert Clip([EncodedFrame(VP8, keyframe(640, 480), 0)]).read().size == (640, 480)
    with pytest.raises(MediaError, match="VP8"):
        Clip([EncodedFrame(VP8, keyframe(MAX_EDGE - 383, MAX_EDGE - 383), 0)]).read()


def test_of_a_clip_only_so_much_is_kept_and_nothing_after_a_gap() -> None:
    first, other = EncodedFrame(VP8, keyframe(640, 480), 0), EncodedFrame(VP8, b"other", 3000)
    clip = Clip([first])
    for _ in range(MOST_FRAMES + 5):
        clip.add(other)
    assert len(clip.frames) == MOST_FRAMES
    assert not clip.whole
    clip = Clip([first])
    clip.add(other)
    assert clip.whole
    clip.add(other._replace(after_gap=True))
    clip.add(other)
    assert clip.frames == [first, other]
    assert not clip.whole


def test_of_what_is_said_to_be_silent_only_so_much_is_kept() -> None:
    hold: SilenceHold[int] = SilenceHold()
    hold.admit(0, 0, 0.0)
    for number in range(1, 10_000):
        assert not hold.admit(number, 127, LINGER + number / 100_000).items
    assert hold.dropped == 9_999 - MOST_KEPT
    released = hold.admit(10_000, 0, LINGER + 0.2)
    assert released.items == tuple(range(10_000 - MOST_KEPT, 10_001))
    assert released.after_gap
