"""A notification in plain words that no service takes for more than words."""

from __future__ import annotations

import re
import time
from itertools import islice

from deepguard import Incident, Notification, NotificationKind, one_line

TITLE, DETAIL, NAME = 200, 1000, 100
MOST_CONTEXT = 10
"""Lines of context that are shown."""

# What begins a mention, a link or markup in one of the services: @everyone, <!channel>, [text](link), https://, www.
_SPECIAL = re.compile(r"@|<|>|\]\(|://|www\.", re.IGNORECASE)
_HARMLESS = {"@": "@\u200b", "<": "\u2039", ">": "\u203a", "](": "] (", "://": "[:]//"}


def harmless(text: str, limit: int) -> str:
    """Put text from outside on one line of about ``limit`` characters at most that pings nobody and links nowhere."""
    return _SPECIAL.sub(lambda found: _HARMLESS.get(found[0], found[0].replace(".", "[.]")), one_line(text, limit))


def title_of(notification: Notification) -> str:
    """The title."""
    return harmless(notification.title, TITLE) or "deepguard"


def body_of(notification: Notification) -> str:
    """Everything else, a fact a line; never empty."""
    lines = [harmless(notification.detail, DETAIL)] if notification.kind is not NotificationKind.DIGEST else []
    lines += [_item(item) for item in notification.items]
    facts = {
        "Participant": harmless(notification.participant_id, NAME),
        "Call": harmless(notification.call_id, NAME),
        "Track": notification.source or "",
        "Detector": harmless(notification.detector, NAME),
    }
    if notification.incident:
        facts |= _incident_facts(notification.incident)
    facts["Time"] = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(notification.at))
    if notification.ack_url.isprintable() and " " not in notification.ack_url:
        facts["Acknowledge"] = notification.ack_url
    lines += [f"{name}: {value}" for name, value in facts.items() if value]
    return "\n".join(line for line in lines if line)


def _item(item: Notification) -> str:
    incident = f" ({harmless(item.incident.id, NAME)})" if item.incident else ""
    return f"- {harmless(item.title, TITLE)}{incident}"


def _incident_facts(incident: Incident) -> dict[str, str]:
    facts = {"Incident": harmless(incident.id, NAME)}
    if incident.acknowledged_at is not None:
        facts["Acknowledged by"] = harmless(incident.acknowledged_by, NAME) or "somebody"
    for name, value in islice(incident.context.items(), MOST_CONTEXT):
        facts.setdefault(harmless(name, NAME) or "Context", harmless(value, NAME))
    return facts
