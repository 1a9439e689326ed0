"""The pictures that an incident may come to rest on, while it may still open on them."""

from __future__ import annotations

from deepguard.model import Picture, Sample, SampleFormat, Verdict

MOST_OPEN = 32
"""Pictures of one call that wait for a verdict; a detector that forgets its samples must not make this grow."""


class Evidence:
    """Keeps pictures only when the configuration says so, and only as long as they may be asked for."""

    def __init__(self, *, keep: bool) -> None:
        """Keep nothing yet.

        Args:
            keep: Whether pictures are kept at all.
        """
        self._keep = keep
        self._open: dict[str, Sample] = {}
        self._latest: dict[str, Sample] = {}

    def take(self, sample: Sample) -> None:
        """Note a sample that goes to the detector."""
        if not self._keep or sample.format is SampleFormat.PCM:
            return
        self._latest[sample.participant_id] = sample
        self._open[sample.id] = sample
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]

    def ended(self, sample_id: str) -> None:
        """Note that a sample has ended."""
        self._open.pop(sample_id, None)

    def of(self, verdict: Verdict) -> Picture | None:
        """The picture that a verdict judged; of another verdict, the latest picture of the same participant."""
        sample = self._open.get(verdict.sample_id or "") or self._latest.get(verdict.participant_id)
        if sample is None:
            return None
        return Picture(sample.data, sample.format, sample.captured_at, sample.width, sample.height)


__all__ = ["Evidence"]
