"""Tells an incident again while it lasts and nobody has acknowledged it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from deepguard.model import DeliveryStatus, Notification, NotificationKind
from deepguard.notify.planning import BY_HOOK, Planner
from deepguard.policy.notifications import incident_notification
from deepguard.store.entry import Entry, Planned


@dataclass(slots=True)
class _Open:
    """An incident that lasts: as it was last told, and to whom when (Unix time)."""

    latest: Notification
    told_at: dict[str, float] = field(default_factory=dict)


class Repeats:
    """Knows the open incidents of this process's calls."""

    def __init__(self, planner: Planner) -> None:
        """Know none yet.

        Args:
            planner: Who is told what.
        """
        self._planner = planner
        self._open: dict[str, _Open] = {}

    @property
    def incident_ids(self) -> list[str]:
        """Incidents that are open and not acknowledged."""
        return list(self._open)

    def note(self, planned: Planned) -> None:
        """Take in what is being told."""
        for notification in planned.entry.notifications:
            incident = notification.incident
            if incident is None:
                continue
            if notification.kind in (NotificationKind.RESOLVED, NotificationKind.ACKNOWLEDGED):
                self._open.pop(incident.id, None)
            elif notification.kind is NotificationKind.OPENED:
                self._open[incident.id] = _Open(notification)
            elif (case := self._open.get(incident.id)) is not None:
                case.latest = notification
        for each in planned.outgoing:
            incident = each.notification.incident
            case = self._open.get(incident.id) if incident else None
            if case is None:
                continue
            if each.status is not DeliveryStatus.SILENCED or each.detail == BY_HOOK:
                # A hook that says no is asked again when a notifier that was told would be.
                case.told_at[each.notifier] = each.notification.at
            else:
                # Who was silenced is told as soon as the silence is over.
                case.told_at.setdefault(each.notifier, 0.0)

    def forget(self, incident_id: str) -> None:
        """Repeat an incident no more: somebody has acknowledged it."""
        self._open.pop(incident_id, None)

    def due(self, now: float) -> Iterator[tuple[Entry, Sequence[str]]]:
        """What is to be told again, and to which notifiers.

        Args:
            now: Unix time in seconds.
        """
        for case in list(self._open.values()):
            latest = case.latest
            if latest.incident is None:
                continue
            again = incident_notification(
                replace(latest.incident, updated_at=now),
                NotificationKind.REPEATED,
                detector=latest.detector,
                simulated=latest.simulated,
            )
            names = [name for name in self._planner.routes if self._is_due(case, name, again, now)]
            if names:
                yield Entry(call_id=again.call_id, notifications=(again,)), names

    def _is_due(self, case: _Open, name: str, again: Notification, now: float) -> bool:
        route = self._planner.routes[name]
        if not route.repeat_every or not route.wants(again):
            return False
        told_at = case.told_at.get(name, again.incident.opened_at if again.incident else now)
        return now - told_at >= route.repeat_every and self._planner.silenced_by(again, name) is None


__all__ = ["Repeats"]
