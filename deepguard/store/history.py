"""Writes down calls, verdicts, transitions and incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from deepguard.model import (
    NO_SIGNALS,
    CoverageChanged,
    DisagreementChanged,
    Incident,
    LevelChanged,
    Notification,
    NotificationKind,
    Picture,
    SampleRecord,
    Transition,
    Verdict,
)
from deepguard.store.entry import CallBegan, Entry, PolicyFailed, PolicyUsed, ShadowChanged
from deepguard.store.numbers import finite, moment
from deepguard.store.sizes import size_of
from deepguard.store.tables import (
    calls,
    incidents,
    pictures,
    samples,
    shadow_transitions,
    shadows,
    transitions,
    verdicts,
)
from deepguard.store.text import storable, to_json
from deepguard.store.writing import insert

_CHANGES_INCIDENT = frozenset({NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED})


def as_written(verdict: Verdict) -> Verdict:
    """A verdict as it is when it is read back: what a policy is given live is what a replay gives it.

    Args:
        verdict: From a detector, which is somebody else's code: its numbers and texts may be anything.
    """
    return replace(
        verdict,
        participant_id=storable(verdict.participant_id),
        track_id=storable(verdict.track_id),
        received_at=moment(verdict.received_at),
        detector=storable(verdict.detector),
        model=storable(verdict.model),
        score=finite(verdict.score),
        message=storable(verdict.message),
        sample_id=storable(verdict.sample_id) if verdict.sample_id else None,
        captured_at=finite(verdict.captured_at),
        signals={storable(name): _signal(value) for name, value in verdict.signals.items()}
        if verdict.signals
        else NO_SIGNALS,
    )


def write_history(db: sa.Connection, entries: Sequence[Entry], process_id: str) -> None:
    """Write what happened in ``entries``; where it is told is not written here.

    Args:
        db: A transaction.
        entries: In the order in which it happened.
        process_id: Who guards the calls that begin.
    """
    began = [call_row(entry.began, process_id) for entry in entries if entry.began]
    if began:
        db.execute(insert(db, calls).on_conflict_do_nothing(), began)
    beside = [_shadow_row(entry.call_id, used) for entry in entries if entry.began for used in entry.began.shadows]
    if beside:
        db.execute(insert(db, shadows).on_conflict_do_nothing(), beside)
    for table, rows in (
        (verdicts, [_verdict_row(entry.call_id, as_written(entry.verdict)) for entry in entries if entry.verdict]),
        (samples, [_sample_row(entry.call_id, sample) for entry in entries for sample in entry.samples]),
        (transitions, [_transition_row(change) for entry in entries for change in entry.transitions]),
        (shadow_transitions, [_shadow_change_row(change) for entry in entries for change in entry.shadow_changes]),
    ):
        if rows:
            db.execute(sa.insert(table), rows)
    for entry in entries:
        if entry.policy_failed:
            _write_failure(db, entry.call_id, entry.policy_failed)
    for entry in entries:
        _write_incidents(db, entry.notifications, entry.picture)
    for entry in entries:
        if entry.ended:
            db.execute(
                sa.update(calls)
                .where(calls.c.id == storable(entry.call_id))
                .values(ended_at=moment(entry.ended.at), reason=storable(entry.ended.reason), size=size_of(calls.c.id))
            )


def _write_incidents(db: sa.Connection, notifications: Iterable[Notification], picture: Picture | None) -> None:
    for notification in notifications:
        incident = notification.incident
        if incident is None or notification.kind not in _CHANGES_INCIDENT:
            continue
        row = incident_row(incident, notification.detector, notification.simulated)
        statement = insert(db, incidents)
        # Who acknowledged it is written by others and stays; so does its end, whoever told it first.
        changing = ("updated_at", "resolved_at", "resolution", "level", "peak", "sources", "detail")
        db.execute(
            statement.on_conflict_do_update(
                index_elements=[incidents.c.id],
                set_={name: statement.excluded[name] for name in changing},
                where=incidents.c.resolved_at.is_(None),
            ),
            row,
        )
        if picture is not None and notification.kind is NotificationKind.OPENED:
            db.execute(insert(db, pictures).on_conflict_do_nothing(), _picture_row(incident.id, picture))


def _write_failure(db: sa.Connection, call_id: str, failed: PolicyFailed) -> None:
    reason, call_id = storable(failed.reason), storable(call_id)
    if failed.shadow:
        which = (shadows.c.call_id == call_id, shadows.c.name == storable(failed.shadow))
        db.execute(sa.update(shadows).where(*which).values(failed=reason))
    else:
        db.execute(sa.update(calls).where(calls.c.id == call_id).values(policy_failed=reason))


def call_row(began: CallBegan, process_id: str) -> dict[str, Any]:
    """The row of a call that begins.

    Args:
        began: The call's beginning.
        process_id: Who guards it.
    """
    return {
        "id": storable(began.call.id),
        "process_id": process_id,
        "started_at": moment(began.call.started_at),
        "metadata": to_json(dict(began.call.metadata)),
        "detector": storable(began.detector),
        "simulated": began.simulated,
        "config_hash": began.config_hash,
        "policy": storable(began.policy.origin),
        "thresholds": to_json(dict(began.policy.thresholds)),
    }


def _shadow_row(call_id: str, used: PolicyUsed) -> dict[str, Any]:
    return {
        "call_id": storable(call_id),
        "name": storable(used.name),
        "policy": storable(used.origin),
        "thresholds": to_json(dict(used.thresholds)),
    }


def _sample_row(call_id: str, sample: SampleRecord) -> dict[str, Any]:
    return {
        "call_id": storable(call_id),
        "sample_id": storable(sample.id),
        "participant_id": storable(sample.participant_id),
        "track_id": storable(sample.track_id),
        "source": sample.source.value,
        "captured_at": moment(sample.captured_at),
        "ended_at": moment(sample.ended_at),
        "outcome": sample.outcome.value,
        "reason": storable(sample.reason),
        "format": sample.format.value if sample.format else None,
        "width": sample.width,
        "height": sample.height,
        "size": sample.size,
    }


def _signal(value: Any) -> Any:
    return value if isinstance(value, bool) else storable(value) if isinstance(value, str) else finite(value)


def _verdict_row(call_id: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "call_id": storable(call_id),
        "received_at": verdict.received_at,
        "participant_id": verdict.participant_id,
        "track_id": verdict.track_id,
        "source": verdict.source.value,
        "judgement": verdict.judgement.value,
        "score": verdict.score,
        "detector": verdict.detector,
        "model": verdict.model,
        "message": verdict.message,
        "sample_id": verdict.sample_id,
        "captured_at": verdict.captured_at,
        "signals": to_json(dict(verdict.signals)),
        "blind": verdict.blind.value if verdict.blind else None,
    }


def _transition_row(change: Transition) -> dict[str, Any]:
    row: dict[str, Any] = {
        "call_id": storable(change.call_id),
        "at": moment(change.at),
        "participant_id": storable(change.participant_id),
        "source": change.source.value if change.source else None,
    }
    row |= {"rule": "", "verdicts": 0}
    match change:
        case LevelChanged():
            return row | {"what": "level"} | _level_row(change)
        case CoverageChanged():
            before, after = ((cov.blind.value if cov.blind else "covered") for cov in (change.before, change.after))
            cause = storable(change.after.detail)
            return row | {"what": "coverage", "before": before, "after": after, "cause": cause}
        case DisagreementChanged():
            before, after = storable(change.before), storable(change.after)
            return row | {"what": "disagreement", "before": before, "after": after, "cause": ""}


def _level_row(change: LevelChanged) -> dict[str, Any]:
    return {
        "before": str(change.before),
        "after": str(change.after),
        "cause": storable(change.cause),
        "rule": storable(change.rule),
        "verdicts": change.verdicts,
    }


def _shadow_change_row(changed: ShadowChanged) -> dict[str, Any]:
    change = changed.change
    return {
        "call_id": storable(change.call_id),
        "shadow": storable(changed.shadow),
        "at": moment(change.at),
        "participant_id": storable(change.participant_id),
        "source": change.source.value if change.source else None,
    } | _level_row(change)


def incident_row(incident: Incident, detector: str, simulated: bool) -> dict[str, Any]:
    """The row of an incident.

    Args:
        incident: The incident.
        detector: Which detector watched the call.
        simulated: Whether the verdicts were scripted.
    """
    return {
        "id": incident.id,
        "call_id": storable(incident.call_id),
        "participant_id": storable(incident.participant_id),
        "opened_at": moment(incident.opened_at),
        "updated_at": moment(incident.updated_at),
        "resolved_at": None if incident.resolved_at is None else moment(incident.resolved_at),
        "resolution": incident.resolution.value if incident.resolution else None,
        "level": str(incident.level),
        "peak": str(incident.peak),
        "sources": to_json(incident.sources),
        "detail": storable(incident.detail),
        "context": to_json(dict(incident.context)),
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": storable(incident.acknowledged_by),
        "detector": storable(detector),
        "simulated": simulated,
    }


def _picture_row(incident_id: str, picture: Picture) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "format": picture.format.value,
        "captured_at": picture.captured_at,
        "width": picture.width,
        "height": picture.height,
        "data": picture.data,
    }


__all__ = ["call_row", "incident_row", "write_history"]
