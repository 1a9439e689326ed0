"""How long a track has been blind, and whether that is to be told: by its own clock for each reason."""

from __future__ import annotations

from deepguard.model import BlindReason


class Blindness:
    """One track's blindness. Times are monotonic seconds.

    What is told is a reason that has lasted as long as its own threshold. Reasons that take turns are told once the
    track has been blind for as long as the longest of their thresholds, or none of them would ever be. Nothing counts
    while the reason is one that is not told.

    Attributes:
        told: Whether notifiers were told, and not yet that it is over.
    """

    def __init__(self) -> None:
        """Begin as one that has not been blind."""
        self.told = False
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
            self._since = None
            return False
        if self._since is None:
            self._since, self._longest = now, 0.0
        self._longest = max(self._longest, threshold)
        lasts = now - self._reason_since >= threshold or now - self._since >= self._longest
        if self.told or not lasts:
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
        return told


__all__ = ["Blindness"]
