"""What one policy made of one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from deepguard.contracts import PolicyStep
from deepguard.model import Incident, Level, LevelChanged, Resolution, Source
from deepguard.policy.incidents import IncidentStep, advance, end

if TYPE_CHECKING:
    from deepguard.store.recording import Recording

SAME_SECONDS = 0.05
"""Times that are no further apart are the same: older versions wrote some of them a moment later than others."""
_BY_THE_CALL = frozenset({Resolution.CALL_ENDED, Resolution.GUARD_LOST})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy made of a call.

    Attributes:
        changes: The changes of level, in order: a track's before its participant's.
        incidents: The incidents, in the order in which they opened.
        told: How many notifications of incidents it means: opened, updated, resolved. Routes, silences and repeats are
            left out of it.
        failed: Why the built-in policy took over; empty when it did not.
    """

    changes: tuple[LevelChanged, ...] = ()
    incidents: tuple[Incident, ...] = ()
    told: int = 0
    failed: str = ""

    @property
    def alerted(self) -> frozenset[str]:
        """The participants that had an incident."""
        return frozenset(incident.participant_id for incident in self.incidents)

    def participant_changes(self) -> Iterator[LevelChanged]:
        """The changes of participants' levels, without those of their tracks."""
        return (change for change in self.changes if change.source is None)

    def flips(self) -> int:
        """How often a participant's level turned round: it rose after it had fallen, or fell after it had risen."""
        rising: dict[str, bool] = {}
        turns = 0
        for change in self.participant_changes():
            rose = change.after > change.before
            turns += rising.get(change.participant_id, rose) is not rose
            rising[change.participant_id] = rose
        return turns


def recorded(recording: Recording) -> Outcome:
    """What was made of a call when it happened, as it was written down."""
    incidents = in_order(stored.incident for stored in recording.incidents)
    changes = recording.levels
    _, told = _carried(recording.call.id, changes, recording.ended_at)
    return Outcome(changes, incidents, told, recording.policy.failed)


def shadowed(recording: Recording, shadow: str) -> Outcome:
    """What a shadow policy would have made of a call, as it was written down when it happened.

    Args:
        recording: The call, read with its shadows.
        shadow: The policy's name.
    """
    changes = tuple(one.change for one in recording.shadow_changes if one.shadow == shadow)
    incidents, told = _carried(recording.call.id, changes, recording.ended_at)
    failed = next((used.failed for used in recording.shadows if used.name == shadow), "")
    return Outcome(changes, in_order(incidents), told, failed)


def in_order(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Incidents in the order in which they opened."""
    return tuple(sorted(incidents, key=lambda one: (one.opened_at, one.id)))


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same: levels, incidents and their times. What was said of them may differ."""
    return (
        len(one.changes) == len(other.changes)
        and len(one.incidents) == len(other.incidents)
        and all(map(_same_change, one.changes, other.changes))
        and all(map(_same_incident, one.incidents, other.incidents))
        and bool(one.failed) == bool(other.failed)
    )


def _same_change(one: LevelChanged, other: LevelChanged) -> bool:
    return (
        one.participant_id == other.participant_id
        and one.source is other.source
        and one.before is other.before
        and one.after is other.after
        and abs(one.at - other.at) <= SAME_SECONDS
    )


def _same_incident(one: Incident, other: Incident) -> bool:
    # A process that was lost is no doing of a policy.
    ends = {one.resolution, other.resolution}
    if (one.participant_id, one.peak) != (other.participant_id, other.peak) or (len(ends) > 1 and ends != _BY_THE_CALL):
        return False
    if set(one.sources) != set(other.sources) or abs(one.opened_at - other.opened_at) > SAME_SECONDS:
        return False
    if one.resolved_at is None or other.resolved_at is None:
        return one.resolved_at is other.resolved_at
    return one.resolution in _BY_THE_CALL or abs(one.resolved_at - other.resolved_at) <= SAME_SECONDS


def _carried(call_id: str, changes: Sequence[LevelChanged], ended_at: float | None) -> tuple[list[Incident], int]:
    """The incidents that changes of level mean, and how many notifications."""
    tracks: dict[str, dict[Source, Level]] = {}
    levels: dict[str, Level] = {}
    latest: dict[str, IncidentStep] = {}
    incidents: dict[str, Incident] = {}
    told = 0
    for (participant, at), group in groupby(changes, key=lambda change: (change.participant_id, change.at)):
        cause = ""
        for change in group:
            cause = change.cause
            if change.source is None:
                levels[participant] = change.after
            else:
                tracks.setdefault(participant, {})[change.source] = change.after
        step = PolicyStep(None, dict(tracks.get(participant, {})), levels.get(participant, Level.CLEAR), cause)
        before = latest.get(participant, IncidentStep(None)).incident
        latest[participant] = now = advance(before, step, call_id=call_id, participant_id=participant, now=at)
        told += now.kind is not None
        if now.incident is not None:
            incidents[now.incident.id] = now.incident
    if ended_at is not None:
        for step in [end(step.incident, Resolution.CALL_ENDED, ended_at) for step in latest.values()]:
            told += step.kind is not None
            if step.kind is not None and step.incident is not None:
                incidents[step.incident.id] = step.incident
    return list(incidents.values()), told


__all__ = ["SAME_SECONDS", "Outcome", "in_order", "recorded", "same", "shadowed"]
