"""What a connection negotiated, read from its session descriptions (SDP)."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc import RTCPeerConnection
from aiortc.codecs import is_rtx
from aiortc.sdp import MediaDescription, SessionDescription

from deepguard.model import Source
from deepguard.pipeline.receive.rtp import AUDIO_LEVEL

ORDER = (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
"""In which a Pipecat client offers its tracks."""


@dataclass(frozen=True, slots=True)
class TrackLayout:
    """How a track's packets are told from others.

    Attributes:
        kinds: Payload types of its media.
        repair_kinds: Payload types of its retransmissions.
        level_id: Id of the header extension that tells how loud a packet is; None when there is none.
        ssrcs: The streams that the sender announced for it.
    """

    kinds: frozenset[int]
    repair_kinds: frozenset[int]
    level_id: int | None
    ssrcs: frozenset[int]


def layouts_of(pc: RTCPeerConnection) -> dict[Source, TrackLayout]:
    """How the packets of a peer connection's tracks are told apart.

    Args:
        pc: Negotiated.
    """
    answer = {media.rtp.muxId: media for media in SessionDescription.parse(pc.localDescription.sdp).media}
    offer = {media.rtp.muxId: media for media in SessionDescription.parse(pc.remoteDescription.sdp).media}
    found: dict[Source, TrackLayout] = {}
    for source, transceiver in zip(ORDER, pc.getTransceivers(), strict=False):
        ours, theirs = answer.get(transceiver.mid or ""), offer.get(transceiver.mid or "")
        if ours is None or theirs is None or ours.kind not in ("audio", "video"):
            continue
        found[source] = TrackLayout(
            _types(ours, repair=False),
            _types(ours, repair=True),
            next((each.id for each in ours.rtp.headerExtensions if each.uri == AUDIO_LEVEL), None),
            frozenset(each.ssrc for each in theirs.ssrc),
        )
    return found


def _types(media: MediaDescription, *, repair: bool) -> frozenset[int]:
    codecs = media.rtp.codecs
    return frozenset(each.payloadType for each in codecs if each.payloadType is not None and is_rtx(each) is repair)


__all__ = ["ORDER", "TrackLayout", "layouts_of"]
