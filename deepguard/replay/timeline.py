"""The time line of one participant in one call, as one policy made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from deepguard.model import Incident, Level, LevelChanged, Resolution
from deepguard.replay.compare import Changed
from deepguard.replay.outcome import Outcome
from deepguard.replay.truth import Truth

MOST_EVENTS = 500
"""Changes of a participant that are kept; the number of the others is told."""

UNWATCHED = 3
"""The place of the mark for CLEAR while nobody watches, among those of ``strip``."""

_TRUTH_WORDS = {Truth.FAKE: "known to be fake", Truth.GENUINE: "known to be genuine"}


class Span(NamedTuple):
    """A time at one level, in seconds since the call began."""

    begin: float
    end: float
    level: Level


class Event(NamedTuple):
    """A change of a participant's level.

    Attributes:
        at: Seconds since the call began.
        level: The level from then on.
        cause: For people: why; untrusted text.
        rule: The threshold behind it; empty when the policy does not say.
        incident: ``opens`` or ``ends`` when an incident does; else empty.
    """

    at: float
    level: Level
    cause: str
    rule: str
    incident: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One participant as one policy saw them.

    Attributes:
        spans: Times above CLEAR, in order.
        events: Changes of level, in order.
        more: How many changes are left out of both.
        incidents: When incidents opened, and when they ended, in seconds since the call began.
        unwatched: When nobody watched any track, whatever the policy.
    """

    spans: tuple[Span, ...]
    events: tuple[Event, ...]
    more: int
    incidents: tuple[tuple[float, float], ...]
    unwatched: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """One participant under both policies.

    Attributes:
        participant_id: Who; untrusted text.
        known: What is known of them, in words; empty when nothing is.
        before: As the one saw them.
        after: As the other saw them.
    """

    participant_id: str
    known: str
    before: Lane
    after: Lane


def pairs(changed: Changed) -> list[Pair]:
    """The time lines of those participants of a call whose level changed under one of both policies."""
    names = sorted(
        {change.participant_id for outcome in (changed.before, changed.after) for change in outcome.changes}
        | {incident.participant_id for outcome in (changed.before, changed.after) for incident in outcome.incidents}
    )
    return [
        Pair(
            name,
            _TRUTH_WORDS[changed.truth[name]] if name in changed.truth else "",
            _lane(changed, changed.before, name),
            _lane(changed, changed.after, name),
        )
        for name in names
    ]


def _lane(changed: Changed, outcome: Outcome, participant_id: str) -> Lane:
    start, end = changed.call.started_at, changed.seconds
    changes = [change for change in outcome.participant_changes() if change.participant_id == participant_id]
    incidents = [incident for incident in outcome.incidents if incident.participant_id == participant_id]
    shown = changes[:MOST_EVENTS]
    return Lane(
        tuple(_spans(shown, start, end)),
        tuple(_event(change, incidents, start) for change in shown),
        len(changes) - len(shown),
        tuple(
            (one.opened_at - start, end if one.resolved_at is None else one.resolved_at - start) for one in incidents
        ),
        tuple(changed.unwatched.get(participant_id, ())),
    )


def _spans(changes: Sequence[LevelChanged], start: float, end: float) -> Iterator[Span]:
    for number, change in enumerate(changes):
        until = changes[number + 1].at - start if number + 1 < len(changes) else max(end, change.at - start)
        if change.after is not Level.CLEAR and until > change.at - start:
            yield Span(change.at - start, until, change.after)


def _event(change: LevelChanged, incidents: Sequence[Incident], start: float) -> Event:
    what = ""
    for incident in incidents:
        if incident.opened_at == change.at:
            what = "opens"
        elif incident.resolved_at == change.at and incident.resolution is Resolution.CLEARED:
            what = "ends"
    return Event(change.at - start, change.after, change.cause, change.rule, what)


def clock(seconds: float) -> str:
    """A time within a call: ``mm:ss``, with hours where there are any."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def strip(lane: Lane, seconds: float, width: int, marks: str) -> str:
    """A lane as one line of characters, each of which shows the highest level of its time.

    Args:
        lane: The lane.
        seconds: How long the call lasted.
        width: Characters.
        marks: Those for CLEAR, SUSPICIOUS and ALERT, and the one that stands for CLEAR while nobody watches.
    """
    cells = [int(Level.CLEAR)] * width
    for begin, end in lane.unwatched:
        for cell in range(*_cells(begin, end, seconds, width)):
            cells[cell] = UNWATCHED
    for span in lane.spans:
        first, last = _cells(span.begin, span.end, seconds, width)
        for cell in range(first, max(last, first + 1)):
            shown = Level.CLEAR if cells[cell] == UNWATCHED else cells[cell]
            cells[cell] = max(shown, span.level)
    return "".join(marks[cell] for cell in cells)


def _cells(begin: float, end: float, seconds: float, width: int) -> tuple[int, int]:
    """The cells of a time, from the first to the one after the last."""
    if not seconds:
        return 0, width
    return min(width - 1, int(begin / seconds * width)), min(width, int(end / seconds * width) + 1)


__all__ = ["Event", "Lane", "Pair", "Span", "clock", "pairs", "strip"]
