"""What some process has to do from time to time, so that nothing waits for one that is gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from deepguard.model import DeliveryStatus, NotificationKind
from deepguard.store.clock import now
from deepguard.store.deliveries import LET_GO, ON_ITS_WAY
from deepguard.store.sizes import OF_A_CALL, size_of
from deepguard.store.tables import (
    calls,
    configurations,
    deliveries,
    incidents,
    notifications,
    pictures,
    processes,
    silences,
)

GONE_SECONDS = 20.0
"""A process that was not seen for so long is gone: its calls have ended."""
LONGEST_LEASE = 310.0
"""Seconds; what seems to be leased for longer was leased before the database's clock was set back."""
PURGE_BATCH = 500
PURGE_CALLS = 20
"""Calls that are deleted in one transaction at most."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one notifier has not delivered.

    Attributes:
        waiting: Deliveries that wait for an attempt, are being tried, or are named in a digest that is.
        dead: Deliveries that failed for good.
        oldest: Seconds that the oldest of those waiting has waited; 0 when none waits.
        due: Whether one of them may be tried now.
    """

    waiting: int = 0
    dead: int = 0
    oldest: float = 0.0
    due: bool = False


def announce_process(db: sa.Connection, process_id: str, version: str) -> None:
    """Write down that this process is there."""
    db.execute(
        sa.insert(processes).values(
            id=process_id,
            version=version,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=now(),
            seen_at=now(),
        )
    )


def seen(db: sa.Connection, process_id: str, version: str) -> float:
    """Write down that this process is still there.

    Returns:
        The database's time.
    """
    done = db.execute(sa.update(processes).where(processes.c.id == process_id).values(seen_at=now()))
    if done.rowcount == 0:  # it slept for so long that it was forgotten, or the file was put back from a backup
        announce_process(db, process_id, version)
    return float(db.execute(sa.select(now())).scalar_one())


def leave(db: sa.Connection, process_id: str) -> None:
    """Write down that this process is gone, so that nobody waits to find it out."""
    db.execute(sa.delete(processes).where(processes.c.id == process_id))


def abandoned_calls(db: sa.Connection) -> Sequence[str]:
    """The calls that have not ended, and whose process is gone."""
    alive = sa.select(processes.c.id).where(processes.c.seen_at > now() - GONE_SECONDS)
    found = db.execute(
        sa.select(calls.c.id)
        .where(calls.c.ended_at.is_(None), calls.c.process_id.not_in(alive))
        .order_by(calls.c.id)
        .limit(PURGE_BATCH)
    )
    return found.scalars().all()


_c = deliveries.c
# Made once, like the others that are run twice a second: to put one together takes longer than to run it. Only what an
# index holds is read of all of them, since the dead are kept for ever.
_BACKLOGS = (
    sa.select(_c.notifier, _c.status, sa.func.count(), sa.func.min(_c.id), sa.func.min(_c.due_at) <= now())
    .where(_c.status.in_((*ON_ITS_WAY, DeliveryStatus.DEAD)))
    .group_by(_c.notifier, _c.status)
)
_AGES = sa.select(_c.id, now() - _c.created_at).where(_c.id.in_(sa.bindparam("ids", expanding=True)))


def backlogs(db: sa.Connection) -> dict[str, Backlog]:
    """What waits and what is dead, by notifier, also of notifiers that only other hosts know."""
    groups = db.execute(_BACKLOGS).all()
    first = [oldest for _, status, _, oldest, _ in groups if status != DeliveryStatus.DEAD]
    ages = {row[0]: float(row[1]) for row in db.execute(_AGES, {"ids": first})} if first else {}
    told: dict[str, Backlog] = {}
    for name, status, count, oldest, due in groups:
        known = told.get(name, Backlog())
        if status == DeliveryStatus.DEAD:
            told[name] = replace(known, dead=count)
            continue
        told[name] = replace(
            known,
            waiting=known.waiting + count,
            oldest=max(known.oldest, ages.get(oldest, 0.0)),
            due=known.due or (status == DeliveryStatus.PENDING and bool(due)),
        )
    return told


_NEXT_UPKEEP = sa.select(
    sa.select(sa.func.min(sa.case((_c.lease_until > now() + LONGEST_LEASE, 0.0), else_=_c.lease_until)))
    .where(_c.status == DeliveryStatus.LEASED)
    .scalar_subquery()
    - now(),
    sa.select(sa.func.min(_c.expires_at)).where(_c.status == DeliveryStatus.PENDING).scalar_subquery() - now(),
)


def next_upkeep(db: sa.Connection) -> float | None:
    """In how many seconds the next lease runs out, or something will have waited for too long.

    Returns:
        0 or less when that is so now, and something has to be written; None when nothing is in sight.
    """
    return min((seconds for seconds in db.execute(_NEXT_UPKEEP).one() if seconds is not None), default=None)


def take_back_leases(db: sa.Connection) -> int:
    """Let what an ended process had in hand be tried by others.

    Nobody knows how that attempt ended.

    Returns:
        How many.
    """
    # Every process sees it at the same moment.
    found = db.execute(
        sa.select(_c.id)
        .where(
            _c.status == DeliveryStatus.LEASED,
            sa.or_(_c.lease_until < now(), _c.lease_until > now() + LONGEST_LEASE),
        )
        .with_for_update(skip_locked=True)
    )
    ids = found.scalars().all()
    if ids:
        db.execute(sa.update(deliveries).where(_c.id.in_(ids)).values({**LET_GO, "due_at": now()}))
    return len(ids)


def give_up(db: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Declare dead what has waited for too long, and what a digest stood for that did.

    Returns:
        The rows that died, digests left out.
    """
    c = deliveries.c
    columns = (c.id, c.notification_id, c.call_id, c.notifier, c.kind, c.created_at, c.attempts, c.detail)
    found = db.execute(
        sa.select(*columns)
        .where(c.status == DeliveryStatus.PENDING, c.expires_at < now())
        .limit(PURGE_BATCH)
        .with_for_update(skip_locked=True)
    )
    late = [dict(row) for row in found.mappings()]
    ids = [row["id"] for row in late]
    found = db.execute(sa.select(*columns).where(c.digest_id.in_(ids), c.status == DeliveryStatus.DIGESTED))
    died = [row for row in late if row["kind"] != NotificationKind.DIGEST.value]
    died += [dict(row) for row in found.mappings()]
    dead = {row["id"] for row in died}
    too_long = sa.literal("given up: it could not be delivered in time") + sa.case(
        (c.detail == "", ""), else_=sa.literal("; ") + c.detail
    )
    for status, which in ((DeliveryStatus.DEAD, dead), (DeliveryStatus.DROPPED, set(ids) - dead)):
        if which:
            changed = {"status": status, "ended_at": now(), "detail": too_long}
            db.execute(sa.update(deliveries).where(c.id.in_(which)).values(changed))
    return died


def forget_pictures(db: sa.Connection) -> None:
    """Delete the pictures of incidents of which nothing waits to be told any more."""
    waits = sa.exists().where(deliveries.c.incident_id == pictures.c.incident_id, deliveries.c.status.in_(ON_ITS_WAY))
    db.execute(sa.delete(pictures).where(~waits))


def purge(db: sa.Connection, keep_seconds: float, max_size: int | None = None) -> int:
    """Delete a batch of what is older than it need be kept, or too much. What waits and what is dead stays.

    Args:
        db: A transaction that writes.
        keep_seconds: How long history is kept; what came from another store, from then on.
        max_size: How many bytes of calls that have ended are kept; None: as many as there are.

    Returns:
        How many rows went; 0 when nothing is left to delete.
    """
    before = now() - keep_seconds
    gone = 0
    c = deliveries.c
    old = sa.select(c.id).where(c.ended_at < before, c.status != DeliveryStatus.DEAD).limit(PURGE_BATCH)
    gone += db.execute(sa.delete(deliveries).where(c.id.in_(old))).rowcount
    n = notifications.c
    unused = (
        sa.select(n.id).where(n.created_at < before, ~sa.exists().where(c.notification_id == n.id)).limit(PURGE_BATCH)
    )
    gone += db.execute(sa.delete(notifications).where(n.id.in_(unused))).rowcount
    i = incidents.c
    kept = sa.exists().where(calls.c.id == i.call_id, calls.c.imported_at >= before)
    resolved = sa.select(i.id).where(i.resolved_at < before, ~kept).limit(PURGE_BATCH)
    gone += db.execute(sa.delete(incidents).where(i.id.in_(resolved))).rowcount
    came = sa.or_(calls.c.imported_at.is_(None), calls.c.imported_at < before)
    ended = sa.select(calls.c.id).where(calls.c.ended_at < before, came).order_by(calls.c.ended_at).limit(PURGE_CALLS)
    gone += _forget_calls(db, db.execute(ended).scalars().all())
    if max_size is not None:
        gone += _make_room(db, max_size)
    gone += db.execute(sa.delete(silences).where(silences.c.ends_at < before)).rowcount
    gone += db.execute(sa.delete(processes).where(processes.c.seen_at < before)).rowcount
    used = sa.exists().where(calls.c.config_hash == configurations.c.hash)
    gone += db.execute(sa.delete(configurations).where(configurations.c.created_at < before, ~used)).rowcount
    return gone


def _forget_calls(db: sa.Connection, ids: Sequence[str]) -> int:
    """Delete a batch of what was recorded of calls; they themselves go when nothing of them is left."""
    if not ids:
        return 0
    gone, left = 0, False
    for table in OF_A_CALL:
        which = table.c.call_id.in_(ids)
        if table is incidents:
            which &= incidents.c.resolved_at.is_not(None)
        if "id" in table.c:
            which = table.c.id.in_(sa.select(table.c.id).where(which).limit(PURGE_BATCH))
        rows = db.execute(sa.delete(table).where(which)).rowcount
        gone += rows
        left |= rows == PURGE_BATCH
    if not left:
        gone += db.execute(sa.delete(calls).where(calls.c.id.in_(ids))).rowcount
    return gone


def _make_room(db: sa.Connection, max_size: int) -> int:
    """Delete a batch of the oldest calls while there is more than ``max_size``."""
    c = calls.c
    ended = c.ended_at >= 0  # SQLite takes no index for "is not null"
    # Those that ended before sizes were taken.
    unknown = sa.select(c.id).where(ended, c.size.is_(None)).limit(PURGE_CALLS)
    sized = db.execute(sa.update(calls).where(c.id.in_(unknown)).values(size=size_of(c.id))).rowcount
    whole = db.execute(sa.select(sa.func.sum(c.size)).where(ended)).scalar()
    too_much = int(whole or 0) - max_size
    if too_much <= 0:
        return sized
    is_open = sa.exists().where(incidents.c.call_id == c.id, incidents.c.resolved_at.is_(None))
    waiting = sa.select(deliveries.c.call_id).where(deliveries.c.status.in_(ON_ITS_WAY))
    oldest = (
        sa.select(c.id, c.size)
        .where(ended, ~is_open, c.id.not_in(waiting))
        .order_by(c.ended_at, c.id)
        .limit(PURGE_CALLS)
    )
    ids: list[str] = []
    for call_id, size in db.execute(oldest):
        if too_much <= 0:
            break
        ids.append(call_id)
        too_much -= size or 0
    return sized + _forget_calls(db, ids)


__all__ = [
    "GONE_SECONDS",
    "Backlog",
    "abandoned_calls",
    "announce_process",
    "backlogs",
    "forget_pictures",
    "give_up",
    "leave",
    "next_upkeep",
    "purge",
    "seen",
    "take_back_leases",
]
