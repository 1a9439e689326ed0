"""The samples that several detectors have in hand, and how each ends for all of them together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from deepguard.model import SampleEnded, SampleOutcome

# What counts first: an answer is an answer, whoever else stayed silent.
_RANK = (SampleOutcome.JUDGED, SampleOutcome.EXPIRED, SampleOutcome.DROPPED)


@dataclass(slots=True)
class _Shared:
    """One open sample.

    Attributes:
        taken: When it was handed out, in monotonic seconds.
        waiting: The detectors that have not ended it yet.
        ends: How it ended for the others: name, and what they said.
    """

    taken: float
    waiting: set[str]
    ends: list[tuple[str, SampleEnded]] = field(default_factory=list)


class SharedSamples:
    """Sees to it that a sample that several detectors have ends once: when the last of them has ended it.

    It is judged when one of them judged it; else expired when it expired for one; else dropped. What a detector says a
    second time, or of a sample that it does not have, counts for nothing.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[str, _Shared] = {}

    @property
    def oldest(self) -> float | None:
        """When the oldest open sample was handed out, in monotonic seconds; None when none is open."""
        return next((shared.taken for shared in self._open.values()), None)

    def begin(self, sample_id: str, detectors: Collection[str], now: float) -> None:
        """Note that a sample is handed to these detectors (at least one).

        Args:
            sample_id: Its id, new.
            detectors: Their names.
            now: Monotonic seconds; never goes back.
        """
        self._open[sample_id] = _Shared(now, set(detectors))

    def end(self, detector: str, ended: SampleEnded) -> SampleEnded | None:
        """Note how a sample ended for one detector.

        Returns:
            How it ended for all, once it has.
        """
        shared = self._open.get(ended.sample_id)
        if shared is None or detector not in shared.waiting:
            return None
        shared.waiting.discard(detector)
        shared.ends.append((detector, ended))
        if shared.waiting:
            return None
        del self._open[ended.sample_id]
        outcome = min((each.outcome for _, each in shared.ends), key=_RANK.index)
        if outcome is SampleOutcome.JUDGED:
            return SampleEnded(ended.sample_id, outcome)
        said = [f"{name}: {each.reason}" for name, each in shared.ends if each.outcome is outcome and each.reason]
        return SampleEnded(ended.sample_id, outcome, "; ".join(said))

    def leave(self, detector: str, reason: str) -> list[SampleEnded]:
        """Let what a detector still has expire: it will not answer any more.

        Returns:
            The samples that have thereby ended for all.
        """
        return self._expire({detector}, list(self._open), reason)

    def expire_before(self, moment: float, reason: str) -> list[SampleEnded]:
        """Let what was handed out at ``moment`` (monotonic seconds) or before expire wherever it has not ended.

        Returns:
            The samples that have thereby ended, oldest first.
        """
        late = [sample_id for sample_id, shared in self._open.items() if shared.taken <= moment]
        return self._expire(None, late, reason)

    def _expire(self, detectors: set[str] | None, sample_ids: list[str], reason: str) -> list[SampleEnded]:
        ended: list[SampleEnded] = []
        for sample_id in sample_ids:
            waiting = self._open[sample_id].waiting
            expired = SampleEnded(sample_id, SampleOutcome.EXPIRED, reason)
            late = sorted(waiting if detectors is None else waiting & detectors)
            ended.extend(end for detector in late if (end := self.end(detector, expired)))
        return ended


__all__ = ["SharedSamples"]
