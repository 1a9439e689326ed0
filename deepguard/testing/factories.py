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
from deepguard.policy.incidents import coverage_notification, incident_notification, new_id

_LOST = Coverage(BlindReason.NO_MEDIA)
_COVERAGE = {
    NotificationKind.COVERAGE_LOST: (Coverage(), _LOST),
    NotificationKind.COVERAGE_REGAINED: (_LOST, Coverage()),
}


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

    Args:
        **over: Fields of ``Notification`` to set otherwise. Title, detail and incident follow from ``kind``,
            ``call_id``, ``participant_id``, ``at`` and ``simulated`` unless they are given too.

    Raises:
        TypeError: ``over`` names no field of ``Notification``.
    """
    kind = over.get("kind", NotificationKind.OPENED)
    call_id, participant_id = over.get("call_id", "call-1"), over.get("participant_id", "participant-1")
    at, simulated = over.get("at", time.time()), over.get("simulated", False)
    if kind is NotificationKind.TEST:
        made = Notification(new_id("ntf_"), kind, call_id, participant_id, at, title="This is a test")
    elif kind in _COVERAGE:
        before, after = _COVERAGE[kind]
        change = CoverageChanged(call_id, participant_id, over.get("source", Source.CAMERA), before, after, at)
        made = coverage_notification(change, level=Level.CLEAR, detector="test", simulated=simulated)
    else:
        incident = _incident(kind, call_id, participant_id, at)
        made = incident_notification(incident, kind, detector="test", simulated=simulated)
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
    if kind is NotificationKind.UPDATED:
        return replace(opened, level=Level.SUSPICIOUS, detail="a suspicious verdict on the camera")
    if kind is NotificationKind.RESOLVED:
        cause = "a clear verdict on the camera"
        return replace(opened, level=Level.CLEAR, resolved_at=at, resolution=Resolution.CLEARED, detail=cause)
    return opened


__all__ = ["make_notification", "make_verdict"]
