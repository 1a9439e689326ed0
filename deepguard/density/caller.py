"""One caller: negotiates as any client of Pipecat does, and hands its tracks to the pacer."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from deepguard.density.errors import DensityError
from deepguard.density.media import Codec, Sound
from deepguard.density.pacer import Pacer
from deepguard.density.streams import AudioStream, Counts, Payloads, Stream, VideoStream, be_deaf

CONNECT_SECONDS = 30.0
PING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tracks:
    """What a caller sends.

    Attributes:
        codec: Of the video.
        video: Payloads of the clip, by frame.
        sound: The sound.
    """

    codec: Codec
    video: Payloads
    sound: Sound


class Caller:
    """A caller of one call.

    Attributes:
        lost: Whether the connection broke, or was closed by the server.
    """

    def __init__(self, tracks: Tracks, pacer: Pacer, counts: Counts) -> None:
        """Prepare to call.

        Args:
            tracks: What to send.
            pacer: Sends it.
            counts: Where to count.
        """
        self.lost = False
        self._pacer = pacer
        self._changed = asyncio.Event()
        self._pinging: asyncio.Task[None] | None = None
        self._closing = False
        self._pc = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._pc.on("connectionstatechange", self._on_state)
        # As clients do: audio, video, then the channel, and each in both directions.
        audio, video = (self._pc.addTransceiver(kind, direction="sendrecv") for kind in ("audio", "video"))
        wanted = {"video/vp8": "vp8", "video/h264": "h264", "video/rtx": tracks.codec}
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in codecs if wanted.get(codec.mimeType.lower()) == tracks.codec])
        self._streams: tuple[Stream, ...] = (
            AudioStream(audio.sender, counts, tracks.sound),
            VideoStream(video.sender, counts, tracks.video, described=tracks.codec == "vp8"),
        )
        for transceiver in (audio, video):
            # Nothing of what the server sends is decoded: no receiver is begun.
            transceiver.receiver.receive = _receive_nothing  # pyright: ignore[reportAttributeAccessIssue]
        self._channel = self._pc.createDataChannel("chat")
        self._channel.on("open", self._changed.set)

    async def call(self, url: str, http: aiohttp.ClientSession, phase: float) -> None:
        """Connect, and begin to send.

        Args:
            url: Where the server answers.
            http: For the requests.
            phase: Where in their periods its streams send, 0 to 1.

        Raises:
            DensityError: The server does not take the call.
        """
        session = await _post(http, f"{url}/start", {"transport": "webrtc", "body": {}})
        await self._pc.setLocalDescription(await self._pc.createOffer())
        offer = self._pc.localDescription
        path = f"{url}/sessions/{session['sessionId']}/api/offer"
        answer = await _post(http, path, {"sdp": offer.sdp, "type": offer.type})
        await self._pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected()
        except TimeoutError:
            raise DensityError(f"a call did not connect within {CONNECT_SECONDS:g} s") from None
        be_deaf(self._pc.getTransceivers()[0].sender.transport)
        self._pinging = asyncio.create_task(self._ping(self._channel))
        for stream in self._streams:
            self._pacer.add(stream, phase)

    async def close(self) -> None:
        """Hang up."""
        self._closing = True
        for stream in self._streams:
            self._pacer.remove(stream)
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.wait({self._pinging})
        await self._pc.close()

    async def _connected(self) -> None:
        while self._channel.readyState != "open" or not all(stream.begun for stream in self._streams):
            if self.lost:
                raise DensityError("a call was ended by the server before it had begun")
            self._changed.clear()
            await self._changed.wait()

    def _on_state(self) -> None:
        self.lost = self.lost or (self._pc.connectionState in ("failed", "closed") and not self._closing)
        self._changed.set()

    async def _ping(self, channel: RTCDataChannel) -> None:
        ready = {"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {"version": "1.0.0"}}
        channel.send(json.dumps(ready))
        while channel.readyState == "open":
            channel.send(f"ping: {int(time.time() * 1000)}")
            await asyncio.sleep(PING_SECONDS)


async def _receive_nothing(_parameters: Any) -> None:
    pass


async def _post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with http.post(url, json=body) as response:
        if response.status != 200:
            raise DensityError(f"the server does not take a call: it answers {response.status}")
        return await response.json()


__all__ = ["Caller", "Tracks"]
