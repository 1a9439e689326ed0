"""Finding faces in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import cv2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CASCADE = "haarcascade_frontalface_alt2"

# Chosen on one portrait, scaled, tilted, blurred, darkened and made noisy, and on the pictures of scikit-image. Of the
# portrait only a face narrower than a tenth of the picture, or tilted by 40 degrees, was missed; of a hundred small
# faces 99 were found; a face was seen in one of a hundred small pieces that hold none, and in no whole picture.
LONGEST_EDGE = 400
SCALE_STEP = 1.1
SMALLEST_SHARE = 0.12
NEIGHBOURS = 5
TILTS = ((0, NEIGHBOURS), (-22, NEIGHBOURS + 2), (22, NEIGHBOURS + 2))
DARK = 64


class Face(NamedTuple):
    """A box around a face, in pixels of the picture it was looked for in."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height


class FaceFinder:
    """Finds faces that look at the camera, upright or tilted; not in profile, and not far away.

    It needs OpenCV 4; OpenCV 5 has no cascades. May be used from any thread, by one at a time.
    """

    name = f"opencv-{cv2.__version__}/{CASCADE}"

    def __init__(self) -> None:
        """Load the cascade that comes with OpenCV.

        Raises:
            OSError: This OpenCV has none.
        """
        # OpenCV's own types do not know of its folder of cascades.
        folder: str = cv2.data.haarcascades  # pyright: ignore[reportAttributeAccessIssue]
        self._cascade = cv2.CascadeClassifier(f"{folder}{CASCADE}.xml")
        if self._cascade.empty():
            raise OSError(f"OpenCV {cv2.__version__} comes without its face cascade {CASCADE}")

    def find(self, grey: NDArray[np.uint8]) -> list[Face]:
        """Find the faces in a picture.

        Args:
            grey: Shape (height, width), 0 to 255.

        Returns:
            The largest face first.
        """
        height, width = grey.shape
        factor = min(1.0, LONGEST_EDGE / max(height, width))
        small = grey
        if factor < 1:
            size = (max(1, round(width * factor)), max(1, round(height * factor)))
            small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        if small.mean() < DARK:
            small = cv2.equalizeHist(small)
        for tilt, neighbours in TILTS:
            faces = [
                face
                for x, y, w, h in self._look(small, tilt, neighbours)
                if (face := _inside(x / factor, y / factor, w / factor, h / factor, width, height)).area
            ]
            if faces:
                return sorted(faces, key=lambda face: face.area, reverse=True)
        return []

    def _look(self, grey: np.ndarray, tilt: int, neighbours: int) -> Iterator[tuple[float, float, int, int]]:
        """Boxes of the faces that stand upright once the picture is turned by ``tilt`` degrees."""
        height, width = grey.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1)
        back = cv2.invertAffineTransform(turn)
        if tilt:
            grey = cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        least = max(1, round(min(height, width) * SMALLEST_SHARE))
        boxes = self._cascade.detectMultiScale(
            grey, scaleFactor=SCALE_STEP, minNeighbors=neighbours, minSize=(least, least)
        )
        for x, y, w, h in boxes:
            middle_x, middle_y = back @ (x + w / 2, y + h / 2, 1)
            yield middle_x - w / 2, middle_y - h / 2, int(w), int(h)


def _inside(x: float, y: float, width: float, height: float, picture_width: int, picture_height: int) -> Face:
    """The part of a box that lies inside of the picture."""
    left, right = (min(max(round(edge), 0), picture_width) for edge in (x, x + width))
    top, bottom = (min(max(round(edge), 0), picture_height) for edge in (y, y + height))
    return Face(left, top, right - left, bottom - top)


__all__ = ["CASCADE", "Face", "FaceFinder"]
