"""The ids of a WebRTC connection's incoming tracks."""

from __future__ import annotations

from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from deepguard.model import Source

ORDER = (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
"""In which a Pipecat client offers its tracks."""


def track_id_of(connection: SmallWebRTCConnection, source: Source) -> str:
    """The id of the connection's track of a source; the source's own name when it has none.

    Args:
        connection: The connection, as it is now: after a restart its tracks are new ones.
        source: Camera, microphone or screen.
    """
    getters = {
        Source.CAMERA: connection.video_input_track,
        Source.MICROPHONE: connection.audio_input_track,
        Source.SCREEN: connection.screen_video_input_track,
    }
    track = getters[source]()
    return str(track.id) if track is not None else source.value
