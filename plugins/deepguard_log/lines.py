"""A notification as one line. Nothing that a caller chose can end the line, start a field or steer a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

from deepguard import Incident, Notification, level_words

LONGEST = 500
"""Characters of one value in a text line; the rest is cut. Whoever joins a call chooses the length of their name."""

_PLAIN = re.compile(r"[\w.:/@#+-]+", re.ASCII)


def text_line(notification: Notification) -> str:
    """Write a notification as ``key=value`` pairs, ``SIMULATED`` first when it is no real finding."""
    incident = notification.incident
    pairs = {
        "level": level_words(notification),
        "participant": notification.participant_id,
        "source": notification.source or "",
        "incident": incident.id if incident else "",
        "call": notification.call_id,
        "detector": notification.detector,
        "notification": notification.id,
        "title": notification.title,
        "detail": notification.detail,
    }
    words = ["SIMULATED"] if notification.simulated else []
    words.append(notification.kind)
    words += [f"{key}={_quoted(value)}" for key, value in pairs.items() if value]
    return " ".join(words)


def json_line(notification: Notification) -> str:
    """Write a notification as one JSON object, in ASCII."""
    incident = notification.incident
    return json.dumps(
        {
            "kind": notification.kind,
            "id": notification.id,
            "at": notification.at,
            "call_id": notification.call_id,
            "participant": notification.participant_id,
            "level": str(notification.level),
            "covered": notification.covered,
            "source": notification.source,
            "title": notification.title,
            "detail": notification.detail,
            "detector": notification.detector,
            "simulated": notification.simulated,
            "incident": _incident(incident) if incident else None,
        }
    )


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "resolution": incident.resolution,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by or None,
        "level": str(incident.level),
        "peak": str(incident.peak),
        "sources": incident.sources,
        "detail": incident.detail,
        "context": dict(incident.context),
    }


def _quoted(value: str) -> str:
    if len(value) > LONGEST:
        value = value[: LONGEST - 1] + "…"
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else ascii(char)[1:-1]
