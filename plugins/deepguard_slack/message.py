"""A notification as a Slack message: Block Kit, in which every word from outside is plain text."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from deepguard import Incident, Level, Notification, NotificationKind, Resolution, level_words
from deepguard_slack.digest import digest_lines
from deepguard_slack.text import NOTHING, clean, escaped, plain

HEADER = 150
"""Most characters of a header block."""
TITLE = 400
DETAIL = 1500
FIELD = 200
LONGEST_ADDRESS = 3000
"""What Slack takes; of the others, less than it takes, since it also refuses messages that are long altogether."""
FALLBACK = 300
"""Characters of the text for notifications and screen readers, before escaping."""
CONTEXT_ENTRIES = 10
"""How many entries of an incident's context are shown."""
ACTION = "deepguard_acknowledge"
"""The action id of the button that acknowledges."""
LINK = "deepguard_open"

_COLOURS = {Level.ALERT: "#d92d20", Level.SUSPICIOUS: "#f79009", Level.CLEAR: "#12b76a"}
_GREY = "#667085"
_RESOLUTIONS = {
    Resolution.CLEARED: "cleared",
    Resolution.CALL_ENDED: "the call ended",
    Resolution.GUARD_LOST: "the process that guarded the call is gone",
}
_INCIDENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


@dataclass(frozen=True, slots=True)
class Message:
    """What Slack is asked to show.

    Attributes:
        text: For notifications and screen readers; escaped.
        blocks: Block Kit.
        attachments: The part with a coloured bar; empty for none.
        metadata: What programs can find the message by.
    """

    text: str
    blocks: list[dict[str, Any]]
    attachments: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


def is_incident_id(text: object) -> bool:
    """Whether ``text`` has the shape of an incident's id."""
    return isinstance(text, str) and _INCIDENT_ID.fullmatch(text) is not None


def full_message(notification: Notification, *, button: bool = False) -> Message:
    """Tell everything there is to tell: the first message of an incident, and whatever is about none.

    Args:
        notification: What to tell.
        button: Whether presses of a button reach us. Without, a link is shown where there is one.
    """
    title = clean(notification.title, TITLE)
    header = clean(notification.title, HEADER)
    parts = []
    if header != title:
        parts.append(_section(title))
    # A digest's detail names its items too; the list does so within Slack's limits.
    if notification.items:
        parts += [_section(text) for text in digest_lines(notification.items)]
    else:
        if detail := clean(notification.detail, DETAIL):
            parts.append(_section(detail))
        if fields := _fields(notification):
            parts.append({"type": "section", "fields": fields})
    if notification.incident is not None:
        parts += _context(notification.incident)
        parts += _actions(notification, notification.incident, button=button)
    parts.append(_footer(notification))
    return Message(
        text=_fallback(notification),
        blocks=[{"type": "header", "text": plain(header)}],
        attachments=[{"color": _colour(notification), "blocks": parts}],
        metadata=_metadata(notification),
    )


def reply(notification: Notification) -> Message:
    """Tell in a thread what is new; what is known is in its first message."""
    blocks = [_section(clean(notification.title, TITLE))]
    if detail := clean(notification.detail, DETAIL):
        blocks.append(_section(detail))
    blocks.append(_footer(notification))
    return Message(text=_fallback(notification), blocks=blocks, metadata=_metadata(notification))


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(text)}


def _fallback(notification: Notification) -> str:
    return escaped(clean(notification.title, FALLBACK)) or NOTHING


def _metadata(notification: Notification) -> dict[str, Any]:
    incident = notification.incident
    payload = {"id": clean(notification.id, FIELD), "incident": clean(incident.id, FIELD) if incident else ""}
    return {"event_type": "deepguard_notification", "event_payload": payload}


def _colour(notification: Notification) -> str:
    incident = notification.incident
    if notification.kind is NotificationKind.TEST:
        return _GREY
    if notification.level is Level.CLEAR and not notification.covered:
        return _GREY  # What nobody watches must not look as if it were fine.
    if incident is not None and incident.resolved_at is not None:
        return _COLOURS[Level.CLEAR]
    return _COLOURS[notification.level]


def _fields(notification: Notification) -> list[dict[str, Any]]:
    incident = notification.incident
    pairs = {"Participant": notification.participant_id}
    if notification.kind is not NotificationKind.TEST:
        pairs["Level"] = level_words(notification)
    if incident is not None:
        pairs["Tracks"] = ", ".join(incident.sources)
    elif notification.source is not None:
        pairs["Track"] = notification.source
    pairs["Detector"] = notification.detector
    pairs["Call"] = notification.call_id
    if incident is not None:
        pairs["Incident"] = incident.id
        pairs["Opened"] = _when(incident.opened_at)
        if incident.acknowledged_at is not None:
            by = clean(incident.acknowledged_by, FIELD // 2) or "somebody"
            pairs["Acknowledged"] = f"{_when(incident.acknowledged_at)} by {by}"
        if incident.resolved_at is not None:
            why = f" ({_RESOLUTIONS[incident.resolution]})" if incident.resolution else ""
            pairs["Resolved"] = f"{_when(incident.resolved_at)}{why}"
    elif notification.kind is not NotificationKind.TEST:
        pairs["At"] = _when(notification.at)
    return [plain(f"{name}\n{text}") for name, value in pairs.items() if (text := clean(value, FIELD))]


def _context(incident: Incident) -> list[dict[str, Any]]:
    entries = list(incident.context.items())
    lines = [f"{clean(key, 60)}: {clean(value, FIELD)}" for key, value in entries[:CONTEXT_ENTRIES]]
    if len(entries) > CONTEXT_ENTRIES:
        lines.append(f"… and {len(entries) - CONTEXT_ENTRIES} more")
    return [_section("\n".join(lines))] if lines else []


def _actions(notification: Notification, incident: Incident, *, button: bool) -> list[dict[str, Any]]:
    if incident.acknowledged_at is not None or incident.resolved_at is not None:
        return []
    element = {"type": "button", "text": plain("Acknowledge")}
    if button and is_incident_id(incident.id):
        return [{"type": "actions", "elements": [element | {"action_id": ACTION, "value": incident.id}]}]
    url = notification.ack_url
    if url.startswith(("https://", "http://")) and len(url) <= LONGEST_ADDRESS and url.isprintable() and " " not in url:
        return [{"type": "actions", "elements": [element | {"action_id": LINK, "url": url}]}]
    return []


def _footer(notification: Notification) -> dict[str, Any]:
    # The id is what two deliveries of one notification have in common.
    return {"type": "context", "elements": [plain(f"Notification {clean(notification.id, FIELD)}")]}


def _when(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
    except (OverflowError, OSError, ValueError):
        return NOTHING
