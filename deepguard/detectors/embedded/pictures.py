"""What can be seen in a picture."""

from __future__ import annotations

from collections import OrderedDict
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from deepguard.detectors.embedded.faces import Face, FaceFinder
from deepguard.detectors.embedded.finding import NOT_ASSESSED, Finding, unreadable
from deepguard.media.stillness import SECONDS, Stillness
from deepguard.media.thumbnail import is_black, thumbnail_of
from deepguard.model import BlindReason, Sample, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PIXELS = 50_000_000
"""Larger pictures are not decoded, however few bytes they are."""

WORKING_EDGE = 1280

TRACKS = 16
"""So many tracks are remembered; a call has few, but a peer that reconnects brings new ones each time."""

BLURRED_VARIANCE = 100.0
"""Variance of the Laplacian of 8-bit grey below which pictures are customarily called blurred."""


class PictureAssessor:
    """Measures pictures, and remembers of each track what it needs to tell a frozen one.

    May be used from any thread, by one at a time.
    """

    def __init__(self) -> None:
        """Load the face finder.

        Raises:
            OSError: It cannot be loaded.
        """
        self._finder = FaceFinder()
        self._stillness: OrderedDict[tuple[str, ...], Stillness] = OrderedDict()

    def assess(self, sample: Sample) -> Finding:
        """Measure one picture. Blocks for some tens of milliseconds.

        The signals are ``face``, ``faces``, ``face_width`` and ``face_height`` (of the largest, in pixels of the
        sample), ``face_share`` (of the picture's area, 0 to 1), ``sharpness`` (of the largest face, else of the
        picture: v / (v + 100), where v is the variance of the Laplacian at 1280 pixels' longest edge at most; 0.5 is
        where blur begins), ``brightness`` (mean, 0 to 1), ``black``, ``frozen``, ``width`` and ``height``.

        Args:
            sample: A JPEG or WebP picture.
        """
        try:
            grey, (width, height) = _decode(sample)
        except Exception as error:  # noqa: BLE001 - hostile bytes make decoders fail in many ways
            return unreadable(f"the picture could not be decoded ({type(error).__name__})")
        if grey is None:
            return unreadable(f"the picture is refused: {width} x {height} pixels are more than {MAX_PIXELS}")
        thumbnail = np.asarray(thumbnail_of(grey), np.uint8)
        black = is_black(thumbnail)
        still_seconds = self._stillness_of(sample).seconds(thumbnail, sample.captured_at)
        frozen_seconds = still_seconds if still_seconds >= SECONDS else 0.0
        faces = [] if black else self._finder.find(grey)
        largest = faces[0] if faces else Face(0, 0, 0, 0)
        scale = width / grey.shape[1]
        face_width, face_height = round(largest.width * scale), round(largest.height * scale)
        blind, seen = _describe(sample.source, black, frozen_seconds, len(faces), face_width, face_height)
        return Finding(
            message=f"{NOT_ASSESSED}; {seen}",
            blind=blind,
            signals={
                "face": bool(faces),
                "faces": len(faces),
                "face_width": face_width,
                "face_height": face_height,
                "face_share": round(largest.area / grey.size, 4),
                "sharpness": _sharpness(_crop(grey, largest) if faces else grey),
                "brightness": round(float(thumbnail.mean()) / 255, 3),
                "black": black,
                "frozen": frozen_seconds > 0,
                "width": width,
                "height": height,
            },
            model=self._finder.name,
        )

    def _stillness_of(self, sample: Sample) -> Stillness:
        track = (sample.participant_id, sample.source, sample.track_id)
        stillness = self._stillness[track] = self._stillness.pop(track, None) or Stillness()
        if len(self._stillness) > TRACKS:
            self._stillness.popitem(last=False)
        return stillness


def _decode(sample: Sample) -> tuple[NDArray[np.uint8] | None, tuple[int, int]]:
    """The picture in grey, its longest edge at most ``WORKING_EDGE``, and its size; None when it is too large."""
    with Image.open(BytesIO(sample.data), formats=[sample.format.name]) as picture:
        size = picture.size
        if size[0] * size[1] > MAX_PIXELS:
            return None, size
        # A JPEG decoder can leave out colour and scale down while it decodes; other formats ignore this.
        picture.draft("L", (WORKING_EDGE, WORKING_EDGE))
        return _fit(np.asarray(picture.convert("L")), WORKING_EDGE), size


def _fit(grey: NDArray[np.uint8], longest_edge: int) -> NDArray[np.uint8]:
    factor = longest_edge / max(grey.shape)
    if factor >= 1:
        return grey
    height, width = grey.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _crop(grey: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    return grey[face.y : face.y + face.height, face.x : face.x + face.width]


def _sharpness(grey: NDArray[np.uint8]) -> float:
    variance = float(cv2.Laplacian(grey, cv2.CV_16S).var())
    return round(variance / (variance + BLURRED_VARIANCE), 3)


def _describe(
    source: Source, black: bool, frozen_seconds: float, faces: int, face_width: int, face_height: int
) -> tuple[BlindReason, str]:
    if black:
        return BlindReason.BLACK_PICTURE, "the picture is black"
    # A shared screen stands still for minutes, and shows no face, by its nature.
    if frozen_seconds and source is not Source.SCREEN:
        return BlindReason.FROZEN_PICTURE, f"the picture has been frozen for {frozen_seconds:.0f} s"
    if faces:
        size = f"{face_width} x {face_height} pixels"
        seen = f"one face of {size}" if faces == 1 else f"{faces} faces, the largest of {size}"
        return BlindReason.NOT_ASSESSED, seen
    return (BlindReason.NOT_ASSESSED if source is Source.SCREEN else BlindReason.NO_FACE), "no face found"


__all__ = ["MAX_PIXELS", "TRACKS", "PictureAssessor"]
