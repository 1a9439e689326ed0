"""A caller over real WebRTC (aiortc): a moving picture and a voice, to any server that speaks Pipecat's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Any

import aiohttp
import numpy as np
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

VOICE_RATE = 48000


class MovingPicture(VideoStreamTrack):
    """30 frames a second of a gradient that moves, with a little noise as cameras have."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__()
        self._noise = np.random.default_rng(7).integers(0, 12, (8, height, width, 3), dtype=np.uint8)
        self._base = np.add.outer(np.arange(height), np.arange(width)) % 200
        self._count = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._count += 1
        moved = np.roll(self._base, self._count * 3, axis=1).astype(np.uint8)
        frame = VideoFrame.from_ndarray(moved[..., None] + self._noise[self._count % 8], format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Voice(AudioStreamTrack):
    """Plays 16-bit mono PCM at 48 kHz in a loop, in real time."""

    def __init__(self, pcm: bytes) -> None:
        super().__init__()
        self._samples = np.frombuffer(pcm, dtype=np.int16)
        self._position = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        count = VOICE_RATE // 50
        now = time.monotonic()
        if self._began is None:
            self._began = now
        wait = self._began + self._position / VOICE_RATE - now
        if wait > 0:
            await asyncio.sleep(wait)
        chosen = np.take(self._samples, np.arange(self._position, self._position + count), mode="wrap")
        frame = AudioFrame.from_ndarray(chosen[None, :], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = VOICE_RATE, self._position, Fraction(1, VOICE_RATE)
        self._position += count
        return frame


class Caller:
    """One participant of a call.

    Attributes:
        session_id: The session that the server gave.
        messages: What came over the data channel, read as JSON.
        events: What the live stream told, while ``follow`` runs.
    """

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.session_id = ""
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._url = url
        self._http = http
        self._pc = RTCPeerConnection()
        self._pc_id = ""
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def dial(self, body: dict[str, Any], *, voice: bytes | None = None) -> None:
        """Start a session and connect."""
        answer = await self._post("/start", {"transport": "webrtc", "body": body})
        self.session_id = answer["sessionId"]
        await self._connect({}, voice)
        self._tasks.append(asyncio.create_task(self._follow()))

    async def reconnect(self) -> None:
        """Connect anew within the session, as clients do whose network changed."""
        old, self._pc = self._pc, RTCPeerConnection()
        await self._connect({"pc_id": self._pc_id, "restart_pc": True}, None)
        await old.close()

    async def vanish(self) -> None:
        """Ask for a new connection, and do not come."""
        body = {"sdp": self._pc.localDescription.sdp, "type": "offer", "pc_id": self._pc_id, "restart_pc": True}
        await self._post(f"/sessions/{self.session_id}/api/offer", body)
        await self._pc.close()

    async def _connect(self, more: dict[str, Any], voice: bytes | None) -> None:
        self._pc.addTrack(Voice(voice if voice is not None else bytes(VOICE_RATE * 2)))
        self._pc.addTrack(MovingPicture())
        channel = self._pc.createDataChannel("chat")
        channel.on("message", self._on_message)
        channel.on("open", lambda: self._tasks.append(asyncio.create_task(self._ping(channel))))
        await self._pc.setLocalDescription(await self._pc.createOffer())
        offer = self._pc.localDescription
        body = {"sdp": offer.sdp, "type": offer.type, **more}
        answer = await self._post(f"/sessions/{self.session_id}/api/offer", body)
        self._pc_id = answer["pc_id"]
        await self._pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))

    async def until(self, found: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
        """The first event of the live stream, from the beginning, that is looked for."""

        def first() -> dict[str, Any] | None:
            return next((event for event in self.events if found(event)), None)

        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: first() is not None)
        event = first()
        assert event is not None
        return event

    async def until_message(self, found: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
        """The first message on the data channel that is looked for."""

        def first() -> dict[str, Any] | None:
            return next((message for message in self.messages if found(message)), None)

        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: first() is not None)
        message = first()
        assert message is not None
        return message

    async def hang_up(self) -> None:
        await self._pc.close()

    async def close(self) -> None:
        await self._pc.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(self._url + path, json=body) as response:
            answer = await response.json()
            assert response.status == 200, (response.status, answer)
            return answer

    def _on_message(self, message: str) -> None:
        self.messages.append(json.loads(message))
        self._tasks.append(asyncio.create_task(self._tell()))

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _ping(self, channel: RTCDataChannel) -> None:
        ready = {"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {"version": "1.0.0"}}
        channel.send(json.dumps(ready))
        while channel.readyState == "open":
            channel.send(f"ping: {int(time.time() * 1000)}")
            await asyncio.sleep(1)

    async def _follow(self) -> None:
        async with self._http.get(f"{self._url}/sessions/{self.session_id}/events") as response:
            if response.status != 200:
                return
            async for line in response.content:
                if line.startswith(b"data: "):
                    self.events.append(json.loads(line[6:]))
                    await self._tell()


@contextlib.asynccontextmanager
async def calling(url: str, body: dict[str, Any] | None = None, *, voice: bytes | None = None) -> AsyncIterator[Caller]:
    """A caller who is connected for as long as the block lasts."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        caller = Caller(url, http)
        try:
            await caller.dial(body or {}, voice=voice)
            yield caller
        finally:
            await caller.close()
