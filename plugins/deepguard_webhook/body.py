"""A notification as the JSON that ``schema.json`` describes. Whatever a caller chose stays data, and bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deepguard import Incident, Notification

MANY = 256 * 1024
"""Bytes beyond which a message is told in brief: many receivers take no more than 1 MiB."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Limits:
    """Most characters of each kind of text, and most entries of a context."""

    name: int
    title: int
    detail: int
    context: int


_FULL = _Limits(name=256, title=500, detail=2000, context=32)
_BRIEF = _Limits(name=64, title=100, detail=0, context=0)


def body_of(notification: Notification) -> str:
    """Write a notification as one JSON object, in ASCII."""
    text = _json(notification, _FULL)
    return text if len(text) <= MANY else _json(notification, _BRIEF)


def _json(notification: Notification, limits: _Limits) -> str:
    return json.dumps(_message(notification, limits), separators=(",", ":"), allow_nan=False)


def _message(notification: Notification, limits: _Limits) -> dict[str, Any]:
    return {
        "type": notification.kind.value,
        "timestamp": _time(notification.at),
        "data": _data(notification, limits),
    }


def _data(notification: Notification, limits: _Limits) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": notification.id,
        "title": _cut(notification.title, limits.title),
        "detail": _cut(notification.detail, limits.detail),
        "level": str(notification.level),
        "covered": notification.covered,
        "simulated": notification.simulated,
        "call": _cut(notification.call_id, limits.name),
        "participant": _cut(notification.participant_id, limits.name),
        "detector": _cut(notification.detector, limits.name),
    }
    if notification.incident:
        data["incident"] = _incident(notification.incident, limits)
    if notification.source:
        data["source"] = notification.source.value
    if notification.ack_url:
        data["ack_url"] = notification.ack_url
    if notification.items:
        data["items"] = [_message(item, limits) for item in notification.items]
    return data


def _incident(incident: Incident, limits: _Limits) -> dict[str, Any]:
    acknowledged = incident.acknowledged_at is not None
    return {
        "id": incident.id,
        "level": str(incident.level),
        "peak": str(incident.peak),
        "call": _cut(incident.call_id, limits.name),
        "participant": _cut(incident.participant_id, limits.name),
        "sources": [source.value for source in incident.sources],
        "opened_at": _time(incident.opened_at),
        "updated_at": _time(incident.updated_at),
        "resolved_at": _maybe(incident.resolved_at, _time),
        "resolution": _maybe(incident.resolution, str),
        "acknowledged_at": _maybe(incident.acknowledged_at, _time),
        "acknowledged_by": _cut(incident.acknowledged_by, limits.name) if acknowledged else None,
        "detail": _cut(incident.detail, limits.detail),
        "context": _context(incident.context, limits),
    }


def _context(context: Mapping[str, str], limits: _Limits) -> dict[str, str]:
    some = list(context.items())[: limits.context]
    return {_cut(name, limits.name): _cut(value, limits.title) for name, value in some}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _maybe(value: Any, write: Callable[[Any], str]) -> str | None:
    return None if value is None else write(value)


def _cut(text: str, limit: int) -> str:
    if len(text) > limit:
        text = text[: limit - 1] + "…" if limit else ""
    # Half of a pair is no character: it may be written in JSON, and many receivers then refuse the whole message.
    return _LONE_SURROGATE.sub("\ufffd", text)


__all__ = ["MANY", "body_of"]
