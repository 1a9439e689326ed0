"""How long a track has been blind, and whether that is to be told: by its own clock for each reason."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepguard.model import BlindReason, Source

if TYPE_CHECKING:
    from deepguard.config.models import CoverageParams


class Blindness:
    """One track's blindness. Times are seconds of any one clock.

    What is told is a reason that has lasted as long as its own threshold. Reasons that take turns are told once the
    track has been blind for as long as the longest of their thresholds, or none of them would ever be. Nothing counts
    while the reason is one that is not told.

    Attributes:
        told: Whether notifiers were told, and not yet that it is over.
        due: When they are to be told unless something changes before; infinite when they are not.
    """

    def __init__(self) -> None:
        """Begin as one that has not been blind."""
        self.told = False
        self.due = math.inf
        self._reason: BlindReason | None = None
        self._reason_since = 0.0
        self._since: float | None = None
        self._longest = 0.0

    def goes_on(self, reason: BlindReason, threshold: float | None, now: float) -> bool:
        """Note that the track is blind.

        Args:
            reason: Why.
            threshold: Seconds until that is told; None when it is not.
            now: When.

        Returns:
            Whether it is to be told now; at most once until ``ends``.
        """
        if reason is not self._reason:
            self._reason, self._reason_since = reason, now
        if threshold is None:
            self._since, self.due = None, math.inf
            return False
        if self._since is None:
            self._since, self._longest = now, 0.0
        self._longest = max(self._longest, threshold)
        self.due = min(self._reason_since + threshold, self._since + self._longest)
        if self.told or now < self.due:
            return False
        self.told = True
        return True

    def ends(self) -> bool:
        """Note that the track is watched.

        Returns:
            Whether that is to be told.
        """
        told, self.told = self.told, False
        self._reason = self._since = None
        self.due = math.inf
        return told


def threshold_of(params: CoverageParams, source: Source, reason: BlindReason) -> float | None:
    """Seconds that a track must have been blind for a reason until notifiers are told; None when they are not.

    Args:
        params: The section ``coverage``.
        source: The track's source.
        reason: Why nobody watches.
    """
    # A share that was ended is no loss of sight.
    if source is Source.SCREEN and reason is BlindReason.NO_MEDIA:
        return None
    return params.notify_seconds(reason)


__all__ = ["Blindness", "threshold_of"]
