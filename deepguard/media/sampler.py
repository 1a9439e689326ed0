"""Which frame of a track is due."""

from __future__ import annotations

import math

from deepguard.config.models import VideoParams


class VideoSampler:
    """Picks frames at a constant cadence.

    Slots lie a period apart, whatever the frames' own rhythm, so that the cadence does not drift. A frame that comes a
    period or more after its slot starts a new row of slots: what was missed during a gap is not caught up.
    """

    __slots__ = ("_burst", "_due_at", "_params", "_period", "_taken_at")

    def __init__(self, params: VideoParams) -> None:
        """Begin at the normal rate, with the first frame due at once.

        Args:
            params: Rates in samples a second.
        """
        self._params = params
        self._burst = False
        self._period = 1 / params.normal_fps
        self._taken_at = -math.inf
        self._due_at = -math.inf

    @property
    def burst(self) -> bool:
        """Whether frames are taken at ``burst_fps`` rather than at ``normal_fps``."""
        return self._burst

    @burst.setter
    def burst(self, burst: bool) -> None:
        self._burst = burst
        self._apply()

    @property
    def due_at(self) -> float:
        """When the next frame is due, in monotonic seconds; in the past when it is due already."""
        return self._due_at

    @property
    def period(self) -> float:
        """Seconds from one slot to the next, at the present rate."""
        return self._period

    def update(self, params: VideoParams) -> None:
        """Go by other rates from now on; the next frame is due the new period after the last one taken."""
        self._params = params
        self._apply()

    def due(self, now: float) -> bool:
        """Whether the frame that is here now is to be taken; if so, its slot is used up.

        Args:
            now: Monotonic seconds.
        """
        if now < self._due_at:
            return False
        start = self._due_at if now - self._due_at < self._period else now
        self._due_at = start + self._period
        self._taken_at = now
        return True

    def _apply(self) -> None:
        period = 1 / (self._params.burst_fps if self._burst else self._params.normal_fps)
        if period != self._period:
            self._period = period
            self._due_at = self._taken_at + period


__all__ = ["VideoSampler"]
