"""How a due picture reaches the guard, whichever way it was decoded."""

from __future__ import annotations

from av import VideoFrame

from deepguard.guard.intake import Intake
from deepguard.guard.track import PictureTrack
from deepguard.media.picture import FramePicture
from deepguard.pipeline.receive.counts import ReceiveCounts


def offer(
    frame: VideoFrame, came: float, participant_id: str, track: PictureTrack, intake: Intake, counts: ReceiveCounts
) -> None:
    """Offer a frame, and note how late it is when it was taken.

    Args:
        frame: Decoded.
        came: When it came (Unix).
        participant_id: Whose track.
        track: The track.
        intake: Where pictures go.
        counts: What is counted.
    """
    due_at = track.sampler.due_at
    if intake.offer_due(participant_id, track, FramePicture(frame), came):
        counts.note_taken(due_at)


__all__ = ["offer"]
