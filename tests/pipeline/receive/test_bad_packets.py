"""What comes from nobody, in too great numbers, or with a claim that is absurd, harms neither its call nor others."""

from __future__ import annotations

import socket
from collections import Counter

import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from deepguard.errors import MediaError
from deepguard.media.raw import MAX_EDGE
from deepguard.model import Source
from deepguard.pipeline.receive import assembling
from deepguard.pipeline.receive.clip import MOST_FRAMES, Clip, decode_last
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.internals import LONGEST
from deepguard.pipeline.receive.silence import LINGER, MOST_KEPT, SilenceHold
from support.receiving import at_once, receiving

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
            ssrc, number = int.from_bytes(data[8:12], "big"), data[2] << 8 | data[3]
            if ssrc == media and not lost:
                lost.append(number)
                return True
            return ssrc == scene.peer.sender(Source.CAMERA)._rtx_ssrc

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
            ssrc = int.from_bytes(data[8:12], "big")
            sent[ssrc] += 1
            return ssrc in (sender._ssrc, sender._rtx_ssrc) and sent[ssrc] == 1

        asked = len(scene.peer.requests_to(Source.CAMERA))
        scene.peer.loses = loses
        await scene.until(lambda: sent[sender._rtx_ssrc] > 1)
        await scene.samples(2)
        assert len(scene.peer.requests_to(Source.CAMERA)) == asked


async def test_a_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "MOST_PACKETS", 40)
    await at_once(a_stranger_s_datagrams(), what_is_lost_for_good())


def test_a_picture_of_an_absurd_size_is_not_even_begun() -> None:
    assert decode_last([EncodedFrame(VP8, keyframe(640, 480), 0)]).width == 640
    with pytest.raises(MediaError, match="VP8"):
        decode_last([EncodedFrame(VP8, keyframe(MAX_EDGE - 383, MAX_EDGE - 383), 0)])


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
