"""Notifications as JSON and back. What a newer program added is left out; what it changed cannot be read."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from deepguard.model import Incident, Level, Notification, NotificationKind, Resolution, Source
from deepguard.store.text import LONGEST, to_json

NOT_STORED = frozenset({"thread", "ack_url", "picture"})
"""What is found out anew for each attempt."""

LONGEST_DETAIL = 50_000
"""Characters of a notification's detail: a digest has a line for each that it names."""
MOST_CONTEXT = 100
"""What hooks may have added to one incident."""

_NOTIFICATION = frozenset(field.name for field in fields(Notification)) - NOT_STORED
_INCIDENT = frozenset(field.name for field in fields(Incident))


def encode(notification: Notification) -> str:
    """Write a notification as JSON in ASCII."""
    return to_json(_notification_dict(notification))


def decode(text: str) -> Notification:
    """Read what ``encode`` wrote, in this or another version of the program.

    Raises:
        ValueError: It cannot be read by this version.
    """
    try:
        return _notification(json.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a notification that this version can read ({type(error).__name__})") from None


def _notification_dict(notification: Notification) -> dict[str, Any]:
    data = {name: _bounded(getattr(notification, name)) for name in _NOTIFICATION}
    data["detail"] = notification.detail[:LONGEST_DETAIL]
    data["level"] = int(notification.level)
    data["incident"] = _incident_dict(notification.incident) if notification.incident else None
    data["items"] = [_notification_dict(item) for item in notification.items]
    return data


def _incident_dict(incident: Incident) -> dict[str, Any]:
    data = {name: _bounded(getattr(incident, name)) for name in _INCIDENT}
    context = {_bounded(name): _bounded(value) for name, value in list(incident.context.items())[:MOST_CONTEXT]}
    return data | {"context": context, "level": int(incident.level), "peak": int(incident.peak)}


def _bounded(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


def _notification(data: dict[str, Any]) -> Notification:
    known = {name: data[name] for name in _NOTIFICATION & data.keys()}
    return Notification(
        **(
            known
            | {
                "kind": NotificationKind(data["kind"]),
                "level": Level(data["level"]),
                "incident": _incident(data["incident"]) if data.get("incident") else None,
                "source": Source(data["source"]) if data.get("source") else None,
                "items": tuple(_notification(item) for item in data.get("items", ())),
            }
        )
    )


def _incident(data: dict[str, Any]) -> Incident:
    known = {name: data[name] for name in _INCIDENT & data.keys()}
    return Incident(
        **(
            known
            | {
                "level": Level(data["level"]),
                "peak": Level(data["peak"]),
                "sources": tuple(Source(source) for source in data["sources"]),
                "resolution": Resolution(data["resolution"]) if data.get("resolution") else None,
            }
        )
    )


__all__ = ["NOT_STORED", "decode", "encode"]
