"""Callers against a peer of aiortc's own, over a network that may lose packets."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame, VideoFrame

from deepguard.density.caller import Caller, Tracks
from deepguard.density.errors import DensityError
from deepguard.density.media import FPS, Clip, Codec, make_clip, make_speech
from deepguard.density.pacer import Pacer
from deepguard.density.packets import payloads_of
from deepguard.density.streams import Counts

CLIP_SECONDS = 1.0
LENGTH = round(CLIP_SECONDS * FPS)
TICKS = 90_000 // FPS


@functools.cache
def clip_of(codec: Codec) -> Clip:
    return make_clip(codec, CLIP_SECONDS)


def thumbnail(frame: VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="gray")[::8, ::8].astype(int)


@functools.cache
def thumbnails(codec: Codec) -> list[np.ndarray]:
    decoder = av.CodecContext.create(codec, "r")
    packets = [*map(av.Packet, clip_of(codec).frames), None]
    return [thumbnail(frame) for packet in packets for frame in decoder.decode(packet) if isinstance(frame, VideoFrame)]


def place(frame: VideoFrame, codec: Codec = "vp8") -> int:
    """Which frame of the clip it is."""
    seen = thumbnail(frame)
    return int(np.argmin([np.abs(seen - known).mean() for known in thumbnails(codec)]))


def ticks(frames: list[VideoFrame]) -> list[int]:
    """From each frame to the next one, by their timestamps."""
    times = [frame.pts or 0 for frame in frames]
    return [after - before for before, after in pairwise(times)]


class Peer:
    """Answers an offer, and decodes what comes.

    Attributes:
        tracks: What the caller sends, by kind.
        loses: Whether a datagram is lost on its way here; asked for each one that carries media.
    """

    def __init__(self) -> None:
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.loses: Callable[[bytes], bool] = lambda _datagram: False
        self.pc = RTCPeerConnection()
        self.pc.on("track", lambda track: self.tracks.update({track.kind: track}))

    async def answer(self, sdp: str, kind: str) -> dict[str, str]:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        dtls = self.pc.getTransceivers()[0].receiver.transport
        connection: Any = dtls.transport._connection
        for protocol in connection._protocols:
            received = protocol.datagram_received

            def receive(data: bytes, address: Any, received: Callable[[bytes, Any], None] = received) -> None:
                is_media = 128 <= data[0] < 192 and not 192 <= data[1] < 224
                if not (is_media and self.loses(data)):
                    received(data, address)

            protocol.datagram_received = receive
        return {"sdp": self.pc.localDescription.sdp, "type": "answer", "pc_id": "1"}

    async def video(self) -> VideoFrame:
        frame = await self.tracks["video"].recv()
        assert isinstance(frame, VideoFrame)
        return frame

    async def ask_for_keyframe(self) -> None:
        receiver: Any = self.pc.getTransceivers()[1].receiver
        (source,) = (one for one in receiver.getSynchronizationSources())
        await receiver._send_rtcp_pli(source.source)


@asynccontextmanager
async def called(codec: Codec = "vp8") -> AsyncIterator[tuple[Peer, Counts]]:
    """A caller who calls a peer."""
    peer, counts, pacer = Peer(), Counts(), Pacer()
    app = web.Application()

    async def start(_request: web.Request) -> web.Response:
        return web.json_response({"sessionId": "s"})

    async def offer(request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(await peer.answer(body["sdp"], body["type"]))

    app.router.add_post("/start", start)
    app.router.add_post("/sessions/s/api/offer", offer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    caller = Caller(Tracks(codec, payloads_of(clip_of(codec)), make_speech(1)), pacer, counts)
    pacing = asyncio.create_task(pacer.run())
    try:
        async with aiohttp.ClientSession() as http:
            await caller.call(f"http://127.0.0.1:{runner.addresses[0][1]}", http, 0)
            yield peer, counts
    finally:
        await caller.close()
        pacing.cancel()
        await peer.pc.close()
        await runner.cleanup()


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_peer_decodes_every_frame_of_the_clip(codec: Codec) -> None:
    async with called(codec) as (peer, counts):
        frames = [await peer.video() for _ in range(2 * LENGTH)]
        sounds = [await peer.tracks["audio"].recv() for _ in range(50)]
    assert [place(frame, codec) for frame in frames] == 2 * list(range(LENGTH))
    assert set(ticks(frames)) == {TICKS}
    assert all(isinstance(sound, AudioFrame) and sound.to_ndarray().any() for sound in sounds)
    assert counts.repeated == 0


async def test_a_caller_who_is_asked_for_a_keyframe_goes_on_with_one() -> None:
    async with called() as (peer, counts):
        frames = [await peer.video() for _ in range(5)]
        await peer.ask_for_keyframe()
        while len(frames) < LENGTH and place(frames[-1]) > 0:
            frames.append(await peer.video())
        frames += [await peer.video() for _ in range(3)]
        assert counts.keyframes == 1
    assert len(frames) < LENGTH
    assert [place(frame) for frame in frames[-4:]] == [0, 1, 2, 3]
    # To the one who decodes it is one stream.
    assert set(ticks(frames)) == {TICKS}


async def test_what_the_network_lost_is_sent_again() -> None:
    async with called() as (peer, counts):
        frames = [await peer.video()]
        passed = 0

        def every_tenth(_datagram: bytes) -> bool:
            nonlocal passed
            passed += 1
            return passed % 10 == 0

        peer.loses = every_tenth
        frames += [await peer.video() for _ in range(2 * LENGTH - 1)]
        assert counts.repeated > 0
    assert [place(frame) for frame in frames] == 2 * list(range(LENGTH))


async def test_a_server_that_takes_no_calls_is_told() -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    caller = Caller(Tracks("vp8", (), make_speech(1)), Pacer(), Counts())
    try:
        async with aiohttp.ClientSession() as http:
            with pytest.raises(DensityError, match="answers 404"):
                await caller.call(f"http://127.0.0.1:{runner.addresses[0][1]}", http, 0)
    finally:
        await caller.close()
        await runner.cleanup()
