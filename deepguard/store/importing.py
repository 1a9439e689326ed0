"""Writes down calls that were recorded elsewhere.

They have ended, whatever they say, and so have their incidents: nobody guards them here, nobody is to be told of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from deepguard.errors import DeepguardError
from deepguard.model import Labelled, Resolution
from deepguard.store.clock import now
from deepguard.store.entry import CallBegan, CallEnded, Entry, PolicyFailed, PolicyUsed
from deepguard.store.history import call_row, incident_row, write_history
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.tables import calls, incidents, labels
from deepguard.store.text import storable
from deepguard.store.writing import insert
from deepguard.text import one_line

IMPORTED = "imported"
"""Stands for the process that guarded the call; no process has this id."""


def write_recordings(db: sa.Connection, recordings: Iterable[Recording]) -> list[str]:
    """Write calls down. One that is in the store already is left as it is.

    Args:
        db: A transaction that writes.
        recordings: What was recorded of them.

    Returns:
        The ids of those that were not there.

    Raises:
        DeepguardError: One of their incidents is there already, as another call's.
    """
    return [recording.call.id for recording in recordings if _write(db, recording)]


def ended(recording: Recording) -> tuple[Recording, float]:
    """The call with an end, and when that was: at the last moment that is known of it, unless it says when.

    What was open when it was exported ends as that of a call whose guard is gone.
    """
    at = recording.call.started_at + recording.seconds if recording.ended_at is None else recording.ended_at
    lost = Resolution.GUARD_LOST
    closed = (
        replace(stored, incident=replace(stored.incident, resolved_at=at, resolution=lost))
        if stored.incident.resolved_at is None
        else stored
        for stored in recording.incidents
    )
    reason = lost.value if recording.ended_at is None else recording.reason
    return replace(recording, ended_at=at, reason=reason, incidents=tuple(closed)), at


def subject_of(label: Labelled) -> str:
    """The key of a label: its incident, or, when no incident was about it, call and participant."""
    return storable(label.incident_id or f"{label.call_id}/{label.participant_id}")


def _write(db: sa.Connection, recording: Recording) -> bool:
    recording, at = ended(recording)
    call_id, policy = recording.call.id, recording.policy
    began = CallBegan(
        recording.call,
        recording.detector,
        recording.simulated,
        _used(policy),
        recording.config_hash,
        tuple(map(_used, recording.shadows)),
    )
    # Two imports of the same call at the same moment wait for each other here, and the second finds it.
    row = call_row(began, IMPORTED) | {"imported_at": now()}
    if not db.execute(insert(db, calls).on_conflict_do_nothing().values(row)).rowcount:
        return False
    failed = [PolicyFailed(one.failed, one.name) for one in (policy, *recording.shadows) if one.failed]
    write_history(
        db,
        [
            Entry(call_id=call_id, began=began),
            *(Entry(call_id=call_id, verdict=verdict) for verdict in recording.verdicts),
            *(Entry(call_id=call_id, policy_failed=one) for one in failed),
            Entry(
                call_id=call_id,
                samples=recording.samples,
                transitions=recording.transitions,
                shadow_changes=recording.shadow_changes,
            ),
        ],
        IMPORTED,
    )
    _write_incidents(db, recording)
    if recording.labels:
        db.execute(insert(db, labels).on_conflict_do_nothing(), [_label_row(label) for label in recording.labels])
    write_history(db, [Entry(call_id=call_id, ended=CallEnded(at, recording.reason))], IMPORTED)
    return True


def _write_incidents(db: sa.Connection, recording: Recording) -> None:
    if not recording.incidents:
        return
    ids = [stored.incident.id for stored in recording.incidents]
    taken = db.execute(sa.select(incidents.c.id).where(incidents.c.id.in_(ids)).limit(1)).scalar()
    if taken is not None:
        raise DeepguardError(
            f"call {one_line(recording.call.id, 64)} cannot be imported: its incident {one_line(taken, 64)} is in the "
            "store already, as another call's"
        )
    rows = [incident_row(stored.incident, stored.detector, stored.simulated) for stored in recording.incidents]
    db.execute(sa.insert(incidents), rows)


def _label_row(label: Labelled) -> dict[str, object]:
    return {
        "subject": subject_of(label),
        "incident_id": label.incident_id or None,
        "call_id": label.call_id,
        "participant_id": label.participant_id,
        "label": label.label.value,
        "at": label.at,
        "by": label.by,
        "comment": label.comment,
    }


def _used(policy: RecordedPolicy) -> PolicyUsed:
    return PolicyUsed(policy.origin, policy.thresholds, policy.name)


__all__ = ["ended", "subject_of", "write_recordings"]
