"""Levels run through the life cycle of an incident."""

from typing import Any

from deepguard.contracts import PolicyStep
from deepguard.model import (
    Level,
    NotificationKind,
    Source,
)
from deepguard.policy.incidents import advance

CAMERA, MICROPHONE = Source.CAMERA, Source.MICROPHONE
CLEAR, SUSPICIOUS, ALERT = Level
OPENED, UPDATED, RESOLVED = NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED
REPEATED, ACKNOWLEDGED = NotificationKind.REPEATED, NotificationKind.ACKNOWLEDGED


def follow(steps, incident: Any = None) -> tuple[list[Any], Any]:
    """Run (camera, microphone) levels through the life cycle; what each step told, and the incident at the end."""
    kinds = []
    for now, (camera, microphone) in enumerate(steps):
        step = PolicyStep(None, {CAMERA: camera, MICROPHONE: microphone}, max(camera, microphone), f"cause {now}")
        incident, kind = advance(
            incident,
            step,
            call_id="c1",
            participant_id="p1",
            now=float(now),
        )
        kinds.append(kind)
    return kinds, incident
