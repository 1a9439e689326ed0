"""What a message tells, before it becomes text or HTML; everything in it is bounded and on one line."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice

from deepguard import Incident, Level, Notification, NotificationKind, level_words, one_line
from deepguard_email.words import for_body, token

TITLE, DETAIL, NAME, VALUE = 300, 2000, 60, 200
MOST_CONTEXT = 20
"""Lines of context that are shown."""

_RED, _AMBER, _GREEN, _BLUE, _GREY = "#b91c1c", "#b45309", "#15803d", "#1d4ed8", "#4b5563"
_BADGES = {
    NotificationKind.OPENED: ("Alert", _RED),
    NotificationKind.UPDATED: ("Updated", _AMBER),
    NotificationKind.REPEATED: ("Still open", _RED),
    NotificationKind.ACKNOWLEDGED: ("Acknowledged", _BLUE),
    NotificationKind.RESOLVED: ("Resolved", _GREEN),
    NotificationKind.COVERAGE_LOST: ("Not watched", _AMBER),
    NotificationKind.COVERAGE_REGAINED: ("Watched again", _GREEN),
    NotificationKind.DIGEST: ("Digest", _GREY),
    NotificationKind.TEST: ("Test", _GREY),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a digest.

    Attributes:
        badge: What kind it is, in a word or two.
        colour: The badge's background, on which white can be read.
        title: One line for people.
        about: When, who, which incident.
        ack_url: Where to acknowledge it; empty where there is no such page.
    """

    badge: str
    colour: str
    title: str
    about: str
    ack_url: str


@dataclass(frozen=True, slots=True)
class Story:
    """What a message tells.

    Attributes:
        badge: What kind it is, in a word or two.
        colour: The badge's background, on which white can be read.
        title: One line for people.
        detail: More, on one line; may be empty.
        facts: Names and values.
        items: What a digest stands for.
        ack_url: Where to acknowledge; empty where there is no such page.
        footer: Which notification this is.
    """

    badge: str
    colour: str
    title: str
    detail: str
    facts: tuple[tuple[str, str], ...]
    items: tuple[Item, ...]
    ack_url: str
    footer: str


def tell(notification: Notification, *, attached: bool = False) -> Story:
    """Gather what a message about ``notification`` tells.

    Args:
        notification: What happened.
        attached: Whether the picture goes with the message.
    """
    facts = list(_facts(notification))
    if attached:
        facts.append(("Attached", "the picture that the incident rests on"))
    badge, colour = _badge(notification)
    return Story(
        badge=badge,
        colour=colour,
        title=for_body(notification.title, TITLE),
        # A digest's says the same as its items.
        detail="" if notification.items else for_body(notification.detail, DETAIL),
        facts=tuple((name, value) for name, value in facts if value),
        items=tuple(_item(item) for item in notification.items),
        ack_url=_page(notification.ack_url),
        footer=f"deepguard · {notification.kind} · {one_line(notification.id, VALUE)}",
    )


def without_names(notification: Notification) -> Notification:
    """The same notification without a word that somebody in the call, or a hook, may have chosen."""
    incident = notification.incident
    simulation = "Simulation: " if notification.simulated else ""
    return replace(
        notification,
        call_id=token(notification.call_id) if notification.call_id else "",
        participant_id="",
        title=f"{simulation}{_BADGES[notification.kind][0]} (without names)",
        detail="The mail server refused the message with names and details.",
        incident=incident and replace(incident, participant_id="", detail="", context={}, acknowledged_by=""),
        items=tuple(map(without_names, notification.items)),
    )


def _badge(notification: Notification) -> tuple[str, str]:
    badge, colour = _BADGES[notification.kind]
    if notification.kind is NotificationKind.DIGEST and notification.level == Level.ALERT:
        return badge, _RED
    if colour == _GREEN and not notification.covered:
        return badge, _GREY
    return badge, colour


def _item(notification: Notification) -> Item:
    about = [moment(notification.at), for_body(notification.participant_id, NAME)]
    if notification.call_id:
        about.append(f"call {for_body(notification.call_id, NAME)}")
    if notification.incident:
        about.append(f"incident {for_body(notification.incident.id, NAME)}")
    told = " · ".join(filter(None, about))
    return Item(*_badge(notification), for_body(notification.title, TITLE), told, _page(notification.ack_url))


def _page(url: str) -> str:
    """An address as a link: one word, and nothing but a page."""
    return url if url.isprintable() and " " not in url and url.startswith(("https://", "http://")) else ""


def _facts(notification: Notification) -> list[tuple[str, str]]:
    incident = notification.incident
    facts = [
        ("Participant", for_body(notification.participant_id, VALUE)),
        ("Call", for_body(notification.call_id, VALUE)),
        ("Track", notification.source or ""),
        ("When", "" if notification.kind is NotificationKind.OPENED else moment(notification.at)),
        ("Level", "" if notification.kind is NotificationKind.TEST else level_words(notification)),
    ]
    if incident:
        if incident.peak != notification.level:
            facts.append(("Highest level", str(incident.peak)))
        facts += _incident_facts(incident)
    facts.append(("Detector", for_body(notification.detector, NAME)))
    if notification.simulated:
        facts.append(("Simulated", "yes: a scenario scripted the verdicts, this is no real finding"))
    return facts


def _incident_facts(incident: Incident) -> list[tuple[str, str]]:
    facts = [
        ("Tracks at alert", ", ".join(incident.sources)),
        ("Opened", moment(incident.opened_at)),
    ]
    if incident.acknowledged_at is not None:
        by = for_body(incident.acknowledged_by, NAME)
        facts.append(("Acknowledged", moment(incident.acknowledged_at) + (f" by {by}" if by else "")))
    if incident.resolved_at is not None:
        lasted = max(0, round(incident.resolved_at - incident.opened_at))
        why = str(incident.resolution or "").replace("_", " ")
        facts.append(("Resolved", f"{moment(incident.resolved_at)} after {lasted} s{f', {why}' if why else ''}"))
    facts.append(("Incident", for_body(incident.id, VALUE)))
    more = islice(incident.context.items(), MOST_CONTEXT)
    return facts + [(for_body(name, NAME) or "Context", for_body(value, VALUE)) for name, value in more]


def moment(at: float) -> str:
    """A Unix time in words, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
