"""What a connection negotiated, read from its session descriptions (SDP)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiortc import RTCPeerConnection
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import SessionDescription

from deepguard.model import Source
from deepguard.pipeline.receive.rtp import AUDIO_LEVEL
from deepguard.pipeline.tracks import ORDER


@dataclass(frozen=True, slots=True)
class TrackLayout:
    """How a track's packets are told from others.

    Attributes:
        codecs: What it may be encoded with, by payload type; retransmissions are among them.
        level_id: Id of the header extension that tells how loud a packet is; None when there is none.
        ssrcs: The streams that the sender announced for it.
    """

    codecs: Mapping[int, RTCRtpCodecParameters]
    level_id: int | None
    ssrcs: frozenset[int]

    @property
    def kinds(self) -> frozenset[int]:
        """Payload types of its media."""
        return frozenset(kind for kind, codec in self.codecs.items() if not is_rtx(codec))

    @property
    def repair_kinds(self) -> frozenset[int]:
        """Payload types of its retransmissions."""
        return frozenset(kind for kind, codec in self.codecs.items() if is_rtx(codec))

    @property
    def opus_kinds(self) -> frozenset[int]:
        """Payload types of its media that are Opus."""
        return frozenset(kind for kind, codec in self.codecs.items() if codec.mimeType.lower() == "audio/opus")


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
            {each.payloadType: each for each in ours.rtp.codecs if each.payloadType is not None},
            next((each.id for each in ours.rtp.headerExtensions if each.uri == AUDIO_LEVEL), None),
            frozenset(each.ssrc for each in theirs.ssrc),
        )
    return found


__all__ = ["TrackLayout", "layouts_of"]
