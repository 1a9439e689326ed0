"""What people found out: which incidents were right, which were wrong, and which were missed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from deepguard.model import Label, Labelled
from deepguard.store.numbers import moment
from deepguard.store.tables import labels
from deepguard.store.text import storable, to_json
from deepguard.store.writing import insert

PART = 500
"""Calls in one statement at most."""


def label(db: sa.Connection, labelled: Labelled) -> Labelled | None:
    """Write a label down, in the place of an earlier one about the same.

    Args:
        db: A transaction that writes.
        labelled: The label. That the incident, or the call, is there is for the caller to see.

    Returns:
        The label that it replaces; None when there was none.

    Raises:
        ValueError: An incident cannot be one that was missed, and only what was missed is about no incident.
    """
    if (labelled.label is Label.MISSED) is bool(labelled.incident_id):
        raise ValueError("an incident is confirmed or a false positive; missed is what no incident was about")
    subject = _subject(labelled.incident_id, labelled.call_id, labelled.participant_id)
    before = _find(db, subject)
    row = {
        "subject": subject,
        "incident_id": storable(labelled.incident_id) or None,
        "call_id": storable(labelled.call_id),
        "participant_id": storable(labelled.participant_id),
        "label": labelled.label.value,
        "at": moment(labelled.at),
        "by": storable(labelled.by),
        "comment": storable(labelled.comment),
    }
    changed = {name: value for name, value in row.items() if name != "subject"}
    db.execute(insert(db, labels).values(row).on_conflict_do_update(index_elements=[labels.c.subject], set_=changed))
    return before


def unlabel(
    db: sa.Connection, *, incident_id: str = "", call_id: str = "", participant_id: str = ""
) -> Labelled | None:
    """Take a label back.

    Args:
        db: A transaction that writes.
        incident_id: The incident that it is about; empty for one that was missed.
        call_id: The call, of one that was missed.
        participant_id: The participant, of one that was missed.

    Returns:
        The label that was there; None when there was none.
    """
    subject = _subject(incident_id, call_id, participant_id)
    before = _find(db, subject)
    if before is not None:
        db.execute(sa.delete(labels).where(labels.c.subject == subject))
    return before


def labels_of(db: sa.Connection, call_ids: Collection[str]) -> list[Labelled]:
    """The labels of these calls, oldest first.

    Args:
        db: A transaction.
        call_ids: The calls.
    """
    wanted = [storable(call_id) for call_id in call_ids]
    found: list[Labelled] = []
    for start in range(0, len(wanted), PART):
        some = sa.select(labels).where(labels.c.call_id.in_(wanted[start : start + PART]))
        found += filter(None, map(_labelled, db.execute(some)))
    return sorted(found, key=lambda one: (one.at, one.call_id, one.incident_id, one.participant_id))


def of_incident(db: sa.Connection, incident_id: str) -> Labelled | None:
    """The label of an incident, if it has one.

    Args:
        db: A transaction.
        incident_id: Which.
    """
    row = db.execute(sa.select(labels).where(labels.c.subject == storable(incident_id))).first()
    return None if row is None else _labelled(row)


def _subject(incident_id: str, call_id: str, participant_id: str) -> str:
    if incident_id:
        return storable(incident_id)
    # Its digest: names may be longer than what an index takes.
    named = to_json([storable(call_id), storable(participant_id)])
    return f"missed_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def _find(db: sa.Connection, subject: str) -> Labelled | None:
    # Locked, so that whoever labels it at the same moment is told what was replaced.
    row = db.execute(sa.select(labels).where(labels.c.subject == subject).with_for_update()).first()
    return None if row is None else _labelled(row)


def _labelled(row: sa.Row[Any]) -> Labelled | None:
    if row.label not in frozenset(Label):
        return None  # a newer version's
    return Labelled(
        call_id=row.call_id,
        participant_id=row.participant_id,
        label=Label(row.label),
        at=row.at,
        by=row.by,
        incident_id=row.incident_id or "",
        comment=row.comment,
    )


__all__ = ["label", "labels_of", "of_incident", "unlabel"]
