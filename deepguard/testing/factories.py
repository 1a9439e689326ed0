"""Nouns with everything filled in, of which a test says only what it is about."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from deepguard.model import (
    BlindReason,
    Coverage,
    CoverageChanged,
    Incident,
    Judgement,
    Level,
    Notification,
    NotificationKind,
    Resolution,
    Source,
    Verdict,
)
from deepguard.policy import notifications
from deepguard.policy.ids import new_id

_LOST = Coverage(BlindReason.NO_MEDIA)
_COVERAGE = {
    NotificationKind.COVERAGE_LOST: (Coverage(), _LOST),
    NotificationKind.COVERAGE_REGAINED: (_LOST, Coverage()),
}
_DIGESTED = (NotificationKind.OPENED, NotificationKind.COVERAGE_LOST)


def make_verdict(**over: Any) -> Verdict:
    """Make a verdict: clear, on the camera of ``participant-1``, received now.

    Args:
        **over: Fields of ``Verdict`` to set otherwise.

    Raises:
        TypeError: ``over`` names no field of ``Verdict``.
    """
    fields: dict[str, Any] = {
        "participant_id": "participant-1",
        "track_id": "track-1",
        "source": Source.CAMERA,
        "judgement": Judgement.CLEAR,
        "received_at": time.time(),
        "detector": "test",
    }
    return Verdict(**(fields | over))


def make_notification(**over: Any) -> Notification:
    """Make a notification as the guard would, by default that an incident of ``participant-1`` opened just now.

    One of an incident has an ``ack_url``, as it has where the configuration names the guard's own address; ``thread``
    and ``picture`` are empty unless they are given. A digest stands for an incident and a loss of coverage.

    Args:
        **over: Fields of ``Notification`` to set otherwise. Title, detail, level and incident follow from ``kind``,
            ``call_id``, ``participant_id``, ``at``, ``simulated`` and, of a digest, ``items`` unless they are given
            too.

    Raises:
        TypeError: ``over`` names no field of ``Notification``.
    """
    kind = over.get("kind", NotificationKind.OPENED)
    call_id, participant_id = over.get("call_id", "call-1"), over.get("participant_id", "participant-1")
    at, simulated = over.get("at", time.time()), over.get("simulated", False)
    if kind is NotificationKind.TEST:
        made = notifications.test_notification(now=at)
    elif kind is NotificationKind.DIGEST:
        about = {"call_id": call_id, "participant_id": participant_id, "at": at, "simulated": simulated}
        items = [make_notification(kind=one, **about) for one in _DIGESTED]
        made = notifications.digest_notification(over.get("items") or items, now=at)
    elif kind in _COVERAGE:
        before, after = _COVERAGE[kind]
        change = CoverageChanged(call_id, participant_id, over.get("source", Source.CAMERA), before, after, at)
        made = notifications.coverage_notification(change, level=Level.CLEAR, detector="test", simulated=simulated)
    else:
        incident = _incident(kind, call_id, participant_id, at)
        made = notifications.incident_notification(incident, kind, at=at, detector="test", simulated=simulated)
        made = replace(made, ack_url=f"https://guard.example/ack/{incident.id}")
    return replace(made, **over)


def _incident(kind: NotificationKind, call_id: str, participant_id: str, at: float) -> Incident:
    opened = Incident(
        id=new_id("inc_"),
        call_id=call_id,
        participant_id=participant_id,
        opened_at=at,
        level=Level.ALERT,
        peak=Level.ALERT,
        sources=(Source.CAMERA,),
        updated_at=at,
        detail="an alert verdict on the camera",
    )
    if kind is NotificationKind.REPEATED:
        return replace(opened, opened_at=at - 900, updated_at=at - 900)
    if kind is NotificationKind.ACKNOWLEDGED:
        return replace(opened, acknowledged_at=at, acknowledged_by="Ann")
    if kind is NotificationKind.UPDATED:
        return replace(opened, level=Level.SUSPICIOUS, detail="a suspicious verdict on the camera")
    if kind is NotificationKind.RESOLVED:
        cause = "a clear verdict on the camera"
        return replace(opened, level=Level.CLEAR, resolved_at=at, resolution=Resolution.CLEARED, detail=cause)
    return opened


__all__ = ["make_notification", "make_verdict"]
