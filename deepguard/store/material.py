"""Reads what the story of one incident is made of: rows as they are, whichever version wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from deepguard.config.snapshot import Snapshot
from deepguard.model import Labelled, Notification, NotificationKind
from deepguard.store import configurations, incidents, labels
from deepguard.store.clock import now
from deepguard.store.codec import decode
from deepguard.store.incidents import StoredIncident
from deepguard.store.tables import calls, deliveries, notifications, samples, transitions, verdicts

_COVERAGE = (NotificationKind.COVERAGE_LOST.value, NotificationKind.COVERAGE_REGAINED.value)


class CallRow(NamedTuple):
    """The call, and what it was guarded with; empty where it is older than that was recorded."""

    id: str
    started_at: float
    ended_at: float | None
    reason: str
    detector: str
    simulated: bool
    config_hash: str
    policy: str
    policy_failed: str
    imported_at: float | None
    thresholds: Mapping[str, Any] = {}


class VerdictRow(NamedTuple):
    """A verdict on a track of the participant; ``number`` is its place in the order of all."""

    number: int
    at: float
    source: str
    judgement: str
    score: float | None
    detector: str
    model: str
    message: str
    captured_at: float | None
    blind: str


class ChangeRow(NamedTuple):
    """A change of level, of coverage or of disagreement; without a source it is the participant's level."""

    number: int
    at: float
    source: str
    what: str
    before: str
    after: str
    cause: str
    rule: str
    verdicts: int


class SampleRow(NamedTuple):
    """A sample of which no verdict came."""

    number: int
    at: float
    source: str
    outcome: str
    reason: str


class DeliveryRow(NamedTuple):
    """A delivery; ``notification`` is None when this version cannot read it."""

    id: int
    notification_id: str
    notifier: str
    kind: str
    status: str
    attempts: int
    created_at: float
    due_at: float
    ended_at: float | None
    detail: str
    digest_id: int | None
    notification: Notification | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is written down of an incident, and of its participant's part of the call.

    Attributes:
        now: The database's time.
        stored: The incident.
        others: Other incidents of the participant in the same call.
        label: What people found out about it.
        call: The call; None when it has been deleted.
        verdicts: The participant's, in the order in which they came.
        changes: The participant's, in the order in which they came.
        samples: The participant's that no verdict answered.
        deliveries: Of the incident, and of the participant's coverage; in the order in which they were planned.
        configuration: What the call was guarded with, where that is known.
    """

    now: float
    stored: StoredIncident
    others: tuple[StoredIncident, ...] = ()
    label: Labelled | None = None
    call: CallRow | None = None
    verdicts: tuple[VerdictRow, ...] = ()
    changes: tuple[ChangeRow, ...] = ()
    samples: tuple[SampleRow, ...] = ()
    deliveries: tuple[DeliveryRow, ...] = ()
    configuration: Snapshot | None = field(default=None, repr=False)


def read_material(db: sa.Connection, incident_id: str) -> Material | None:
    """Read everything about an incident; its picture is left where it is.

    Args:
        db: A transaction.
        incident_id: Which.

    Returns:
        What there is; None when there is no such incident.
    """
    found = incidents.find(db, ids=[incident_id])
    if not found:
        return None
    incident = found[0].incident
    who = (incident.call_id, incident.participant_id)
    call = _call(db, incident.call_id)
    of_call = incidents.find(db, call_ids=[incident.call_id])
    others = [one for one in of_call if one.incident.participant_id == who[1] and one.incident.id != incident.id]
    return Material(
        now=float(db.execute(sa.select(now())).scalar_one()),
        stored=found[0],
        others=tuple(reversed(others)),
        label=labels.of_incident(db, incident.id),
        call=call,
        verdicts=tuple(_verdicts(db, *who)),
        changes=tuple(_changes(db, *who)),
        samples=tuple(_samples(db, *who)),
        deliveries=tuple(_deliveries(db, incident.id, *who)),
        configuration=configurations.find(db, call.config_hash) if call and call.config_hash else None,
    )


def _call(db: sa.Connection, call_id: str) -> CallRow | None:
    row = db.execute(sa.select(calls).where(calls.c.id == call_id)).first()
    if row is None:
        return None
    try:
        thresholds = json.loads(row.thresholds or "{}")
    except ValueError:
        thresholds = {}
    return CallRow(
        id=row.id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        reason=row.reason or "",
        detector=row.detector,
        simulated=bool(row.simulated),
        config_hash=row.config_hash or "",
        policy=row.policy or "",
        policy_failed=row.policy_failed or "",
        imported_at=row.imported_at,
        thresholds=thresholds if isinstance(thresholds, dict) else {},
    )


def _of(db: sa.Connection, table: sa.Table, call_id: str, participant_id: str) -> Iterator[sa.Row[Any]]:
    c = table.c
    yield from db.execute(
        sa.select(table).where(c.call_id == call_id, c.participant_id == participant_id).order_by(c.id)
    )


def _verdicts(db: sa.Connection, call_id: str, participant_id: str) -> Iterator[VerdictRow]:
    for row in _of(db, verdicts, call_id, participant_id):
        yield VerdictRow(
            row.id,
            row.received_at,
            row.source,
            row.judgement,
            row.score,
            row.detector,
            row.model,
            row.message,
            row.captured_at,
            row.blind or "",
        )


def _changes(db: sa.Connection, call_id: str, participant_id: str) -> Iterator[ChangeRow]:
    for row in _of(db, transitions, call_id, participant_id):
        yield ChangeRow(
            row.id,
            row.at,
            row.source or "",
            row.what,
            row.before,
            row.after,
            row.cause,
            row.rule or "",
            row.verdicts or 0,
        )


def _samples(db: sa.Connection, call_id: str, participant_id: str) -> Iterator[SampleRow]:
    for row in _of(db, samples, call_id, participant_id):
        if row.outcome != "judged":
            yield SampleRow(row.id, row.ended_at, row.source, row.outcome, row.reason)


def _deliveries(db: sa.Connection, incident_id: str, call_id: str, participant_id: str) -> Iterator[DeliveryRow]:
    c = deliveries.c
    statement = (
        sa.select(deliveries, notifications.c.body)
        .outerjoin(notifications, notifications.c.id == c.notification_id)
        .where(sa.or_(c.incident_id == incident_id, sa.and_(c.call_id == call_id, c.kind.in_(_COVERAGE))))
        .order_by(c.id)
    )
    for row in db.execute(statement):
        told = _readable(row.body or "")
        if row.incident_id is None and (told is None or told.participant_id != participant_id):
            continue  # somebody else's coverage
        yield DeliveryRow(
            row.id,
            row.notification_id,
            row.notifier,
            row.kind,
            row.status,
            row.attempts,
            row.created_at,
            row.due_at,
            row.ended_at,
            row.detail,
            row.digest_id,
            told,
        )


def _readable(body: str) -> Notification | None:
    try:
        return decode(body)
    except ValueError:
        return None


__all__ = ["CallRow", "ChangeRow", "DeliveryRow", "Material", "SampleRow", "VerdictRow", "read_material"]
