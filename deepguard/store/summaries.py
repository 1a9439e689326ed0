"""Recorded calls in a few words each, for a list of them. Only what is shown is looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from deepguard.model import BlindReason, Level, Source
from deepguard.store.tables import calls, incidents, labels, transitions, verdicts

PART = 500
"""Calls in one statement at most."""

NOTHING_TO_SEE = frozenset({(Source.MICROPHONE, BlindReason.NO_SPEECH), (Source.SCREEN, BlindReason.NO_MEDIA)})
"""Somebody who has not spoken, and a share that ended, were not there to be watched."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One call.

    Attributes:
        id: The call's id.
        started_at: When it began.
        ended_at: When it ended; None while it goes on.
        reason: Why it ended: a word for programs.
        detector: Who judged it.
        simulated: Whether the verdicts were scripted.
        policy: Where the alert policy came from; empty when the call is older than that was recorded.
        policy_failed: Why the built-in policy took over; empty when it did not.
        config_hash: Hash of the configuration; empty likewise.
        size: Bytes that it takes in the store; None while it goes on.
        imported_at: When it came from another store; None when it was guarded here.
        verdicts: How many.
        peak: The highest level of any participant.
        incidents: How many.
        blind: The share of the time that its tracks were not watched, 0 to 1; None when nothing is known of it.
        labels: What people found out, and of how many incidents or participants.
    """

    id: str
    started_at: float
    ended_at: float | None
    reason: str
    detector: str
    simulated: bool
    policy: str
    policy_failed: str
    config_hash: str
    size: int | None
    imported_at: float | None
    verdicts: int = 0
    peak: Level = Level.CLEAR
    incidents: int = 0
    blind: float | None = None
    labels: Mapping[str, int] = field(default_factory=dict)


def summaries(db: sa.Connection, ids: Sequence[str], at: float) -> list[Summary]:
    """Calls in a few words.

    Args:
        db: A transaction.
        ids: Which; one that is not there is left out.
        at: The moment until which the time of a call that goes on is counted.

    Returns:
        One for each, in the order of ``ids``.
    """
    found: list[Summary] = []
    for start in range(0, len(ids), PART):
        found += _part(db, ids[start : start + PART], at)
    return found


def _part(db: sa.Connection, ids: Sequence[str], at: float) -> list[Summary]:
    rows = {row.id: row for row in db.execute(sa.select(calls).where(calls.c.id.in_(ids)))}
    judged, opened = _counted(db, verdicts, ids), _counted(db, incidents, ids)
    peaks = _peaks(db, ids)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for row in db.execute(sa.select(labels.c.call_id, labels.c.label).where(labels.c.call_id.in_(ids))):
        said[row.call_id][row.label] += 1
    c = transitions.c
    changes: dict[str, list[Any]] = defaultdict(list)
    columns = (c.call_id, c.participant_id, c.source, c.at, c.after)
    for row in db.execute(
        sa.select(*columns).where(c.call_id.in_(ids), c.what == "coverage").order_by(c.call_id, c.id)
    ):
        changes[row.call_id].append(row)
    return [
        Summary(
            id=row.id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            reason=row.reason or "",
            detector=row.detector,
            simulated=bool(row.simulated),
            policy=row.policy or "",
            policy_failed=row.policy_failed or "",
            config_hash=row.config_hash or "",
            size=row.size,
            imported_at=row.imported_at,
            verdicts=judged.get(one, 0),
            peak=peaks.get(one, Level.CLEAR),
            incidents=opened.get(one, 0),
            blind=_blind(changes.get(one, ()), at if row.ended_at is None else row.ended_at),
            labels=dict(said.get(one, {})),
        )
        for one in ids
        if (row := rows.get(one)) is not None
    ]


def _counted(db: sa.Connection, table: sa.Table, ids: Sequence[str]) -> dict[str, int]:
    c = table.c
    found = db.execute(sa.select(c.call_id, sa.func.count()).where(c.call_id.in_(ids)).group_by(c.call_id))
    return {row[0]: row[1] for row in found}


def _peaks(db: sa.Connection, ids: Sequence[str]) -> dict[str, Level]:
    c = transitions.c
    known = {str(level): level for level in Level}
    peaks: dict[str, Level] = {}
    for call_id, after in db.execute(
        sa.select(c.call_id, c.after)
        .where(c.call_id.in_(ids), c.what == "level", c.source.is_(None), c.after.in_(known))
        .distinct()
    ):
        peaks[call_id] = max(known[after], peaks.get(call_id, Level.CLEAR))
    return peaks


def _blind(changes: Iterable[Any], ended_at: float) -> float | None:
    """The share of the time, of all tracks together, that nobody watched."""
    tracks: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in changes:
        tracks[row.participant_id, row.source].append(row)
    blind = whole = 0.0
    for (_, source), rows in tracks.items():
        for row, until in zip(rows, [*(later.at for later in rows[1:]), ended_at], strict=True):
            seconds = max(0.0, until - row.at)
            if (source, row.after) in NOTHING_TO_SEE:
                continue
            whole += seconds
            if row.after != "covered":
                blind += seconds
    return blind / whole if whole else None


__all__ = ["NOTHING_TO_SEE", "Summary", "summaries"]
