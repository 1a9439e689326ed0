"""Who was told what became of an incident, who was not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from deepguard.config.models import NotifyOn
from deepguard.config.snapshot import Snapshot
from deepguard.model import DeliveryStatus, Incident, Level, Notification, NotificationKind, Source
from deepguard.notify.wanting import Wanting
from deepguard.policy.notifications import incident_notification
from deepguard.store.material import DeliveryRow, Material
from deepguard.story.settings import Setting, setting, value_at
from deepguard.text import one_line

UNTOLD = "not told"
"""A way that nothing was sent on; the other results are where deliveries stand."""

_REPLACES = frozenset({NotificationKind.UPDATED, NotificationKind.REPEATED, NotificationKind.RESOLVED})
_SOURCES = {source.value: source for source in Source}


@dataclass(frozen=True, slots=True)
class Way:
    """What became of one notification at one notifier.

    Attributes:
        notifier: The notifier's name.
        result: Where the delivery stands, or ``not told``.
        why: For people: the last error, the silence, the setting; empty when nothing is to be said.
        setting: The setting of the configuration that is the reason, if one is.
        delivery: The delivery, if there is one.
        by: What is told in its place: the delivery that superseded it, or the digest.
    """

    notifier: str
    result: str
    why: str = ""
    setting: Setting | None = None
    delivery: DeliveryRow | None = None
    by: DeliveryRow | int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was there to be told.

    Attributes:
        at: When it happened.
        kind: The kind of notification.
        title: What was told, or would have been.
        detail: More of it.
        notification_id: Its id; empty when nobody was to be told.
        ways: What became of it at each notifier.
    """

    at: float
    kind: str
    title: str
    detail: str = ""
    notification_id: str = ""
    ways: tuple[Way, ...] = ()


def told(material: Material, keep_seconds: float) -> list[Told]:
    """Everything about the incident that was there to be told, in the order in which it happened.

    Args:
        material: What is written down.
        keep_seconds: How long deliveries are kept.
    """
    wanting = {one.name: (index, one) for index, one in _wanting(material.configuration)}
    groups: dict[str, list[DeliveryRow]] = {}
    for delivery in material.deliveries:
        groups.setdefault(delivery.notification_id, []).append(delivery)
    happened: list[Told] = []
    for notification, rows in [*_written(groups), *((one, []) for one in _unwritten(material))]:
        first = rows[0] if rows else None
        kind = notification.kind.value if notification else first.kind if first else ""
        at = notification.at if notification else first.created_at if first else 0.0
        ways = [_way(row, material) for row in rows]
        if notification is not None and not (material.call and material.call.imported_at):
            reached = {row.notifier for row in rows}
            too_old = at < material.now - keep_seconds
            ways += [
                _untold(notification, index, one, material.configuration, too_old=too_old)
                for name, (index, one) in wanting.items()
                if name not in reached
            ]
        order = {name: index for name, (index, _) in wanting.items()}
        ways.sort(key=lambda way: order.get(way.notifier, len(order)))
        about = (notification.title, notification.detail) if notification else ("", "")
        happened.append(Told(at, kind, *about, first.notification_id if first else "", tuple(ways)))
    return sorted(happened, key=lambda one: one.at)


def _written(groups: dict[str, list[DeliveryRow]]) -> Iterator[tuple[Notification | None, list[DeliveryRow]]]:
    for rows in groups.values():
        yield rows[0].notification, rows


def _way(row: DeliveryRow, material: Material) -> Way:
    why = row.detail
    match row.status:
        case DeliveryStatus.SUPERSEDED:
            return Way(row.notifier, row.status, "", None, row, _newer(row, material.deliveries))
        case DeliveryStatus.SILENCED:
            return Way(row.notifier, row.status, why, _window(why, material.configuration), row)
    return Way(row.notifier, row.status, why, None, row, row.digest_id)


def _newer(row: DeliveryRow, rows: Iterable[DeliveryRow]) -> DeliveryRow | None:
    """The first that was planned later for the same notifier and takes the place of what waits."""
    later = (one for one in rows if one.notifier == row.notifier and one.id > row.id and one.kind in _REPLACES)
    return next(later, None)


def _window(why: str, snapshot: Snapshot | None) -> Setting | None:
    """The silence of the configuration that a delivery was kept back by, if it was one of those."""
    windows = value_at(snapshot, "silences")
    for index, window in enumerate(windows if isinstance(windows, list) else []):
        name = window.get("name") if isinstance(window, dict) else None
        if isinstance(name, str) and why == f"silence '{one_line(name)}'":
            return setting(snapshot, f"silences[{index}].name")
    return None


def _untold(
    notification: Notification, index: int, wanting: Wanting, snapshot: Snapshot | None, *, too_old: bool
) -> Way:
    """Why nothing is written down for a notifier."""
    if (unwanted := wanting.unwanted(notification)) is not None:
        says = setting(snapshot, f"notifiers[{index}].{unwanted.setting}")
        return Way(wanting.name, UNTOLD, unwanted.why, says)
    if too_old:
        return Way(wanting.name, UNTOLD, "what was told then has been deleted; see `store.keep_days`")
    if notification.kind is NotificationKind.REPEATED:
        says = setting(snapshot, f"notifiers[{index}].repeat_every")
        every = f"it was not its turn: it is told again after {wanting.repeat_every:g} s, unless it is silenced then"
        return Way(wanting.name, UNTOLD, every if wanting.repeat_every else "`repeat_every` is 0: never again", says)
    return Way(wanting.name, UNTOLD, "nothing is written down of it")


def _wanting(snapshot: Snapshot | None) -> Iterator[tuple[int, Wanting]]:
    """What each notifier of a configuration wanted; one that this version cannot read is left out."""
    entries = value_at(snapshot, "notifiers")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            yield index, _wants(entry)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue


def _wants(entry: dict[str, Any]) -> Wanting:
    name = entry["name"]
    if not isinstance(name, str):
        raise TypeError("a name is text")
    return Wanting(
        name=name,
        on=frozenset(word for word in get_args(NotifyOn) if word in entry.get("on", get_args(NotifyOn))),
        min_level=Level[str(entry.get("min_level", "suspicious")).upper()],
        participants=tuple(str(one) for one in entry.get("participants", ())),
        sources=frozenset(Source(one) for one in entry.get("sources", ())),
        repeat_every=float(entry.get("repeat_every", 900.0)),
    )


def _unwritten(material: Material) -> Iterator[Notification]:
    """What happened to the incident, and of which nothing is written down: nobody was to be told, or it was deleted."""
    written = [row.notification for row in material.deliveries if row.notification and row.notification.incident]
    for one in _stages(material):
        same = (other for other in written if other.kind is one.kind)
        if one.kind is NotificationKind.UPDATED:
            same = (other for other in same if abs(other.at - one.at) < 1e-3)  # it may be updated often
        if next(same, None) is None:
            yield one


def _stages(material: Material) -> Iterator[Notification]:
    """The notifications that an incident gives rise to, from the changes of level that made it."""
    incident = material.stored.incident
    end = incident.resolved_at if incident.resolved_at is not None else float("inf")
    levels: dict[str, int] = {}
    now = _as_opened(incident, ())
    is_open = False
    for at, changes in _moments(material, end):
        before = now
        for change in changes:
            levels[change.source] = _level(change.after)
        alerting = tuple(_SOURCES[name] for name, level in levels.items() if name in _SOURCES and level == Level.ALERT)
        if not is_open:
            if at < incident.opened_at:
                continue
            is_open, now = True, _as_opened(incident, alerting)
            yield _told(now, NotificationKind.OPENED, material)
            if at == incident.opened_at:
                continue
            before = now
        level = Level(levels.get("", now.level))
        sources = now.sources + tuple(source for source in alerting if source not in now.sources)
        if at == end or level is Level.CLEAR:
            break
        now = replace(now, level=level, peak=max(now.peak, level), sources=sources, updated_at=at)
        if (now.level, now.sources) != (before.level, before.sources):
            yield _told(now, NotificationKind.UPDATED, material)
    if not is_open:
        yield _told(_as_opened(incident, ()), NotificationKind.OPENED, material)
    if incident.acknowledged_at is not None:
        taken = replace(incident, updated_at=incident.acknowledged_at, resolved_at=None, resolution=None)
        yield _told(taken, NotificationKind.ACKNOWLEDGED, material)
    if incident.resolved_at is not None:
        yield _told(replace(incident, updated_at=incident.resolved_at), NotificationKind.RESOLVED, material)


def _moments(material: Material, end: float) -> Iterator[tuple[float, Sequence[Any]]]:
    """The changes of level until ``end``, those of one moment together."""
    groups: dict[float, list[Any]] = {}
    for change in material.changes:
        if change.what == "level" and change.at <= end:
            groups.setdefault(change.at, []).append(change)
    yield from sorted(groups.items())


def _as_opened(incident: Incident, sources: tuple[Source, ...]) -> Incident:
    return replace(
        incident,
        level=Level.ALERT,
        peak=Level.ALERT,
        sources=sources or incident.sources,
        updated_at=incident.opened_at,
        resolved_at=None,
        resolution=None,
        acknowledged_at=None,
        acknowledged_by="",
        detail="",
    )


def _told(incident: Incident, kind: NotificationKind, material: Material) -> Notification:
    stored = material.stored
    return incident_notification(
        incident, kind, detector=stored.detector, simulated=stored.simulated, make_id=lambda _prefix: ""
    )


def _level(word: str) -> int:
    return {str(level): int(level) for level in Level}.get(word, 0)


__all__ = ["UNTOLD", "Told", "Way", "told"]
