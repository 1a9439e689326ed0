"""The pipeline of a guarded WebRTC call.

Media does not travel it: the receive path takes that from the connection itself. What does are in-call messages.
"""

from __future__ import annotations

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport


def new_transport(connection: SmallWebRTCConnection) -> SmallWebRTCTransport:
    """A transport that neither takes media in nor sends any.

    Args:
        connection: The call's connection.
    """
    return SmallWebRTCTransport(connection, TransportParams())


def new_worker(transport: BaseTransport) -> PipelineWorker:
    """The worker that runs one call's pipeline.

    Args:
        transport: The call's transport.
    """
    return PipelineWorker(
        Pipeline([transport.input(), transport.output()]),
        params=PipelineParams(),
        # Pipecat's idle timer knows only speech: it would hang up on a quiet caller.
        idle_timeout_secs=None,
        enable_turn_tracking=False,
    )
