"""The pipeline of a guarded WebRTC call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.transports.base_transport import BaseTransport, TransportParams, VideoInSourceParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport

from deepguard.guard.guard import Guard
from deepguard.model import Source
from deepguard.pipeline.processor import DeepfakeGuardProcessor


def new_transport(connection: SmallWebRTCConnection, *, screen: bool) -> SmallWebRTCTransport:
    """A transport that takes audio and video in and sends none.

    Args:
        connection: The call's connection.
        screen: Whether a shared screen is received too.
    """
    sources = {"camera": VideoInSourceParams()}
    if screen:
        sources["screenVideo"] = VideoInSourceParams()
    params = TransportParams(audio_in_enabled=True, video_in_enabled=True, video_in_sources=sources)
    return SmallWebRTCTransport(connection, params)


async def new_worker(
    transport: BaseTransport,
    guard: Guard,
    *,
    participant_id: str,
    screen: bool,
    track_id: Callable[[Source], str],
) -> PipelineWorker:
    """The worker that runs one call's pipeline.

    Args:
        transport: The call's transport.
        guard: The call's guard.
        participant_id: Whose media it is.
        screen: Whether a shared screen is sampled too.
        track_id: Gives the transport's id of a track.
    """
    # Loading the speech model takes tens of milliseconds: not on the loop that carries the other calls.
    analyzer = await asyncio.to_thread(SileroVADAnalyzer)
    pipeline = Pipeline(
        [
            transport.input(),
            VADProcessor(vad_analyzer=analyzer),
            DeepfakeGuardProcessor(guard, participant_id=participant_id, screen=screen, track_id=track_id),
            transport.output(),
        ]
    )
    return PipelineWorker(
        pipeline,
        params=PipelineParams(),
        # Pipecat's idle timer knows only speech: it would hang up on a quiet caller.
        idle_timeout_secs=None,
        enable_turn_tracking=False,
    )
