"""So many at once, so many a second."""

from __future__ import annotations


class Allowance:
    """A token bucket. Times are monotonic seconds."""

    def __init__(self, burst: int, per_second: float) -> None:
        """Start full.

        Args:
            burst: Most tokens.
            per_second: Tokens that come back in a second.
        """
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        """Take one token; False when there is none."""
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


__all__ = ["Allowance"]
