"""A keyframe and what came after it, as it came; decoded only when a picture is wanted of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast
from weakref import WeakSet

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
"""After the keyframe the same, in bytes: five times what a sender is allowed in that time."""

MOST_AHEAD = 16
"""Clips of all calls that are decoded before their picture is wanted: each one's decoder holds some megabytes."""

_DECODERS = {"VP8": "vp8", "H264": "h264"}


class _Decoding:
    """How far a clip is decoded."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ended = False
        self._codec: VideoCodecContext | None = None
        self._taken = 0
        self._last: VideoFrame | None = None
        self._reason = "nothing came out of the decoder"

    def take(self, codec: str, frames: Sequence[EncodedFrame]) -> None:
        """Decode those that were not yet."""
        if self._codec is None:
            self._codec = cast("VideoCodecContext", CodecContext.create(_DECODERS[codec], "r"))
            # Threads of its own would cost more than the few frames.
            self._codec.thread_count = 1
            # A few bytes may claim any size, and others' pictures would wait for it.
            self._codec.options = {"max_pixels": str(MAX_PIXELS)}
        for frame in frames[self._taken :]:
            self._taken += 1
            self._decode(self._codec, Packet(frame.data))

    def end(self) -> tuple[VideoFrame | None, str]:
        """The last picture, or why there is none; what the decoder held back to put frames in order comes now."""
        if self._codec is not None:
            self._decode(self._codec, None)
        self.ended, self._codec = True, None
        last, self._last = self._last, None
        return last, self._reason

    def _decode(self, codec: VideoCodecContext, packet: Packet | None) -> None:
        try:
            self._last = next(reversed(codec.decode(packet)), self._last)
        except FFmpegError as error:
            self._reason = str(error)


@dataclass(slots=True)
class Clip:
    """Frames of one track that follow each other without a gap.

    Attributes:
        frames: The keyframe, and those after it.
        whole: Whether what comes next follows them; false when some were left out.
        ahead: How many of them are to be decoded before a picture is wanted.
    """

    frames: list[EncodedFrame] = field(default_factory=list, repr=False)
    whole: bool = True
    ahead: int = 0
    _bytes: int = 0
    _decoding: _Decoding = field(default_factory=_Decoding, repr=False, compare=False)

    def add(self, frame: EncodedFrame) -> None:
        """Add what came next, as long as it follows, and there are not too many."""
        self._bytes += len(frame.data)
        if frame.after_gap or len(self.frames) >= MOST_FRAMES or self._bytes > MOST_BYTES:
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

    def so_far(self) -> Clip:
        """What there is of it now: it does not grow any more, and what was decoded of it stays so."""
        return replace(self, frames=list(self.frames))

    def read_ahead(self) -> None:
        """Decode what has come, unless too many clips are being decoded: the picture is there sooner when it is wanted.

        Blocks, but does not wait where it is being decoded already; may be called from any thread.
        """
        decoding = self._decoding
        if not decoding.lock.acquire(blocking=False):
            return
        try:
            if not decoding.ended and _may_go_ahead(decoding):
                decoding.take(self.codec, self.frames)
        finally:
            decoding.lock.release()

    def read(self) -> FramePicture:
        """Decode it, and give its last picture; once. Blocks; may be called from any thread.

        The decoder lives only as long as this takes: one for each call would hold some megabytes of pictures.

        Raises:
            MediaError: No picture could be decoded; not all frames need to be sound.
        """
        decoding = self._decoding
        with decoding.lock:
            decoding.take(self.codec, self.frames)
            last, reason = decoding.end()
        with _counting:
            _ahead.discard(decoding)
        if last is None:
            raise MediaError(f"a {self.codec} picture could not be decoded: {reason}")
        return FramePicture(last)


_ahead: WeakSet[_Decoding] = WeakSet()
_counting = threading.Lock()


def _may_go_ahead(decoding: _Decoding) -> bool:
    with _counting:
        if decoding not in _ahead and len(_ahead) >= MOST_AHEAD:
            return False
        _ahead.add(decoding)
        return True


__all__ = ["CLOCK", "MOST_AHEAD", "MOST_BYTES", "MOST_FRAMES", "Clip"]
