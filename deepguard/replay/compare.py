"""Two policies side by side: counts of both, and the calls in which they differ."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deepguard.model import Call
from deepguard.replay.outcome import SAME_SECONDS, Outcome
from deepguard.replay.tally import Tally
from deepguard.replay.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOTED = 20
"""Calls in which a policy failed that are named."""


class Weight(NamedTuple):
    """How much a change of one call matters: the smallest comes first. No two calls have the same.

    Attributes:
        wrong: Minus how many labelled participants are now wrong.
        right: Minus how many are now right.
        incidents: Minus how many incidents more or less.
        flips: Minus how many flips more or less.
        started_at: When the call began.
        call_id: The call.
    """

    wrong: int
    right: int
    incidents: int
    flips: int
    started_at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One call in which two policies differ.

    Attributes:
        weight: How much it matters.
        call: The call.
        seconds: How long it lasted.
        simulated: Whether its verdicts were scripted.
        truth: What is known of its participants.
        before: What the one made of it.
        after: What the other made of it.
        coverage: How many notifications that a track is no longer watched each of them means.
        unwatched: When nobody watched any track of a participant, in seconds since the call began.
    """

    weight: Weight
    call: Call
    seconds: float
    simulated: bool
    truth: Mapping[str, Truth]
    before: Outcome
    after: Outcome
    coverage: tuple[int, int]
    unwatched: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


class Failure(NamedTuple):
    """A policy that failed in a call.

    Attributes:
        started_at: When the call began.
        call_id: The call.
        reason: For people.
        hung: Whether it did not come to an end.
    """

    started_at: float
    call_id: str
    reason: str
    hung: bool = False


@dataclass
class Comparison:
    """What two policies made of many calls. Adding up two comparisons gives the same in any order.

    Attributes:
        before: Counts of the one.
        after: Counts of the other.
        newly_alerted: Participants that had an incident only with the other.
        no_longer_alerted: Participants that had one only with the one.
        earlier: Participants whose first incident opens earlier with the other.
        later: Participants whose first incident opens later with the other.
        changed: The ids of the calls in which they differ, with the times at which these began.
        shown: The most important of those.
        failures: The first calls in which the other policy failed.
        hung: In how many of all calls it did not come to an end.
        unreadable: Rows that were left out, since a newer version wrote them.
        most: How many changed calls are kept with their time lines.
    """

    most: int = 10
    before: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)
    newly_alerted: int = 0
    no_longer_alerted: int = 0
    earlier: int = 0
    later: int = 0
    changed: list[tuple[float, str]] = field(default_factory=list)
    shown: list[Changed] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    hung: int = 0
    unreadable: int = 0

    def add(self, other: Comparison) -> None:
        """Take in what another one counted."""
        self.before.add(other.before)
        self.after.add(other.after)
        self.newly_alerted += other.newly_alerted
        self.no_longer_alerted += other.no_longer_alerted
        self.earlier += other.earlier
        self.later += other.later
        self.changed += other.changed
        self.hung += other.hung
        self.unreadable += other.unreadable
        self.shown = heapq.nsmallest(self.most, [*self.shown, *other.shown], key=lambda one: one.weight)
        self.failures = heapq.nsmallest(NOTED, [*self.failures, *other.failures])

    def note_participants(self, before: Outcome, after: Outcome) -> None:
        """Count whose first incident comes, goes or moves."""
        if not before.incidents and not after.incidents:
            return
        first, then = _first_incidents(before), _first_incidents(after)
        self.newly_alerted += len(then.keys() - first.keys())
        self.no_longer_alerted += len(first.keys() - then.keys())
        for participant in first.keys() & then.keys():
            self.earlier += then[participant] < first[participant] - SAME_SECONDS
            self.later += then[participant] > first[participant] + SAME_SECONDS

    def changed_ids(self) -> list[str]:
        """The calls in which the policies differ, in the order in which they began."""
        return [call_id for _, call_id in sorted(self.changed)]


def weigh(call: Call, before: Outcome, after: Outcome, truth: Mapping[str, Truth]) -> Weight:
    """How much it matters that two policies differ in a call."""
    wrong = right = 0
    for participant, known in truth.items():
        was, now = (participant in outcome.alerted for outcome in (before, after))
        if was is not now:
            should = known is Truth.FAKE
            wrong += now is not should
            right += now is should
    incidents = abs(len(after.incidents) - len(before.incidents))
    flips = abs(after.flips() - before.flips())
    return Weight(-wrong, -right, -incidents, -flips, call.started_at, call.id)


def words_for(changed: Changed) -> list[str]:
    """What changed in a call, in words, the most telling first."""
    reasons = sorted(_reasons(changed), key=lambda reason: reason[0])
    return [text for _, text in reasons] or ["levels change at other times"]


def _reasons(changed: Changed) -> Iterable[tuple[int, str]]:
    first, then = _first_incidents(changed.before), _first_incidents(changed.after)
    for participant in sorted(first.keys() | then.keys()):
        known = changed.truth.get(participant)
        if participant not in then:
            yield (
                (0, "missed now")
                if known is Truth.FAKE
                else (1, "false alarm gone")
                if known
                else (2, "no alert any more")
            )
        elif participant not in first:
            yield (1, "found now") if known is Truth.FAKE else (0, "new false alarm") if known else (2, "new alert")
        elif abs(moved := then[participant] - first[participant]) > SAME_SECONDS:
            yield 3, f"alert {abs(moved):.1f} s {'later' if moved > 0 else 'earlier'}"
    more = len(changed.after.incidents) - len(changed.before.incidents)
    if more and first.keys() == then.keys():
        yield 4, f"{abs(more)} {'incident' if abs(more) == 1 else 'incidents'} {'more' if more > 0 else 'fewer'}"
    turns = changed.after.flips() - changed.before.flips()
    if turns:
        yield 5, f"{abs(turns)} {'flip' if abs(turns) == 1 else 'flips'} {'more' if turns > 0 else 'fewer'}"
    lost = changed.coverage[1] - changed.coverage[0]
    if lost:
        yield 6, f"{abs(lost)} coverage {'alert' if abs(lost) == 1 else 'alerts'} {'more' if lost > 0 else 'fewer'}"
    if changed.after.failed and not changed.before.failed:
        yield 0, "the policy failed"


def _first_incidents(outcome: Outcome) -> dict[str, float]:
    found: dict[str, float] = {}
    for incident in outcome.incidents:
        found.setdefault(incident.participant_id, incident.opened_at)
    return found


__all__ = ["NOTED", "Changed", "Comparison", "Failure", "Weight", "weigh", "words_for"]
