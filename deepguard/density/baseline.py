"""The pipeline to compare with: a deepfake bot as one writes it over Pipecat, with everything in its processor.

It receives and decodes all media, and samples what comes through the pipeline: pictures are encoded where they pass,
sound is gathered byte by byte. It judges nothing, tells nobody and keeps nothing: what it costs is what media cost.
"""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from PIL import Image
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import TransportParams, VideoInSourceParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from deepguard.density.modes import Mode
from deepguard.density.noting import Arrivals
from deepguard.model import Source
from deepguard.server.bind import bind

HOST = "127.0.0.1"
STOP_SECONDS = 5.0


class SamplingProcessor(FrameProcessor):
    """Takes the pictures that are due, and speech, and passes every frame on."""

    def __init__(self, call_id: str, mode: Mode, arrivals: Arrivals) -> None:
        """Prepare for a call.

        Args:
            call_id: The call.
            mode: How tracks are sampled.
            arrivals: Where samples are noted.
        """
        super().__init__()
        self._call_id = call_id
        self._mode = mode
        self._arrivals = arrivals
        self._speaking = False
        self._picture_due = self._sound_due = 0.0
        self._sound: list[int] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Look at a frame, then pass it on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputImageRawFrame):
            self._on_picture(frame)
        elif isinstance(frame, InputAudioRawFrame):
            self._on_sound(frame)
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            self._speaking = True
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._speaking = False
            self._sound = []
        await self.push_frame(frame, direction)

    def _on_picture(self, frame: InputImageRawFrame) -> None:
        now = time.monotonic()
        if now < self._picture_due:
            return
        self._picture_due = max(self._picture_due, now - 1 / self._mode.fps) + 1 / self._mode.fps
        buffer = io.BytesIO()
        Image.frombytes(frame.format or "RGB", frame.size, frame.image).save(
            buffer, "JPEG", quality=self._mode.video.quality
        )
        self._arrivals.note(self._call_id, Source.CAMERA)

    def _on_sound(self, frame: InputAudioRawFrame) -> None:
        now = time.monotonic()
        if not self._speaking or now < self._sound_due:
            return
        self._sound.extend(frame.audio)
        size = 2 * self._mode.audio.sample_size
        if len(self._sound) < size:
            return
        bytes(self._sound[:size])
        self._sound = self._sound[size:]
        length = self._mode.audio.sample_size / self._mode.audio.sample_rate
        self._sound_due = now + max(0.0, self._mode.interval - length)
        self._arrivals.note(self._call_id, Source.MICROPHONE)


class Bots:
    """The calls of the server."""

    def __init__(self, mode: Mode, arrivals: Arrivals) -> None:
        """Begin without a call.

        Args:
            mode: How tracks are sampled.
            arrivals: Where samples are noted.
        """
        self._mode = mode
        self._arrivals = arrivals
        self._known: set[str] = set()
        self._running: dict[asyncio.Task[None], SmallWebRTCConnection] = {}

    def expect(self) -> str:
        """Begin a session; gives its id."""
        session_id = str(uuid.uuid4())
        self._known.add(session_id)
        return session_id

    async def connect(self, session_id: str, sdp: str, kind: str) -> dict[str, Any] | None:
        """Answer a session's offer, and run its bot; None when there is no such session."""
        if session_id not in self._known:
            return None
        self._known.remove(session_id)
        connection = SmallWebRTCConnection([])
        await connection.initialize(sdp, kind)
        self._running[asyncio.create_task(self._run(session_id, connection))] = connection
        return connection.get_answer()

    async def close(self) -> None:
        """End all calls."""
        for connection in self._running.values():
            await connection.disconnect()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)

    async def _run(self, session_id: str, connection: SmallWebRTCConnection) -> None:
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            video_in_enabled=True,
            video_in_sources={"camera": VideoInSourceParams()},
        )
        transport = SmallWebRTCTransport(connection, params)
        pipeline = Pipeline(
            [
                transport.input(),
                VADProcessor(vad_analyzer=SileroVADAnalyzer()),
                SamplingProcessor(session_id, self._mode, self._arrivals),
                transport.output(),
            ]
        )
        # Its idle timer knows only speech, and would hang up on callers who are silent.
        worker = PipelineWorker(pipeline, params=PipelineParams(), idle_timeout_secs=None)

        @transport.event_handler("on_client_disconnected")
        async def on_client_disconnected(_transport: SmallWebRTCTransport, _client: SmallWebRTCConnection) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
        await runner.add_workers(worker)
        await runner.run()


async def serve_baseline(mode: Mode, arrivals: Arrivals, on_started: Callable[[str], None]) -> None:
    """Serve until a signal comes.

    Args:
        mode: How tracks are sampled.
        arrivals: Where samples are noted.
        on_started: Told where the server answers.
    """
    bots = Bots(mode, arrivals)
    sockets = bind(HOST, 0)
    url = f"http://{HOST}:{sockets[0].getsockname()[1]}"

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_started(url)
        yield
        await bots.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/start")
    async def start() -> dict[str, str]:
        return {"sessionId": bots.expect()}

    @app.post("/sessions/{session_id}/api/offer")
    async def offer(session_id: str, offered: dict[str, Any]) -> dict[str, Any]:
        answer = await bots.connect(session_id, offered["sdp"], offered["type"])
        if answer is None:
            raise HTTPException(404, "There is no such session.")
        return answer

    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")).serve(sockets)


__all__ = ["serve_baseline"]
