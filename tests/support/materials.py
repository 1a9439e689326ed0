"""What the story of an incident is made of, of which a test says only what it is about."""

from __future__ import annotations

from typing import Any

from deepguard.config.snapshot import Snapshot
from deepguard.model import Incident, Level, Notification, NotificationKind, Source
from deepguard.policy.notifications import incident_notification
from deepguard.store.incidents import StoredIncident
from deepguard.store.material import CallRow, ChangeRow, DeliveryRow, Material, VerdictRow

BEGAN = 1_000_000.0
"""When the call of these stories began."""

KEEP = 30 * 86400.0

NOTIFIERS = [
    {"name": "pager"},
    {"name": "soc", "on": ["alert", "resolved"], "min_level": "alert", "repeat_every": 0},
]
CONFIGURATION = Snapshot(
    "f00d",
    "deepguard.yaml",
    {
        "policy": {"thresholds": {"alert_after": 2, "clear_after": 1, "tracks": {"combine": "any"}}},
        "notifiers": NOTIFIERS,
        "silences": [{"name": "nights"}],
    },
    {"policy.thresholds.alert_after": (4, 18), "notifiers[1].on": (9, 5), "silences[0].name": (12, 5)},
)


def incident(**over: Any) -> Incident:
    """Open since the 30th second, at alert on the camera."""
    at = BEGAN + 30
    fields: dict[str, Any] = {
        "id": "inc_0123456789",
        "call_id": "call-1",
        "participant_id": "Ada",
        "opened_at": at,
        "level": Level.ALERT,
        "peak": Level.ALERT,
        "sources": (Source.CAMERA,),
        "updated_at": at,
    }
    return Incident(**(fields | over))


def call(**over: Any) -> CallRow:
    fields: dict[str, Any] = {
        "id": "call-1",
        "started_at": BEGAN,
        "ended_at": None,
        "reason": "",
        "detector": "test",
        "simulated": False,
        "config_hash": "f00d",
        "policy": "built in",
        "policy_failed": "",
        "imported_at": None,
        "thresholds": {"alert_after": 2, "clear_after": 1},
    }
    return CallRow(**(fields | over))


def material(**over: Any) -> Material:
    fields: dict[str, Any] = {
        "now": BEGAN + 100,
        "stored": StoredIncident(over.pop("incident", incident()), "test", simulated=False),
        "call": call(),
        "configuration": CONFIGURATION,
    }
    return Material(**(fields | over))


def verdicts(*judgements: str, source: str = "camera", detector: str = "test", first: float = 1.0) -> list[VerdictRow]:
    """One a second, from ``first`` seconds after the call's beginning."""
    return [
        VerdictRow(int(first) + n, BEGAN + first + n, source, said, None, detector, "", "", None, "")
        for n, said in enumerate(judgements)
    ]


def change(at: float, after: str, **over: Any) -> ChangeRow:
    """A change of the camera's level, so many seconds after the call's beginning."""
    fields: dict[str, Any] = {
        "number": int(at),
        "at": BEGAN + at,
        "source": "camera",
        "what": "level",
        "before": "clear",
        "after": after,
        "cause": "",
        "rule": "thresholds.alert_after",
        "verdicts": 0,
    }
    return ChangeRow(**(fields | over))


def delivery(id_: int, notifier: str, told: Notification, status: str = "delivered", **over: Any) -> DeliveryRow:
    fields: dict[str, Any] = {
        "id": id_,
        "notification_id": told.id,
        "notifier": notifier,
        "kind": told.kind.value,
        "status": status,
        "attempts": 1,
        "created_at": told.at,
        "due_at": told.at,
        "ended_at": told.at + 1,
        "detail": "",
        "digest_id": None,
        "notification": told,
    }
    return DeliveryRow(**(fields | over))


def notification(kind: NotificationKind = NotificationKind.OPENED, **over: Any) -> Notification:
    """Of the incident, with these fields of it set otherwise."""
    return incident_notification(incident(**over), kind, detector="test")
