"""Whether a notification is kept from a notifier for a while, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, get_args
from zoneinfo import ZoneInfo

from deepguard.config import times
from deepguard.config.models import KIND_OF, SilenceWindow, Weekday
from deepguard.model import Notification
from deepguard.notify.patterns import any_matches
from deepguard.text import one_line

_DAYS: tuple[Weekday, ...] = get_args(Weekday)


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that somebody asked for, from one moment to another.

    What is left empty holds for all; a notification must meet all that is not.

    Attributes:
        id: Stable.
        starts_at: Unix time in seconds.
        ends_at: Unix time in seconds; from then on it does not hold.
        notifiers: Names of notifiers.
        participants: Participants; ``*`` stands for any letters.
        incidents: Ids of incidents; what concerns no incident is not silenced by it.
        kinds: Words of ``on:``.
        created_by: Who asked; untrusted text.
        comment: Why; untrusted text.
    """

    id: str
    starts_at: float
    ends_at: float
    notifiers: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    created_by: str = ""
    comment: str = ""

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Silence:
        """Make one of what ``store.silences.in_force`` found."""
        return cls(**{name: value for name, value in row.items() if name != "created_at"})

    def __str__(self) -> str:
        """Which one it is, for people."""
        of, why = one_line(self.created_by, 64), one_line(self.comment)
        return f"silence {self.id}{f' of {of}' if of else ''}{f': {why}' if why else ''}"


def silenced_by(
    notification: Notification,
    notifier: str,
    windows: Iterable[SilenceWindow],
    silences: Iterable[Silence],
    now: float,
) -> str | None:
    """Find what keeps a notification from a notifier now.

    A digest is never silenced, for what it names was not; nor is a test.

    Args:
        notification: What is to be told.
        notifier: The notifier's name in the configuration.
        windows: Those of the configuration.
        silences: Those that people asked for; may hold some that are over.
        now: Unix time in seconds.

    Returns:
        The first that does, in words for people; None when nothing does.
    """
    kind = KIND_OF.get(notification.kind)
    if kind is None:
        return None
    for window in windows:
        if _concerns(window, notification, notifier, kind) and in_window(window, now):
            return f"silence '{one_line(window.name)}'"
    for silence in silences:
        if (
            silence.starts_at <= now < silence.ends_at
            and _concerns(silence, notification, notifier, kind)
            and (not silence.incidents or _incident_of(notification) in silence.incidents)
        ):
            return str(silence)
    return None


def in_window(window: SilenceWindow, now: float) -> bool:
    """Whether the clock on the wall, where the window is, shows one of its times.

    Args:
        window: The window.
        now: Unix time in seconds.
    """
    zone: tzinfo = UTC if window.timezone == times.UTC else ZoneInfo(window.timezone)
    there = datetime.fromtimestamp(now, zone)
    time, today = f"{there:%H:%M}", there.weekday()
    if window.start < window.end:
        return window.start <= time < window.end and _begins_on(window, today)
    # It goes on into the next day, whose name does not matter then.
    return (time >= window.start and _begins_on(window, today)) or (time < window.end and _begins_on(window, today - 1))


def _begins_on(window: SilenceWindow, weekday: int) -> bool:
    return not window.days or _DAYS[weekday] in window.days


def _concerns(silence: SilenceWindow | Silence, notification: Notification, notifier: str, kind: str) -> bool:
    return (
        (not silence.notifiers or notifier in silence.notifiers)
        and (not silence.kinds or kind in silence.kinds)
        and (not silence.participants or any_matches(silence.participants, notification.participant_id))
    )


def _incident_of(notification: Notification) -> str | None:
    return notification.incident.id if notification.incident else None


__all__ = ["Silence", "in_window", "silenced_by"]
