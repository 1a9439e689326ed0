"""What a person does with deliveries: look at them, replay what is dead, give up what waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepguard.model import DeliveryStatus, Notification, NotificationKind
from deepguard.store.clock import now
from deepguard.store.codec import decode
from deepguard.store.lookup import in_parts
from deepguard.store.tables import deliveries, notifications
from deepguard.store.text import storable


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery, for people.

    Attributes:
        id: What commands call it.
        notification_id: Which notification.
        notifier: To whom.
        kind: What it tells.
        status: Where it stands.
        attempts: How often it was tried.
        created_at: Since when it is there.
        due_at: When it is tried next, if it waits.
        ended_at: When it ended, if it has.
        incident_id: Which incident it is about, if any.
        detail: Why the last attempt failed, or what became of it.
        title: What it says; empty when this version cannot read it.
        digest_id: The delivery of the digest that names it, if one does.
    """

    id: int
    notification_id: str
    notifier: str
    kind: str
    status: str
    attempts: int
    created_at: float
    due_at: float
    ended_at: float | None
    incident_id: str | None
    detail: str
    title: str
    digest_id: int | None


def find(
    db: sa.Connection,
    *,
    statuses: Collection[str] = (),
    notifier: str | None = None,
    incident_id: str | None = None,
    notification_id: str | None = None,
    limit: int | None = None,
) -> list[Letter]:
    """Deliveries, newest first.

    Args:
        db: A transaction.
        statuses: Only those that stand so; all when empty.
        notifier: Only those to this notifier.
        incident_id: Only those about this incident.
        notification_id: Only those of this notification.
        limit: How many at most.
    """
    c = deliveries.c
    wanted = sa.select(c.id).order_by(c.id.desc()).limit(limit)
    if statuses:
        wanted = wanted.where(c.status.in_(tuple(statuses)))
    for column, value in (
        (c.notifier, notifier),
        (c.incident_id, incident_id),
        (c.notification_id, notification_id),
    ):
        if value is not None:
            wanted = wanted.where(column == storable(value))
    # Chosen before their texts are read: who looks at a few of many must not keep others from writing meanwhile.
    statement = (
        sa.select(deliveries, notifications.c.body)
        .join(notifications, notifications.c.id == c.notification_id)
        .where(c.id.in_(wanted))
        .order_by(c.id.desc())
    )
    return [_letter(row) for row in db.execute(statement)]


def replay(
    db: sa.Connection, *, ids: Collection[int] = (), notifier: str | None = None, give_up_after: float
) -> list[int]:
    """Let dead or dropped deliveries be tried again.

    Args:
        db: A transaction that writes.
        ids: Only these; when empty, all that are dead.
        notifier: Only those to this notifier.
        give_up_after: Seconds that they are tried for.

    Returns:
        Those that are tried again.
    """
    statuses = (DeliveryStatus.DEAD, DeliveryStatus.DROPPED) if ids else (DeliveryStatus.DEAD,)
    changed = {
        "status": DeliveryStatus.PENDING,
        "due_at": now(),
        "ended_at": None,
        "expires_at": now() + give_up_after,
        "faults": 0,
        "digest_id": None,
    }
    return _change(db, statuses, ids, notifier, changed)


def drop(db: sa.Connection, *, ids: Collection[int] = (), notifier: str | None = None, by: str) -> list[int]:
    """Give up deliveries that wait or are dead.

    Args:
        db: A transaction that writes.
        ids: Only these; when empty, all that wait or are dead.
        notifier: Only those to this notifier.
        by: Who gives them up.

    Returns:
        Those that were given up; with a digest all that it names.
    """
    changed = {"status": DeliveryStatus.DROPPED, "ended_at": now(), "detail": storable(f"dropped by {by}")}
    waiting = (DeliveryStatus.PENDING, DeliveryStatus.DEAD)
    dropped = _change(db, waiting, ids, notifier, changed, digests=True)
    c = deliveries.c
    for part in in_parts(list(dropped)):
        named = sa.select(c.id).where(c.digest_id.in_(part), c.status == DeliveryStatus.DIGESTED).order_by(c.id)
        members = [int(row[0]) for row in db.execute(named)]
        for some in in_parts(members):
            db.execute(sa.update(deliveries).where(c.id.in_(some)).values(changed))
        dropped += members
    return dropped


def _change(
    db: sa.Connection,
    statuses: Sequence[str],
    ids: Collection[int],
    notifier: str | None,
    changed: dict[str, Any],
    *,
    digests: bool = False,
) -> list[int]:
    c = deliveries.c
    wanted = sa.select(c.id).where(c.status.in_(statuses)).order_by(c.id).with_for_update()
    if not digests:
        wanted = wanted.where(c.kind != NotificationKind.DIGEST.value)
    if ids:
        wanted = wanted.where(c.id.in_(tuple(ids)))
    if notifier is not None:
        wanted = wanted.where(c.notifier == storable(notifier))
    found = [int(row[0]) for row in db.execute(wanted)]
    for part in in_parts(found):
        db.execute(sa.update(deliveries).where(c.id.in_(part)).values(changed))
    return found


def read_notification(db: sa.Connection, notification_id: str) -> Notification | None:
    """A notification as it was written; None when there is none, or this version cannot read it."""
    found = db.execute(sa.select(notifications.c.body).where(notifications.c.id == notification_id))
    return _readable(found.scalar() or "")


def _readable(body: str) -> Notification | None:
    try:
        return decode(body)
    except ValueError:
        return None


def _letter(row: sa.Row[Any]) -> Letter:
    told = _readable(row.body)
    return Letter(
        id=row.id,
        notification_id=row.notification_id,
        notifier=row.notifier,
        kind=row.kind,
        status=row.status,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        ended_at=row.ended_at,
        incident_id=row.incident_id,
        detail=row.detail,
        title=told.title if told else "",
        digest_id=row.digest_id,
    )


__all__ = ["Letter", "drop", "find", "read_notification", "replay"]
