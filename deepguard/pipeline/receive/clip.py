"""A keyframe and what came after it, as it came; decoded only when a picture is wanted of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from av import CodecContext, Packet, VideoFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from deepguard.errors import MediaError
from deepguard.media.picture import FramePicture
from deepguard.media.raw import MAX_PIXELS
from deepguard.pipeline.receive.frames import EncodedFrame

CLOCK = 90_000
"""RTP's, of video: ticks a second."""

MOST_FRAMES = 300
"""Frames of a clip: ten seconds, as long as it may take to know whether a sender answers requests."""

MOST_BYTES = 16_000_000
"""The same, in bytes: five times what a sender is allowed in that time."""

_DECODERS = {"VP8": "vp8", "H264": "h264"}


@dataclass(slots=True)
class Clip:
    """Frames of one track that follow each other without a gap.

    Attributes:
        frames: The keyframe, and those after it.
        whole: Whether what comes next follows them; false when some were left out.
    """

    frames: list[EncodedFrame] = field(default_factory=list, repr=False)
    whole: bool = True

    def add(self, frame: EncodedFrame) -> None:
        """Add what came next, as long as it follows, and there are not too many."""
        if frame.after_gap or len(self.frames) >= MOST_FRAMES or sum(self.sizes) > MOST_BYTES:
            self.whole = False
        elif self.frames and self.whole:
            self.frames.append(frame)

    @property
    def codec(self) -> str:
        """What the frames are encoded with."""
        return self.frames[0].codec.name

    @property
    def seconds(self) -> float:
        """From the keyframe's time to the last frame's, as the sender counts it."""
        return (self.frames[-1].timestamp - self.frames[0].timestamp) / CLOCK

    @property
    def sizes(self) -> list[int]:
        """Bytes of each frame."""
        return [len(frame.data) for frame in self.frames]

    def read(self) -> FramePicture:
        """Decode it, and give its last picture. Blocks; may be called from any thread.

        The decoder lives only as long as this: one for each call would hold some megabytes of pictures.

        Raises:
            MediaError: No picture could be decoded; not all frames need to be sound.
        """
        codec: VideoCodecContext = CodecContext.create(_DECODERS[self.codec], "r")  # type: ignore[assignment]
        # Threads of its own would cost more than the few frames.
        codec.thread_count = 1
        # A few bytes may claim any size, and others' pictures would wait for it.
        codec.options = {"max_pixels": str(MAX_PIXELS)}
        last: VideoFrame | None = None
        reason = "nothing came out of the decoder"
        # At the end, what the decoder held back to put frames in order.
        for packet in (*(Packet(frame.data) for frame in self.frames), None):
            try:
                last = next(reversed(codec.decode(packet)), last)
            except FFmpegError as error:
                reason = str(error)
        if last is None:
            raise MediaError(f"a {self.codec} picture could not be decoded: {reason}")
        return FramePicture(last)


__all__ = ["CLOCK", "MOST_BYTES", "MOST_FRAMES", "Clip"]
