"""Pictures on their way to the encoder, whatever they come as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from deepguard.config.models import VideoParams
from deepguard.media.encode import EncodedPicture, encode_picture
from deepguard.media.planes import encode_frame, thumbnail_of_planes
from deepguard.media.thumbnail import thumbnail_of_frame

if TYPE_CHECKING:
    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray


class Picture(Protocol):
    """A picture that can be measured and encoded, in any thread; both take a while."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def thumbnail(self) -> NDArray[np.uint8]:
        """The picture small and grey, as ``deepguard.media.thumbnail`` makes it."""
        ...

    def encode(self, params: VideoParams) -> EncodedPicture:
        """Scale and encode it as ``params`` say.

        Raises:
            MediaError: It cannot be encoded.
        """
        ...


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A picture as raw pixels.

    Attributes:
        image: ``width * height`` pixels, row by row; must not be changed.
        size: Width and height in pixels.
        mode: Pixel format, as ``encode_picture`` takes it.
    """

    image: bytes = field(repr=False)
    size: tuple[int, int]
    mode: str

    def thumbnail(self) -> NDArray[np.uint8]:
        """The picture small and grey."""
        return thumbnail_of_frame(self.image, self.size, self.mode)

    def encode(self, params: VideoParams) -> EncodedPicture:
        """Scale and encode it."""
        return encode_picture(self.image, self.size, self.mode, params)


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A picture as a decoder gave it.

    Attributes:
        frame: The decoded frame; must not be changed.
    """

    frame: VideoFrame = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.frame.width, self.frame.height

    def thumbnail(self) -> NDArray[np.uint8]:
        """The picture small and grey."""
        return thumbnail_of_planes(self.frame)

    def encode(self, params: VideoParams) -> EncodedPicture:
        """Scale and encode it."""
        return encode_frame(self.frame, params)


__all__ = ["FramePicture", "Picture", "RawPicture"]
