"""Whether there is anything on a track's pictures, and whether it moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepguard.media.stillness import Stillness
from deepguard.media.thumbnail import is_black

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Look:
    """How a track's picture looked when it was last measured.

    Attributes:
        black_seconds: How long it has been black, 0 at the first black one; None when it is not.
        still_seconds: How long it has been the same; 0 while it moves, or too little is known.
    """

    black_seconds: float | None = None
    still_seconds: float = 0.0


class Lookout:
    """Measures one track's pictures, and remembers one thumbnail of it. For one thread at a time."""

    def __init__(self) -> None:
        """Begin with no pictures."""
        self._stillness = Stillness()
        self._black_since: float | None = None

    def see(self, thumbnail: NDArray[np.uint8], at: float) -> Look:
        """Take in the track's next picture.

        Args:
            thumbnail: Grey, as ``deepguard.media.thumbnail`` makes it.
            at: When it was captured, in seconds of any clock.
        """
        still = self._stillness.seconds(thumbnail, at)
        if not is_black(thumbnail):
            self._black_since = None
            return Look(None, still)
        if self._black_since is None:
            self._black_since = at
        return Look(at - self._black_since, still)


__all__ = ["Look", "Lookout"]
