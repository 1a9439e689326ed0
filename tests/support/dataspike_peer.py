"""A service on loopback that does what a test's script says, and the other things that tests of the client share."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import WSMsgType, web

from deepguard.contracts import Detector, DetectorEvent
from deepguard.detectors.dataspike.client import DataspikeDetector
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.model import (
    Call,
    DetectorHealth,
    HealthState,
    Sample,
    SampleEnded,
    SampleFormat,
    SampleOutcome,
    Source,
    Verdict,
)
from support.vendor_schema import FrameRequest, ResultEvent, Type

TIME_LIMIT = 20.0
"""Seconds until a test that waits for what never comes gives up."""

API_KEY = "key-that-nobody-may-see"
CALL = Call(id="call", started_at=1_700_000_000.0)

_ids = itertools.count(1)


class Session:
    """The service's end of one WebSocket."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self._request = request

    async def frame(self) -> FrameRequest:
        """Wait for the next frame."""
        message = await self.ws.receive()
        assert message.type is WSMsgType.BINARY, message
        return FrameRequest().parse(message.data)

    async def answer(self, frame: FrameRequest, verdict: int = Type.CLEAR, message: str = "") -> None:
        """Send a verdict for a frame's track."""
        await self.result(frame.participant_id, frame.track_id, verdict, message)

    async def result(self, participant: str, track: str, verdict: int = Type.CLEAR, message: str = "") -> None:
        """Send a verdict."""
        event = ResultEvent(type=verdict, participant_id=participant, track_id=track, message=message)  # type: ignore
        await self.ws.send_bytes(bytes(event))

    def reset(self) -> None:
        """Cut the connection without a word."""
        assert self._request.transport is not None
        self._request.transport.abort()

    def stop_reading(self) -> None:
        """Leave everything that comes from now on in the network."""
        assert self._request.transport is not None
        self._request.transport.pause_reading()

    async def closed(self) -> int | None:
        """Wait until the client closes, ignoring what else it says; the answer is its close code."""
        async for _ in self.ws:
            pass
        return self.ws.close_code


Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


def session(script: Callable[[Session], Awaitable[None]]) -> Script:
    """Take the handshake, and go on as ``script`` says; what it leaves open is closed."""

    async def handle(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(max_msg_size=0, compress=False)
        await ws.prepare(request)
        await script(Session(ws, request))
        return ws

    return handle


def status(code: int, headers: Mapping[str, str] | None = None) -> Script:
    """Refuse the handshake."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return handle


@session
async def answering(peer: Session) -> None:
    """Answer every frame with CLEAR until the client closes."""
    async for message in peer.ws:
        await peer.answer(FrameRequest().parse(message.data))


def closing(code: int, reason: str = "") -> Script:
    """Take the handshake, and close at once."""

    @session
    async def handle(peer: Session) -> None:
        await peer.ws.close(code=code, message=reason.encode())

    return handle


class Peer:
    """Serves on loopback: each connection gets the next script, and the last one from then on.

    Attributes:
        handshakes: The headers of each attempt to connect.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.handshakes: list[Mapping[str, str]] = []
        self.port = 0
        # A port may be given again within minutes, and what a process has learnt about an address stays that long.
        self._path = f"stream-{next(_ids)}"

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"ws://127.0.0.1:{self.port}/{self._path}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.handshakes.append(request.headers)
        return await script(request)


class Events:
    """Reads a detector's stream, and keeps what it has read."""

    def __init__(self, detector: Detector) -> None:
        self._stream = detector.events()
        self.seen: list[DetectorEvent] = []

    async def until(self, wanted: Callable[[DetectorEvent], bool]) -> None:
        """Read until an event is ``wanted``, which is then the last of ``seen``."""
        async with asyncio.timeout(TIME_LIMIT):
            async for event in self._stream:
                self.seen.append(event)
                if wanted(event):
                    return
        raise AssertionError(f"the stream ended; it held {self.seen}")

    async def verdict(self) -> Verdict:
        """Read until the next verdict."""
        await self.until(lambda event: isinstance(event, Verdict))
        assert isinstance(self.seen[-1], Verdict)
        return self.seen[-1]

    async def ended(self, sample: Sample) -> SampleEnded:
        """Read until the sample ends."""
        await self.until(lambda event: isinstance(event, SampleEnded) and event.sample_id == sample.id)
        assert isinstance(self.seen[-1], SampleEnded)
        return self.seen[-1]

    async def health(self, state: HealthState) -> DetectorHealth:
        """Read until the health is ``state``."""
        await self.until(lambda event: isinstance(event, DetectorHealth) and event.state is state)
        assert isinstance(self.seen[-1], DetectorHealth)
        return self.seen[-1]

    async def rest(self) -> list[DetectorEvent]:
        """Read to the end of the stream; the answer is all that was ever read."""
        async with asyncio.timeout(TIME_LIMIT):
            async for event in self._stream:
                self.seen.append(event)
        return self.seen

    def outcomes(self) -> dict[str, list[SampleOutcome]]:
        """How each sample ended, as far as was read."""
        outcomes: dict[str, list[SampleOutcome]] = {}
        for event in self.seen:
            if isinstance(event, SampleEnded):
                outcomes.setdefault(event.sample_id, []).append(event.outcome)
        return outcomes

    def verdicts(self) -> list[Verdict]:
        """The verdicts, as far as was read."""
        return [event for event in self.seen if isinstance(event, Verdict)]


def configure(url: str, **settings: object) -> DataspikeConfig:
    """Settings with short waits, where a test does not say otherwise."""
    quick = {"api_key": API_KEY, "backoff_base": 0.01, "backoff_cap": 0.02, "drain_timeout": 0.5, "close_timeout": 0.5}
    return DataspikeConfig.model_validate({"url": url, **quick, **settings}, context={"environ": {}})


def make_sample(
    participant: str = "p1", track: str = "camera-1", source: Source = Source.CAMERA, **other: object
) -> Sample:
    """A sample with an id of its own."""
    fields: dict[str, object] = {
        "id": f"sample-{next(_ids)}",
        "call_id": CALL.id,
        "participant_id": participant,
        "track_id": track,
        "source": source,
        "format": SampleFormat.PCM if source.is_audio else SampleFormat.JPEG,
        "data": b"\x00\x01",
        "captured_at": 1_700_000_000.25,
    }
    return Sample(**(fields | other))  # pyright: ignore[reportArgumentType]


async def opened(config: DataspikeConfig) -> tuple[DataspikeDetector, Events]:
    """A detector that has begun to connect, and its stream."""
    detector = DataspikeDetector(config)
    await detector.open(CALL)
    return detector, Events(detector)
