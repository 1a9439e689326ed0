"""The way of a track's media to the guard where only decoded frames can be had: all of it is decoded."""

from __future__ import annotations

import time

from aiortc import MediaStreamError
from av import AudioFrame, VideoFrame
from pipecat.transports.smallwebrtc.connection import SmallWebRTCTrack

from deepguard.guard.intake import Intake
from deepguard.guard.track import PictureTrack
from deepguard.pipeline.receive.counts import ReceiveCounts
from deepguard.pipeline.receive.microphone import Microphone
from deepguard.pipeline.receive.offering import offer


async def take_pictures(
    received: SmallWebRTCTrack, participant_id: str, track: PictureTrack, intake: Intake, counts: ReceiveCounts
) -> None:
    """Offer a video track's frames that are due, until it ends; the others are not even converted.

    Args:
        received: The track, as the transport receives it.
        participant_id: Whose.
        track: The track, as the guard follows it.
        intake: Where pictures go.
        counts: What is counted.
    """
    try:
        while True:
            frame = await received.recv()
            if frame is None:
                # The sender said that it turned it off: what comes all the same is looked at.
                received.set_enabled(True)
                continue
            track.facts.last_media = time.monotonic()
            if isinstance(frame, VideoFrame) and track.facts.last_media >= track.sampler.due_at:
                offer(frame, time.time(), participant_id, track, intake, counts)
    except MediaStreamError:
        return


async def take_sound(received: SmallWebRTCTrack, microphone: Microphone) -> None:
    """Give a microphone what was decoded of its track, until that ends.

    Args:
        received: The track, as the transport receives it.
        microphone: Listens.
    """
    try:
        while True:
            frame = await received.recv()
            if isinstance(frame, AudioFrame):
                microphone.take(frame)
    except MediaStreamError:
        microphone.end()


__all__ = ["take_pictures", "take_sound"]
