"""Reads incidents back, and takes down who acknowledged one."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepguard.model import Incident, Level, Picture, Resolution, SampleFormat, Source
from deepguard.store.clock import now
from deepguard.store.sizes import size_of
from deepguard.store.tables import calls, incidents, pictures
from deepguard.store.text import storable

_FORMATS = frozenset(SampleFormat)


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """An incident as it was last told.

    Attributes:
        incident: The incident.
        detector: Which detector watched the call.
        simulated: Whether the verdicts were scripted.
    """

    incident: Incident
    detector: str
    simulated: bool


def find(
    db: sa.Connection,
    *,
    ids: Collection[str] | None = None,
    call_ids: Collection[str] | None = None,
    is_open: bool | None = None,
    limit: int | None = None,
) -> list[StoredIncident]:
    """Incidents, newest first.

    Args:
        db: A transaction.
        ids: Only these.
        call_ids: Only those of these calls.
        is_open: Only those that are not resolved (True), or that are (False).
        limit: How many at most.
    """
    c = incidents.c
    statement = sa.select(incidents).order_by(c.opened_at.desc(), c.id).limit(limit)
    if ids is not None:
        statement = statement.where(c.id.in_([storable(one) for one in ids]))
    if call_ids is not None:
        statement = statement.where(c.call_id.in_([storable(one) for one in call_ids]))
    if is_open is not None:
        statement = statement.where(c.resolved_at.is_(None) if is_open else c.resolved_at.is_not(None))
    return [stored(row) for row in db.execute(statement)]


def ids_about(db: sa.Connection, call_id: str, participant_id: str) -> Sequence[str]:
    """The incidents about one participant of a call, oldest first."""
    c = incidents.c
    about = (c.call_id == storable(call_id), c.participant_id == storable(participant_id))
    return db.execute(sa.select(c.id).where(*about).order_by(c.opened_at, c.id)).scalars().all()


def acknowledge(db: sa.Connection, incident_id: str, by: str) -> StoredIncident | None:
    """Take down who acknowledged an incident that is open.

    Returns:
        The incident as it is then; None when it had been acknowledged or resolved before, or does not exist.
    """
    c = incidents.c
    done = db.execute(
        sa.update(incidents)
        .where(c.id == storable(incident_id), c.acknowledged_at.is_(None), c.resolved_at.is_(None))
        .values(acknowledged_at=now(), acknowledged_by=storable(by), updated_at=now())
    )
    return (find(db, ids=[incident_id]))[0] if done.rowcount else None


_c = incidents.c
_ACKNOWLEDGED = sa.select(_c.id, _c.acknowledged_at, _c.acknowledged_by).where(
    _c.id.in_(sa.bindparam("ids", expanding=True)), _c.acknowledged_at.is_not(None)
)


def acknowledged(db: sa.Connection, ids: Collection[str]) -> Sequence[tuple[str, float, str]]:
    """Which of these incidents were acknowledged: id, when, by whom."""
    return [(row[0], row[1], row[2]) for row in db.execute(_ACKNOWLEDGED, {"ids": tuple(ids)})]


def end_call(db: sa.Connection, call_id: str, reason: str) -> bool:
    """Take down that a call ended, if nobody has.

    Returns:
        Whether nobody had.
    """
    done = db.execute(
        sa.update(calls)
        .where(calls.c.id == call_id, calls.c.ended_at.is_(None))
        .values(ended_at=now(), reason=reason, size=size_of(calls.c.id))
    )
    return done.rowcount > 0


def picture_of(db: sa.Connection, incident_id: str) -> Picture | None:
    """The picture that an incident rests on, if it is still kept."""
    row = (db.execute(sa.select(pictures).where(pictures.c.incident_id == incident_id))).first()
    if row is None:
        return None
    if row.format not in _FORMATS:
        return None  # a newer version's; the alert goes without it
    return Picture(bytes(row.data), SampleFormat(row.format), row.captured_at, row.width, row.height)


def stored(row: sa.Row[Any]) -> StoredIncident:
    """An incident from its row.

    Raises:
        KeyError: This version cannot read it.
        TypeError: Likewise.
        ValueError: Likewise.
    """
    incident = Incident(
        id=row.id,
        call_id=row.call_id,
        participant_id=row.participant_id,
        opened_at=row.opened_at,
        level=Level[row.level.upper()],
        peak=Level[row.peak.upper()],
        sources=tuple(Source(source) for source in json.loads(row.sources)),
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
        resolution=Resolution(row.resolution) if row.resolution else None,
        detail=row.detail,
        context=json.loads(row.context),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
    )
    return StoredIncident(incident, row.detector, bool(row.simulated))


__all__ = ["StoredIncident", "acknowledge", "acknowledged", "end_call", "find", "ids_about", "picture_of", "stored"]
