"""What a client has counted, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from deepguard.model import SampleOutcome


@dataclass(slots=True)
class Counters:
    """Totals since the client was made. Each submitted sample is judged, expired, dropped, or still held.

    Attributes:
        submitted: Samples handed over.
        judged: Samples that a verdict answered.
        expired: Samples that were sent and never answered.
        dropped: Samples that were never sent.
        connects: Connections that were made.
        failures: Attempts to connect that failed, and connections that broke.
        sent: Messages sent; a sample that is sent again counts again.
        unsolicited: Verdicts that answered no sample and were passed on.
        ignored: Verdicts that were not passed on: for a track that was never submitted, or too many.
        garbage: Messages that were no verdict at all.
    """

    submitted: int = 0
    judged: int = 0
    expired: int = 0
    dropped: int = 0
    connects: int = 0
    failures: int = 0
    sent: int = 0
    unsolicited: int = 0
    ignored: int = 0
    garbage: int = 0

    def count_end(self, outcome: SampleOutcome) -> None:
        """Count a sample's end."""
        match outcome:
            case SampleOutcome.JUDGED:
                self.judged += 1
            case SampleOutcome.EXPIRED:
                self.expired += 1
            case SampleOutcome.DROPPED:
                self.dropped += 1


__all__ = ["Counters"]
