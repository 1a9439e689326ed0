"""The samples that a client has accepted and not ended yet: a small window for each track, the newest wins."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from deepguard.detectors.dataspike.allowance import Allowance
from deepguard.model import Sample, SampleEnded, SampleOutcome, Source

MAX_TRACKS = 64
"""Tracks remembered; of more, the one idle for longest is forgotten."""

UNSOLICITED_BURST = 3
UNSOLICITED_PER_SECOND = 1.0

DISPLACED = "displaced by a newer sample"


@dataclass(slots=True, eq=False)
class Held:
    """A sample in the window.

    Attributes:
        sample: The sample.
        deadline: Monotonic seconds: when it ends without a verdict.
        order: Grows with each sample.
        sends: How often it was sent as a whole.
    """

    sample: Sample
    deadline: float
    order: int
    sends: int = 0

    def end(self, reason: str) -> SampleEnded:
        """Its end without a verdict: expired once it was sent, else dropped."""
        outcome = SampleOutcome.EXPIRED if self.sends else SampleOutcome.DROPPED
        return SampleEnded(self.sample.id, outcome, reason)


@dataclass(slots=True)
class _Track:
    source: Source
    unsent: deque[Held] = field(default_factory=deque)
    in_flight: deque[Held] = field(default_factory=deque)
    unsolicited: Allowance = field(default_factory=lambda: Allowance(UNSOLICITED_BURST, UNSOLICITED_PER_SECOND))

    @property
    def held(self) -> int:
        return len(self.unsent) + len(self.in_flight)


class Window:
    """Samples by track. Pure: every time is an argument, in monotonic seconds.

    A track holds at most ``size`` samples, of which at least one place is for what has not been sent: a new sample
    finds either room or an older unsent one to displace.
    """

    def __init__(self, size: int, lifetime: float) -> None:
        """Start empty.

        Args:
            size: Most samples of one track, at least 2.
            lifetime: Seconds from a sample's arrival to its end without a verdict.
        """
        self._size = size
        self._lifetime = lifetime
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._order = 0

    def __len__(self) -> int:
        """Samples that have not ended."""
        return sum(track.held for track in self._tracks.values())

    @property
    def in_flight(self) -> int:
        """Samples that an answer is awaited for."""
        return sum(len(track.in_flight) for track in self._tracks.values())

    def add(self, sample: Sample, now: float) -> list[SampleEnded]:
        """Take a sample in.

        Returns:
            The ends of those that it displaced.
        """
        key = (sample.participant_id, sample.track_id)
        track = self._tracks.pop(key, None) or _Track(sample.source)
        self._tracks[key] = track  # The last place is that of the track used last.
        self._order += 1
        track.unsent.append(Held(sample, now + self._lifetime, self._order))
        ended = [track.unsent.popleft().end(DISPLACED)] if track.held > self._size else []
        if len(self._tracks) > MAX_TRACKS:
            ended += [held.end("too many tracks at once") for held in self._forget_oldest()]
        return ended

    def take(self) -> Held | None:
        """The next sample to send, which is in flight from now on: the oldest of a track with room for it."""
        ready = [track for track in self._tracks.values() if track.unsent and len(track.in_flight) < self._size - 1]
        if not ready:
            return None
        track = min(ready, key=lambda track: track.unsent[0].order)
        held = track.unsent.popleft()
        track.in_flight.append(held)
        return held

    def answer(self, participant_id: str, track_id: str) -> Sample | None:
        """End the oldest sample in flight of a track, which an answer has come for.

        Returns:
            The sample, or None when none of that track is in flight.
        """
        track = self._tracks.get((participant_id, track_id))
        return track.in_flight.popleft().sample if track and track.in_flight else None

    def allow_unsolicited(self, participant_id: str, track_id: str, now: float) -> Source | None:
        """Whether a verdict that answers no sample is to be listened to.

        Returns:
            The track's source; None when no sample ever came from it, or when it had too many such verdicts.
        """
        track = self._tracks.get((participant_id, track_id))
        return track.source if track and track.unsolicited.take(now) else None

    def discard(self, held: Held) -> bool:
        """Take out a sample in flight; False when it is gone already."""
        track = self._tracks.get((held.sample.participant_id, held.sample.track_id))
        if track is None or held not in track.in_flight:
            return False
        track.in_flight.remove(held)
        return True

    def recall(self) -> None:
        """The connection is gone: what was in flight is to be sent again, before what was not."""
        for track in self._tracks.values():
            track.unsent.extendleft(reversed(track.in_flight))
            track.in_flight.clear()

    def expire(self, now: float, unsent_reason: str, sent_reason: str) -> list[SampleEnded]:
        """End every sample whose time is over.

        Args:
            now: Monotonic seconds.
            unsent_reason: For people: why those that were never sent are dropped.
            sent_reason: For people: why those that were sent are expired.
        """
        ended = []
        for track in self._tracks.values():
            for line in (track.in_flight, track.unsent):
                while line and line[0].deadline <= now:
                    held = line.popleft()
                    ended.append(held.end(sent_reason if held.sends else unsent_reason))
        return ended

    def end_all(self, reason: str) -> list[SampleEnded]:
        """End every sample; the tracks stay known."""
        ended = []
        for track in self._tracks.values():
            ended += [held.end(reason) for held in (*track.in_flight, *track.unsent)]
            track.in_flight.clear()
            track.unsent.clear()
        return ended

    def next_deadline(self) -> float | None:
        """When the next sample's time is over; None when there is none."""
        heads = [
            line[0].deadline for track in self._tracks.values() for line in (track.in_flight, track.unsent) if line
        ]
        return min(heads, default=None)

    def _forget_oldest(self) -> list[Held]:
        key = next((key for key, track in self._tracks.items() if not track.held), next(iter(self._tracks)))
        track = self._tracks.pop(key)
        return [*track.in_flight, *track.unsent]


__all__ = ["DISPLACED", "MAX_TRACKS", "Held", "Window"]
