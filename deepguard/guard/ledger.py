"""Which samples of a track are still open, and how the others ended."""

from __future__ import annotations

from dataclasses import dataclass

from deepguard.model import SampleOutcome


@dataclass(slots=True)
class SampleCounts:
    """How many samples a track gave, and how they ended."""

    taken: int = 0
    judged: int = 0
    expired: int = 0
    dropped: int = 0

    @property
    def waiting(self) -> int:
        """Samples that have not ended yet."""
        return self.taken - self.judged - self.expired - self.dropped

    def as_dict(self) -> dict[str, int]:
        """The counts as the live stream shows them."""
        return {
            "taken": self.taken,
            "judged": self.judged,
            "expired": self.expired,
            "dropped": self.dropped,
            "waiting": self.waiting,
        }


class SampleLedger:
    """Sees to it that each sample of one track ends exactly once, whatever a detector says."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts = SampleCounts()
        self._open: dict[str, float] = {}

    def take(self, sample_id: str, now: float) -> None:
        """Count a new sample.

        Args:
            sample_id: Its id, new.
            now: Monotonic seconds.
        """
        self._open[sample_id] = now
        self.counts.taken += 1

    def end(self, sample_id: str, outcome: SampleOutcome) -> bool:
        """End a sample.

        Returns:
            Whether it was open; a second end, or one of an unknown sample, counts for nothing.
        """
        if self._open.pop(sample_id, None) is None:
            return False
        match outcome:
            case SampleOutcome.JUDGED:
                self.counts.judged += 1
            case SampleOutcome.EXPIRED:
                self.counts.expired += 1
            case SampleOutcome.DROPPED:
                self.counts.dropped += 1
        return True

    def expire_before(self, moment: float) -> list[str]:
        """End as expired what was taken before ``moment`` (monotonic seconds) and is still open.

        Returns:
            The ids that ended, oldest first.
        """
        late = [sample_id for sample_id, taken in self._open.items() if taken < moment]
        for sample_id in late:
            self.end(sample_id, SampleOutcome.EXPIRED)
        return late

    def __contains__(self, sample_id: str) -> bool:
        """Whether the sample is open."""
        return sample_id in self._open
