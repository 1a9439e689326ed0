"""The way of a connection's tracks to the guard as encoded frames. Imported only where aiortc is as it has to be."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCPeerConnection

from deepguard.guard.intake import Intake
from deepguard.guard.track import PictureTrack, SoundTrack
from deepguard.model import Source
from deepguard.pipeline.receive.camera import Camera
from deepguard.pipeline.receive.counts import ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.gate import Gate
from deepguard.pipeline.receive.gates import Gates
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.layout import layouts_of
from deepguard.pipeline.receive.microphone import Microphone
from deepguard.pipeline.tracks import ORDER

MOST_BITS = 2_500_000
"""Bits a second that a sender may send: what browsers give 1280x720 at most. They begin at once with what they may."""


@dataclass(frozen=True, slots=True)
class EncodedTracks:
    """What became of the tracks of a connection.

    Attributes:
        gates: What packets come through.
        work: What is to be run for each track, until it ends.
        followed: The tracks, as the guard follows them, each with its gate.
    """

    gates: Gates
    work: list[tuple[Source, Coroutine[Any, Any, None]]] = field(default_factory=list)
    followed: list[tuple[Gate, PictureTrack | SoundTrack]] = field(default_factory=list)


def take_encoded(
    pc: RTCPeerConnection,
    participant_id: str,
    tracks: Mapping[Source, PictureTrack | SoundTrack],
    intake: Intake,
    *,
    counts: ReceiveCounts,
    decode_all: bool,
    patience: float,
    most: ReceiveLevel,
) -> EncodedTracks:
    """Take tracks before they are decoded, through gates.

    Args:
        pc: The peer connection, connected.
        participant_id: Whose.
        tracks: The tracks, as the guard follows them.
        intake: Where pictures and sound go.
        counts: What is counted.
        decode_all: Whether all of the pictures are to be decoded.
        patience: Seconds without a packet after which it is looked whether any come.
        most: The earliest level that is tried.
    """
    gates = Gates(pc, patience, most)
    taken = EncodedTracks(gates)
    layouts = layouts_of(pc)
    transceivers = dict(zip(ORDER, pc.getTransceivers(), strict=False))
    put_up: list[tuple[Gate, Receiver]] = []
    for source, track in tracks.items():
        layout = layouts.get(source)
        if layout is None:
            continue
        receiver = gates.open_receiver(transceivers[source].receiver, layout)
        gate = Gate(
            source,
            receiver,
            layout.kinds,
            layout.repair_kinds,
            counts=counts,
            changed=gates.changed,
            level_id=layout.level_id if source.is_audio else None,
            opus_kinds=layout.opus_kinds,
        )
        put_up.append((gate, receiver))
        taken.followed.append((gate, track))
        if isinstance(track, PictureTrack):
            camera = Camera(participant_id, track, intake, gate, receiver, counts=counts, decode_all=decode_all)
            taken.work.append((source, camera.run()))
            receiver.stop_estimating()
            receiver.allow_bitrate(MOST_BITS, layout.ssrcs)
        else:
            microphone = Microphone(participant_id, track, intake, gate, counts=counts)
            receiver.tap(microphone.take, microphone.end)
            taken.work.append((source, microphone.run()))
    gates.put_up(put_up)
    return taken


__all__ = ["MOST_BITS", "EncodedTracks", "take_encoded"]
