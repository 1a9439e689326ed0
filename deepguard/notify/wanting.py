"""What a notifier wants to be told, by the settings of its entry, and why it is not told the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, get_args

from deepguard.config.models import KIND_OF, NotifyOn
from deepguard.model import Level, Notification, NotificationKind, Source
from deepguard.notify.patterns import any_matches

_LASTING = frozenset({NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.REPEATED})
"""Kinds that tell how an incident stands; the others tell what became of it."""


class Unwanted(NamedTuple):
    """Why a notifier is not told something.

    Attributes:
        setting: The setting that says so.
        why: In words for people.
    """

    setting: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """What one notifier is told.

    Attributes:
        name: Its name in the configuration.
        on: The words of ``on:``.
        min_level: It is told of incidents at this level or above.
        participants: Patterns of the participants it is told of; empty: all.
        sources: The tracks it is told of; empty: all.
        repeat_every: Seconds until an open incident is told again; 0: never.
    """

    name: str
    on: frozenset[NotifyOn] = frozenset(get_args(NotifyOn))
    min_level: Level = Level.SUSPICIOUS
    participants: tuple[str, ...] = ()
    sources: frozenset[Source] = frozenset()
    repeat_every: float = 900.0

    def wants(self, notification: Notification) -> bool:
        """Whether a notification goes to it; a kind that has no word, such as a test, goes to all."""
        return self.unwanted(notification) is None

    def unwanted(self, notification: Notification) -> Unwanted | None:
        """The first setting that keeps a notification from it; None when none does."""
        word = KIND_OF.get(notification.kind)
        if word is None:
            return None
        if word not in self.on:
            return Unwanted("on", f"`on` does not name {word}")
        if self.participants and not any_matches(self.participants, notification.participant_id):
            return Unwanted("participants", "`participants` names others")
        incident = notification.incident
        tracks = incident.sources if incident else () if notification.source is None else (notification.source,)
        if incident is not None:
            # An incident's end is told to whoever was told of the incident, so its peak counts there.
            level = notification.level if notification.kind in _LASTING else incident.peak
            if level < self.min_level:
                return Unwanted("min_level", f"`min_level` is {self.min_level}, and this is at {level}")
        if self.sources and (incident is not None or tracks) and self.sources.isdisjoint(tracks):
            return Unwanted("sources", f"`sources` does not name {', '.join(tracks) or 'its track'}")
        return None


__all__ = ["Unwanted", "Wanting"]
