"""The rows of the outbox: written with what they tell of, leased for one attempt, ended once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from deepguard.model import DeliveryStatus, Notification, NotificationKind
from deepguard.store.clock import now
from deepguard.store.codec import encode
from deepguard.store.entry import Outgoing
from deepguard.store.numbers import moment
from deepguard.store.tables import deliveries, notifications
from deepguard.store.text import storable
from deepguard.store.writing import insert

ALONE = frozenset({NotificationKind.DIGEST.value, NotificationKind.TEST.value})
"""Kinds that no digest takes in."""

ON_ITS_WAY = (DeliveryStatus.PENDING, DeliveryStatus.LEASED, DeliveryStatus.DIGESTED)
"""Where a delivery stands that has not ended, by itself or in a digest."""

LET_GO = {"status": DeliveryStatus.PENDING, "lease_owner": None, "lease_until": None, "unsure": True}
"""A lease that ends without anybody knowing whether the attempt succeeded."""

_ONCE_AN_INCIDENT = frozenset({NotificationKind.OPENED, NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED})
_REPLACEABLE = (NotificationKind.UPDATED.value, NotificationKind.REPEATED.value)
_REPLACES = frozenset({*_REPLACEABLE, NotificationKind.RESOLVED.value})


def dedupe_key(notification: Notification) -> str:
    """What two notifications that tell a notifier the same have in common.

    An incident opens, is acknowledged and ends once, whoever saw it: two hosts that both tell it tell it once.
    """
    if notification.incident is not None and notification.kind in _ONCE_AN_INCIDENT:
        return f"{notification.incident.id} {notification.kind.value}"
    return notification.id


def add(db: sa.Connection, outgoing: Sequence[Outgoing]) -> None:
    """Write notifications and their deliveries, due at once.

    What waits to be told of an incident gives way to what is newer; that it opened, never.
    """
    if not outgoing:
        return
    told = {each.notification.id: each.notification for each in outgoing}
    db.execute(
        insert(db, notifications).on_conflict_do_nothing(),
        [{"id": one.id, "created_at": moment(one.at), "body": encode(one)} for one in told.values()],
    )
    ended = sa.case((sa.bindparam("is_ended", type_=sa.Boolean), now()))
    statement = (
        insert(db, deliveries)
        .values(
            created_at=now(),
            due_at=now(),
            expires_at=now() + sa.bindparam("give_up_after", type_=sa.Double),
            ended_at=ended,
            attempts=0,
            faults=0,
            unsure=False,
            thread="",
        )
        .on_conflict_do_nothing()
    )
    db.execute(statement, [_row(each) for each in outgoing])
    replacing = {each.notification.incident.id for each in outgoing if _replaces(each) and each.notification.incident}
    if replacing:
        _supersede(db, sorted(replacing))


def _replaces(each: Outgoing) -> bool:
    return each.notification.kind in _REPLACES and each.status is DeliveryStatus.PENDING


def _supersede(db: sa.Connection, incident_ids: Sequence[str]) -> None:
    """Withdraw what waits where something newer waits too.

    Judged by what is stored: whoever writes the same once more, since nobody could tell whether it was committed,
    withdraws nothing that was written last.
    """
    newer = deliveries.alias("newer")
    db.execute(
        sa.update(deliveries)
        .where(
            deliveries.c.incident_id.in_(incident_ids),
            deliveries.c.status == DeliveryStatus.PENDING,
            deliveries.c.kind.in_(_REPLACEABLE),
            sa.exists().where(
                newer.c.incident_id == deliveries.c.incident_id,
                newer.c.notifier == deliveries.c.notifier,
                newer.c.id > deliveries.c.id,
                newer.c.status == DeliveryStatus.PENDING,
                newer.c.kind.in_(tuple(_REPLACES)),
            ),
        )
        .values(status=DeliveryStatus.SUPERSEDED, ended_at=now(), detail="something newer is told instead")
    )


def _row(each: Outgoing) -> dict[str, Any]:
    told = each.notification
    return {
        "notification_id": told.id,
        "notifier": each.notifier,
        "dedupe_key": dedupe_key(told),
        "kind": told.kind.value,
        "call_id": storable(told.call_id),
        "incident_id": told.incident.id if told.incident else None,
        "status": each.status.value,
        "detail": storable(each.detail),
        "give_up_after": each.give_up_after,
        "is_ended": each.status is not DeliveryStatus.PENDING,
    }


def _has_earlier(
    row: sa.FromClause,
    statuses: Iterable[str],
    which: Callable[[sa.FromClause], sa.ColumnElement[bool]] = lambda _earlier: sa.true(),
) -> sa.ColumnElement[bool]:
    """Whether something older about the same incident is still on its way to the same notifier."""
    earlier = deliveries.alias("earlier")
    return sa.exists().where(
        earlier.c.incident_id == row.c.incident_id,
        earlier.c.notifier == row.c.notifier,
        earlier.c.id < row.c.id,
        earlier.c.status.in_(tuple(statuses)),
        which(earlier),
    )


def _goes_alone(row: sa.FromClause) -> sa.ColumnElement[bool]:
    """What no digest may name.

    What the notifier's code breaks on would break the digest; and what may have arrived already, since nobody
    knows how some attempt ended, comes again under the id under which it came.
    """
    return sa.or_(row.c.faults > 0, row.c.unsure)


_due = deliveries.alias("d")
_NEXT_DUE = (
    sa.select(_due, notifications.c.body)
    .join(notifications, notifications.c.id == _due.c.notification_id)
    .where(
        _due.c.status == DeliveryStatus.PENDING,
        _due.c.notifier == sa.bindparam("notifier"),
        _due.c.due_at <= now(),
        _due.c.kind.in_(sa.bindparam("kinds", expanding=True)),
        ~_has_earlier(_due, ON_ITS_WAY),
    )
    .order_by(_due.c.due_at, _due.c.id)
    .limit(1)
    .with_for_update(of=_due, skip_locked=True)
)
"""Built once: building it costs more than running it."""


def next_due(
    db: sa.Connection, notifier: str, kinds: Collection[str], only: Collection[str] | None = None
) -> sa.Row[Any] | None:
    """Lock the delivery that is due and has waited longest, and read it with its notification's ``body``.

    What tells of one incident goes to one notifier in the order in which it happened.

    Args:
        db: A transaction that writes.
        notifier: The notifier's name.
        kinds: What this program can read: others are left to newer ones.
        only: Ids of the only notifications that are asked for; None for all.
    """
    statement = _NEXT_DUE if only is None else _NEXT_DUE.where(_due.c.notification_id.in_(tuple(only)))
    return db.execute(statement, {"notifier": notifier, "kinds": tuple(kinds)}).first()


def next_unsure(db: sa.Connection, notifier: str, kinds: Collection[str], most_attempts: int) -> sa.Row[Any] | None:
    """Lock a delivery that is due and may have arrived already, as ``next_due`` does.

    Args:
        db: A transaction that writes.
        notifier: The notifier's name.
        kinds: What this program can read.
        most_attempts: One that was tried more often has to wait its turn: it may be what ends those who try it.
    """
    statement = _NEXT_DUE.where(_due.c.unsure, _due.c.attempts <= most_attempts)
    return db.execute(statement, {"notifier": notifier, "kinds": tuple(kinds)}).first()


def lock_for_digest(db: sa.Connection, notifier: str, kinds: Collection[str], most: int) -> Sequence[Any]:
    """Lock the oldest deliveries that wait, due or not, and read them with their notifications' bodies.

    Args:
        db: A transaction that writes.
        notifier: The notifier's name.
        kinds: What this program can read.
        most: How many at most.
    """
    row = deliveries.alias("d")
    statement = (
        sa.select(row, notifications.c.body)
        .join(notifications, notifications.c.id == row.c.notification_id)
        .where(
            row.c.status == DeliveryStatus.PENDING,
            row.c.notifier == notifier,
            row.c.kind.in_(tuple(set(kinds) - ALONE)),
            ~_goes_alone(row),
            ~_has_earlier(row, (DeliveryStatus.LEASED, DeliveryStatus.DIGESTED)),
            ~_has_earlier(row, (DeliveryStatus.PENDING,), _goes_alone),
        )
        .order_by(row.c.id)
        .limit(most)
        .with_for_update(of=row, skip_locked=True)
    )
    return db.execute(statement).all()


def put_into_digest(
    db: sa.Connection, digest: Notification, notifier: str, members: Sequence[int], give_up_after: float
) -> int:
    """Let a digest go in the place of ``members``.

    Returns:
        The digest's own delivery.
    """
    add(db, [Outgoing(digest, notifier, give_up_after)])
    found = db.execute(
        sa.select(deliveries.c.id).where(deliveries.c.notification_id == digest.id, deliveries.c.notifier == notifier)
    )
    digest_id = int(found.scalar_one())
    db.execute(
        sa.update(deliveries)
        .where(deliveries.c.id.in_(members))
        .values(status=DeliveryStatus.DIGESTED, digest_id=digest_id)
    )
    return digest_id


_LEASE = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .values(
        status=DeliveryStatus.LEASED.value,
        lease_owner=sa.bindparam("owner"),
        lease_until=now() + sa.bindparam("seconds", type_=sa.Double),
        attempts=deliveries.c.attempts + 1,
    )
)


def lease(db: sa.Connection, delivery_id: int, owner: str, seconds: float) -> None:
    """Take a locked delivery for one attempt.

    Args:
        db: The transaction that locked it.
        delivery_id: Which.
        owner: This process.
        seconds: After these it counts as abandoned.
    """
    db.execute(_LEASE, {"delivery": delivery_id, "owner": owner, "seconds": seconds})


def end(
    db: sa.Connection,
    delivery_id: int,
    owner: str,
    attempt: int,
    status: DeliveryStatus,
    *,
    detail: str = "",
    thread: str = "",
) -> bool:
    """End a leased delivery, and with it what a digest stands for.

    Returns:
        Whether the lease still held; when it did not, another process has it now and nothing was changed.
    """
    ended = {"status": status, "ended_at": now(), "detail": storable(detail)}
    mine = sa.update(deliveries).where(_mine(delivery_id, owner, attempt))
    if not db.execute(mine.values(**ended, lease_owner=None, lease_until=None, thread=storable(thread))).rowcount:
        return False
    db.execute(_named_in(delivery_id).values(ended))
    return True


def take_apart(db: sa.Connection, delivery_id: int, owner: str, attempt: int, detail: str) -> bool:
    """Drop a leased digest that is not taken; what it stands for is tried one by one.

    Returns:
        Whether the lease still held.
    """
    alone = {"status": DeliveryStatus.PENDING, "due_at": now(), "digest_id": None, "faults": deliveries.c.faults + 1}
    held = sa.select(deliveries.c.id).where(_mine(delivery_id, owner, attempt)).with_for_update()
    if db.execute(held).first() is None:
        return False
    # Which of them it was nobody knows: each goes alone from now on, as what a notifier breaks on does.
    db.execute(_named_in(delivery_id).values(**alone, detail=storable(detail)))
    return end(db, delivery_id, owner, attempt, DeliveryStatus.DROPPED, detail=detail)


def _named_in(digest_id: int) -> sa.Update:
    return sa.update(deliveries).where(
        deliveries.c.digest_id == digest_id, deliveries.c.status == DeliveryStatus.DIGESTED
    )


def members(db: sa.Connection, delivery_id: int) -> Sequence[Any]:
    """What a digest's delivery stands for: ``notification_id``, ``call_id`` and ``created_at`` of each."""
    c = deliveries.c
    found = db.execute(
        sa.select(c.notification_id, c.call_id, c.created_at).where(
            c.digest_id == delivery_id, c.status == DeliveryStatus.DIGESTED
        )
    )
    return found.all()


def put_back(
    db: sa.Connection, delivery_id: int, owner: str, attempt: int, seconds: float, detail: str, *, fault: bool = False
) -> bool:
    """Let a leased delivery wait for its next attempt.

    Args:
        db: A transaction that writes.
        delivery_id: Which.
        owner: This process.
        attempt: Which attempt failed.
        seconds: How long it waits.
        detail: Why it failed; empty leaves what was there.
        fault: Whether the notifier's own code broke it.

    Returns:
        Whether the lease still held.
    """
    changed: dict[str, Any] = {
        "status": DeliveryStatus.PENDING,
        "due_at": now() + seconds,
        "lease_owner": None,
        "lease_until": None,
        "faults": deliveries.c.faults + int(fault),
    }
    if detail:
        changed["detail"] = storable(detail)
    done = db.execute(sa.update(deliveries).where(_mine(delivery_id, owner, attempt)).values(changed))
    return done.rowcount > 0


def give_back(db: sa.Connection, delivery_id: int, owner: str, attempt: int) -> bool:
    """Let others try a leased delivery whose attempt was cut short: it may have arrived.

    Args:
        db: A transaction that writes.
        delivery_id: Which.
        owner: This process.
        attempt: Which attempt was cut short.

    Returns:
        Whether the lease still held.
    """
    changed = {**LET_GO, "due_at": now()}
    done = db.execute(sa.update(deliveries).where(_mine(delivery_id, owner, attempt)).values(changed))
    return done.rowcount > 0


def _mine(delivery_id: int, owner: str, attempt: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        deliveries.c.id == delivery_id,
        deliveries.c.status == DeliveryStatus.LEASED,
        deliveries.c.lease_owner == owner,
        deliveries.c.attempts == attempt,
    )


def told_without(db: sa.Connection, keys: Sequence[tuple[str, str]]) -> None:
    """End deliveries that were made while the store could not be written to.

    Args:
        db: A transaction that writes.
        keys: Notification and notifier of each.
    """
    for notification_id, notifier in keys:
        db.execute(
            sa.update(deliveries)
            .where(
                deliveries.c.notification_id == notification_id,
                deliveries.c.notifier == notifier,
                deliveries.c.status == DeliveryStatus.PENDING,
            )
            .values(status=DeliveryStatus.DELIVERED, ended_at=now(), detail="told while the store did not answer")
        )


def thread_of(db: sa.Connection, incident_id: str, notifier: str) -> str:
    """What the notifier last called its message about an incident; empty when there is none."""
    found = db.execute(
        sa.select(deliveries.c.thread)
        .where(deliveries.c.incident_id == incident_id, deliveries.c.notifier == notifier, deliveries.c.thread != "")
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    return found.scalar() or ""


def make_due(db: sa.Connection, notifier: str) -> None:
    """Let everything that waits for a notifier be tried now: it answers again."""
    db.execute(
        sa.update(deliveries)
        .where(
            deliveries.c.status == DeliveryStatus.PENDING,
            deliveries.c.notifier == notifier,
            deliveries.c.due_at > now(),
            deliveries.c.faults == 0,
        )
        .values(due_at=now())
    )


__all__ = [
    "ALONE",
    "LET_GO",
    "add",
    "dedupe_key",
    "end",
    "give_back",
    "lease",
    "lock_for_digest",
    "make_due",
    "members",
    "next_due",
    "put_back",
    "put_into_digest",
    "take_apart",
    "thread_of",
    "told_without",
]
