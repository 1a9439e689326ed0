"""What a policy made of many calls, as counts that can be added up in any order.

Times are whole milliseconds: sums of fractions would depend on the order in which calls were played.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deepguard.model import Judgement, Level
from deepguard.replay.spread import Spread
from deepguard.replay.truth import Truth

if TYPE_CHECKING:
    from deepguard.replay.coverage import Seen, Told
    from deepguard.replay.outcome import Outcome
    from deepguard.store.recording import Recording

HOUR_MS = 3_600_000
_SUSPECTED = frozenset({Judgement.SUSPICIOUS, Judgement.ALERT})


def milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds."""
    return round(seconds * 1000)


@dataclass
class Tally:
    """Counts over calls, of one policy.

    Attributes:
        calls: Calls.
        call_ms: How long they lasted.
        simulated: Calls whose verdicts were scripted.
        verdicts: Verdicts.
        incidents: Incidents that opened.
        alerted: Participants that had one, call by call.
        participants: Participants that were judged, call by call.
        flips: How often a participant's level turned round.
        told: Notifications of incidents: opened, updated, resolved.
        coverage_lost: Notifications that a track is no longer watched.
        coverage_regained: Notifications that one is watched again.
        failures: Calls in which the policy failed and the built-in one took over.
        watched_ms: How long participants were judged, from the first verdict to the call's end, of all together.
        at_level_ms: How much of it they were SUSPICIOUS or ALERT, by level.
        track_ms: How long there was something to be watched on tracks, of all together.
        blind_ms: How much of it nobody watched, by reason.
        to_alert: From a participant's first verdict of suspicious or alert to their first incident.
        call_ms_by_day: How long calls lasted, by the day (UTC) on which they began.
        incidents_by_day: Incidents, by the same.
        fake: Labelled participants that were fake.
        genuine: Labelled participants that were genuine.
        fake_alerted: Fake ones that had an incident.
        genuine_alerted: Genuine ones that had an incident.
        false_alarms: Incidents of genuine ones.
        unlabelled: Incidents of participants without a label.
    """

    calls: int = 0
    call_ms: int = 0
    simulated: int = 0
    verdicts: int = 0
    incidents: int = 0
    alerted: int = 0
    participants: int = 0
    flips: int = 0
    told: int = 0
    coverage_lost: int = 0
    coverage_regained: int = 0
    failures: int = 0
    watched_ms: int = 0
    at_level_ms: Counter[str] = field(default_factory=Counter)
    track_ms: int = 0
    blind_ms: Counter[str] = field(default_factory=Counter)
    to_alert: Spread = field(default_factory=Spread)
    call_ms_by_day: Counter[str] = field(default_factory=Counter)
    incidents_by_day: Counter[str] = field(default_factory=Counter)
    fake: int = 0
    genuine: int = 0
    fake_alerted: int = 0
    genuine_alerted: int = 0
    false_alarms: int = 0
    unlabelled: int = 0

    def add(self, other: Tally) -> None:
        """Take in what another one counted."""
        for one in fields(self):
            mine, more = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(more)
            else:
                mine += more
                setattr(self, one.name, mine)

    def take(
        self,
        recording: Recording,
        outcome: Outcome,
        *,
        first: Mapping[str, float],
        suspected: Mapping[str, float],
        truth: Mapping[str, Truth],
        seen: Seen,
        told: Told,
    ) -> None:
        """Count one call.

        Args:
            recording: The call.
            outcome: What the policy made of it.
            first: When each participant was first judged, from ``first_verdicts``.
            suspected: When the detector first suspected each, from ``first_suspicions``.
            truth: What is known of the participants.
            seen: The call's coverage.
            told: What would have been told of it.
        """
        day = day_of(recording.call.started_at)
        length = milliseconds(recording.seconds)
        self.calls += 1
        self.call_ms += length
        self.call_ms_by_day[day] += length
        self.simulated += recording.simulated
        self.verdicts += len(recording.verdicts)
        self.participants += len(first)
        self.failures += bool(outcome.failed)
        self.coverage_lost += told.lost
        self.coverage_regained += told.regained
        self.track_ms += milliseconds(seen.seconds())
        for reason, seconds in seen.blind_seconds().items():
            self.blind_ms[reason.value] += milliseconds(seconds)
        end = recording.call.started_at + recording.seconds
        self.watched_ms += sum(milliseconds(max(0.0, end - at)) for at in first.values())
        for participant in truth.values():
            self.fake += participant is Truth.FAKE
            self.genuine += participant is Truth.GENUINE
        if outcome.changes:
            self.flips += outcome.flips()
            self._take_levels(outcome, end)
        if outcome.incidents:
            self.told += outcome.told
            self.incidents_by_day[day] += len(outcome.incidents)
            self._take_incidents(outcome, suspected, truth)

    def _take_levels(self, outcome: Outcome, end: float) -> None:
        levels: dict[str, tuple[Level, float]] = {}
        for change in outcome.participant_changes():
            self._leave(levels.get(change.participant_id), change.at)
            levels[change.participant_id] = change.after, change.at
        for now in levels.values():
            self._leave(now, end)

    def _leave(self, level: tuple[Level, float] | None, at: float) -> None:
        if level is not None and level[0] is not Level.CLEAR:
            self.at_level_ms[str(level[0])] += milliseconds(max(0.0, at - level[1]))

    def _take_incidents(self, outcome: Outcome, suspected: Mapping[str, float], truth: Mapping[str, Truth]) -> None:
        self.incidents += len(outcome.incidents)
        opened: dict[str, float] = {}
        for incident in outcome.incidents:
            opened.setdefault(incident.participant_id, incident.opened_at)
            known = truth.get(incident.participant_id)
            self.false_alarms += known is Truth.GENUINE
            self.unlabelled += known is None
        self.alerted += len(opened)
        for participant, at in opened.items():
            known = truth.get(participant)
            self.fake_alerted += known is Truth.FAKE
            self.genuine_alerted += known is Truth.GENUINE
            # One who alerts before the detector's own words do took no time.
            self.to_alert.add(milliseconds(max(0.0, at - suspected.get(participant, at))))

    @property
    def hours(self) -> float:
        """How long the calls lasted together."""
        return self.call_ms / HOUR_MS

    @property
    def labelled(self) -> int:
        """How many participants have a label."""
        return self.fake + self.genuine

    @property
    def precision(self) -> float | None:
        """Which share of the labelled participants that had an incident is fake; None when none had one."""
        return share(self.fake_alerted, self.fake_alerted + self.genuine_alerted)

    @property
    def recall(self) -> float | None:
        """Which share of the fake participants had an incident; None when none is known to be fake."""
        return share(self.fake_alerted, self.fake)

    @property
    def blind_share(self) -> float | None:
        """Which share of the time of all tracks nobody watched."""
        return share(sum(self.blind_ms.values()), self.track_ms)

    def per_hour(self, count: int) -> float | None:
        """A count for each hour of calls; None without any."""
        return count * HOUR_MS / self.call_ms if self.call_ms else None

    def as_dict(self) -> dict[str, Any]:
        """The figures as programs read them. Times are seconds; what cannot be said is None."""
        return {
            "calls": self.calls,
            "call_hours": self.hours,
            "simulated_calls": self.simulated,
            "verdicts": self.verdicts,
            "participants": self.participants,
            "incidents": self.incidents,
            "alerts_per_call_hour": self.per_hour(self.incidents),
            "participants_alerted": self.alerted,
            "time_to_alert": {"median": self.to_alert.quantile(0.5), "p90": self.to_alert.quantile(0.9)},
            "flips": self.flips,
            "flips_per_call_hour": self.per_hour(self.flips),
            "seconds_at_level": {
                str(level): self.at_level_ms[str(level)] / 1000 for level in (Level.SUSPICIOUS, Level.ALERT)
            },
            "seconds_watched": self.watched_ms / 1000,
            "track_seconds": self.track_ms / 1000,
            "blind_share": self.blind_share,
            "blind_seconds": {reason: self.blind_ms[reason] / 1000 for reason in sorted(self.blind_ms)},
            "coverage_alerts": self.coverage_lost,
            "notifications": self.told + self.coverage_lost + self.coverage_regained,
            "policy_failures": self.failures,
            "days": {
                day: {"call_hours": self.call_ms_by_day[day] / HOUR_MS, "incidents": self.incidents_by_day[day]}
                for day in sorted(self.call_ms_by_day)
            },
            "labels": self._labels() if self.labelled else None,
        }

    def _labels(self) -> dict[str, Any]:
        return {
            "fake": self.fake,
            "genuine": self.genuine,
            "fake_alerted": self.fake_alerted,
            "genuine_alerted": self.genuine_alerted,
            "precision": self.precision,
            "recall": self.recall,
            "false_alarms": self.false_alarms,
            "false_alarms_per_call_hour": self.per_hour(self.false_alarms),
            "unlabelled_incidents": self.unlabelled,
        }


def first_verdicts(recording: Recording) -> dict[str, float]:
    """When each participant was first judged."""
    found: dict[str, float] = {}
    for verdict in recording.verdicts:
        if verdict.participant_id not in found:
            found[verdict.participant_id] = verdict.received_at
    return found


def first_suspicions(recording: Recording) -> dict[str, float]:
    """When the detector first called each participant suspicious, or worse."""
    found: dict[str, float] = {}
    for verdict in recording.verdicts:
        if verdict.judgement in _SUSPECTED and verdict.participant_id not in found:
            found[verdict.participant_id] = verdict.received_at
    return found


def day_of(at: float) -> str:
    """The day of a Unix time, in UTC: the same on every machine."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def share(part: int, whole: int) -> float | None:
    """Part of a whole, from 0 to 1; None when there is no whole."""
    return part / whole if whole else None


__all__ = [
    "HOUR_MS",
    "Tally",
    "day_of",
    "first_suspicions",
    "first_verdicts",
    "milliseconds",
    "share",
]
