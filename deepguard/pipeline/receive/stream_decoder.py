"""Decodes all of a video track where samples cannot be taken from keyframes alone."""

from __future__ import annotations

import asyncio

from av import VideoFrame

from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.keyframes import CODECS, is_keyframe


class StreamDecoder:
    """A track's own decoder, which is aiortc's: it begins with a keyframe, and begins anew after a gap."""

    def __init__(self, receiver: Receiver) -> None:
        """Begin before the first keyframe.

        Args:
            receiver: Whose decoder it is.
        """
        self._receiver = receiver
        self._first: int | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing is decoded before a keyframe comes."""
        return self._first is None

    def start_over(self) -> None:
        """Wait for a keyframe: what comes next does not follow what came before."""
        self._first = None

    def put(self, frame: EncodedFrame) -> None:
        """Decode a frame, if there is a way to."""
        if frame.after_gap:
            # What refers to frames that never came looks like a picture, and is none.
            self._first = None
        if self._first is None:
            if frame.codec.name in CODECS and not is_keyframe(frame.codec.name, frame.data):
                return
            self._first = frame.timestamp
        if not self._receiver.decode(frame):
            self._first = None

    async def picture(self, seconds: float) -> VideoFrame | None:
        """Wait for a picture.

        Args:
            seconds: For so long at most.

        Returns:
            The next one; None when none came, or one of frames that were given to the decoder at another time.

        Raises:
            MediaStreamError: The track ended.
        """
        try:
            async with asyncio.timeout(seconds):
                frame = await self._receiver.receiver.track.recv()
        except TimeoutError:
            return None
        if self._first is None or frame.pts is None or frame.pts < self._first:
            return None
        return frame if isinstance(frame, VideoFrame) else None


__all__ = ["StreamDecoder"]
