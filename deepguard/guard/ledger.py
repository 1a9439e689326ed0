"""Which samples of a track are still open, and how the others ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from deepguard.model import Sample, SampleFormat, SampleOutcome, SampleRecord, Source


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


@dataclass(slots=True)
class _Taken:
    """What is known of a sample that has not ended."""

    at: float
    """Monotonic seconds."""
    captured_at: float
    track_id: str
    format: SampleFormat | None = None
    width: int = 0
    height: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Ended:
    """A sample that has ended and was not handed over yet."""

    sample_id: str
    taken: _Taken
    at: float
    outcome: SampleOutcome
    reason: str


class SampleLedger:
    """Sees to it that each sample of one track ends exactly once, whatever a detector says."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts = SampleCounts()
        self._open: dict[str, _Taken] = {}
        self._ended: list[_Ended] = []

    def take(self, sample_id: str, now: float, *, captured_at: float, track_id: str) -> None:
        """Count a new sample.

        Args:
            sample_id: Its id, new.
            now: Monotonic seconds.
            captured_at: When it was captured, Unix time.
            track_id: The transport's id of the track.
        """
        self._open[sample_id] = _Taken(now, captured_at, track_id)
        self.counts.taken += 1

    def encoded(self, sample: Sample) -> None:
        """Note how an open sample was encoded."""
        taken = self._open.get(sample.id)
        if taken is not None:
            taken.format, taken.width, taken.height = sample.format, sample.width, sample.height
            taken.size = len(sample.data)

    def end(self, sample_id: str, outcome: SampleOutcome, reason: str = "") -> bool:
        """End a sample.

        Args:
            sample_id: Its id.
            outcome: How it ended.
            reason: For people: why it was dropped or expired; untrusted text.

        Returns:
            Whether it was open; a second end, or one of an unknown sample, counts for nothing.

        Raises:
            ValueError: There is no such outcome.
        """
        outcome = SampleOutcome(outcome)  # a plugin's detector may say anything: what makes no sense ends nothing
        taken = self._open.pop(sample_id, None)
        if taken is None:
            return False
        match outcome:
            case SampleOutcome.JUDGED:
                self.counts.judged += 1
            case SampleOutcome.EXPIRED:
                self.counts.expired += 1
            case SampleOutcome.DROPPED:
                self.counts.dropped += 1
        self._ended.append(_Ended(sample_id, taken, time.time(), outcome, reason))
        return True

    def expire_before(self, moment: float, reason: str) -> list[str]:
        """End as expired what was taken before ``moment`` (monotonic seconds) and is still open.

        Args:
            moment: Monotonic seconds.
            reason: For people: why nobody waits for its verdict any more.

        Returns:
            The ids that ended, oldest first.
        """
        late = [sample_id for sample_id, taken in self._open.items() if taken.at < moment]
        for sample_id in late:
            self.end(sample_id, SampleOutcome.EXPIRED, reason)
        return late

    def take_ended(self, participant_id: str, source: Source) -> list[SampleRecord]:
        """What is to be written down of the samples that ended since the last call of this, in that order.

        Args:
            participant_id: Whose track it is.
            source: The track's source.
        """
        ended, self._ended = self._ended, []
        return [
            SampleRecord(
                id=one.sample_id,
                participant_id=participant_id,
                track_id=one.taken.track_id,
                source=source,
                captured_at=one.taken.captured_at,
                ended_at=one.at,
                outcome=one.outcome,
                reason=one.reason,
                format=one.taken.format,
                width=one.taken.width,
                height=one.taken.height,
                size=one.taken.size,
            )
            for one in ended
        ]

    def __contains__(self, sample_id: str) -> bool:
        """Whether the sample is open."""
        return sample_id in self._open
