"""A WebRTC connection's incoming tracks, and their ids."""

from __future__ import annotations

from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection, SmallWebRTCTrack

from deepguard.model import Source

ORDER = (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
"""In which a Pipecat client offers its tracks."""


def track_of(connection: SmallWebRTCConnection, source: Source) -> SmallWebRTCTrack | None:
    """The connection's track of a source; None when it has none, or none that anything is sent on.

    Args:
        connection: The connection, as it is now: after a restart its tracks are new ones.
        source: Camera, microphone or screen.
    """
    # Asked first: Pipecat makes a track of nothing of one that is only to be sent, and keeps it.
    transceivers, at = connection.pc.getTransceivers(), ORDER.index(source)
    if at >= len(transceivers) or transceivers[at].receiver.track is None:
        return None
    getters = {
        Source.CAMERA: connection.video_input_track,
        Source.MICROPHONE: connection.audio_input_track,
        Source.SCREEN: connection.screen_video_input_track,
    }
    return getters[source]()


def track_id_of(connection: SmallWebRTCConnection, source: Source) -> str:
    """The id of the connection's track of a source; the source's own name when it has none.

    Args:
        connection: The connection, as it is now: after a restart its tracks are new ones.
        source: Camera, microphone or screen.
    """
    track = track_of(connection, source)
    return str(track.id) if track is not None else source.value
