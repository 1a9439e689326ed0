"""A detector that reads its verdict in the sample, and what the tests of the wire server share."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aiohttp
from aiohttp import web

from deepguard.contracts import Detector, DetectorType, PluginConfig
from deepguard.detectors.wire_server import create_app
from deepguard.errors import DetectorError
from deepguard.model import Call, Judgement, Sample, SampleEnded, SampleFormat, SampleOutcome, Verdict


class WordConfig(PluginConfig):
    """How it behaves."""

    opens: bool = True
    formats: tuple[SampleFormat, ...] = tuple(SampleFormat)


class WordDetector(Detector):
    """Judges each sample as its bytes say, ``b"alert"`` as alert; ``b"silence"`` waits, ``b"break"`` fails."""

    name: ClassVar[str] = "word"

    def __init__(self, config: WordConfig) -> None:
        super().__init__()
        self.formats = frozenset(config.formats)
        self.call: Call | None = None
        self.samples: list[Sample] = []
        self.closed = False
        self._config = config
        self._waiting: list[Sample] = []

    async def open(self, call: Call) -> None:
        """Begin."""
        if not self._config.opens:
            raise DetectorError("not today")
        self.call = call

    def submit(self, sample: Sample) -> None:
        """Judge."""
        self.samples.append(sample)
        word = sample.data.decode()
        if word == "silence":
            self._waiting.append(sample)
            return
        if word == "break":
            self.emit(None)  # type: ignore[arg-type]
            return
        self.emit(
            Verdict(
                participant_id=sample.participant_id,
                track_id=sample.track_id,
                source=sample.source,
                judgement=Judgement(word),
                received_at=time.time(),
                detector=self.name,
                message=f"it says {word}",
                sample_id=sample.id,
                captured_at=sample.captured_at,
            )
        )
        self.emit(SampleEnded(sample.id, SampleOutcome.JUDGED))

    async def events(self) -> AsyncIterator[Any]:
        """Its stream; breaks when told to."""
        async for event in super().events():
            yield event
        if not self.closed:
            raise RuntimeError("broken")

    async def close(self) -> None:
        """End."""
        self.closed = True
        for sample in self._waiting:
            self.emit(SampleEnded(sample.id, SampleOutcome.EXPIRED, "never said"))
        self.finish()


class Served:
    """A wire server on loopback, with every detector that it made."""

    def __init__(self) -> None:
        self.detectors: list[WordDetector] = []
        self.port = 0
        self.runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"ws://127.0.0.1:{self.port}/api/v4/deepfake/stream"

    def build(self, config: WordConfig) -> WordDetector:
        """Make a detector, and remember it."""
        self.detectors.append(WordDetector(config))
        return self.detectors[-1]


@asynccontextmanager
async def served(config: WordConfig | None = None, **options: Any) -> AsyncIterator[Served]:
    """Serve the detector; ``options`` are those of ``create_app``."""
    server = Served()
    app = create_app(DetectorType("word", WordConfig, server.build), config or WordConfig(), **options)
    server.runner = web.AppRunner(app, shutdown_timeout=1)
    await server.runner.setup()
    try:
        await web.TCPSite(server.runner, "127.0.0.1", 0).start()
        server.port = server.runner.addresses[0][1]
        yield server
    finally:
        await server.runner.cleanup()


@asynccontextmanager
async def raw(server: Served, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connection without the client's manners."""
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url, max_msg_size=0, **options) as ws:
        yield ws
