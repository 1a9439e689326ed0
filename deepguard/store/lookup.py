"""Finds what a person means: an incident or a call by the beginning of its id, deliveries by number or state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from deepguard.store.clock import now
from deepguard.store.tables import calls, deliveries, destinations, incidents, processes
from deepguard.store.text import storable
from deepguard.store.upkeep import GONE_SECONDS

PART = 1000
"""Numbers in one statement at most."""
SHORTEST = len("inc_") + 8
"""Characters of an incident's id that stand for it."""
SHORTEST_CALL = 4
"""The same of a call's id, which anybody may choose."""


class Standing(NamedTuple):
    """Where a delivery stands."""

    id: int
    notifier: str
    kind: str
    status: str
    digest_id: int | None


def incident_ids(db: sa.Connection, text: str, most: int = 5) -> Sequence[str]:
    """The incidents whose id this is, or begins with this when it is long enough.

    Args:
        db: A transaction.
        text: What a person wrote.
        most: How many at most.
    """
    c, text = incidents.c.id, storable(text)
    found = db.execute(sa.select(c).where(c == text)).scalars().all()
    if found or len(text) < SHORTEST or not text.startswith("inc_"):
        return found
    return db.execute(sa.select(c).where(c.startswith(text, autoescape=True)).order_by(c).limit(most)).scalars().all()


def call_ids(db: sa.Connection, text: str, most: int = 5) -> Sequence[str]:
    """The calls whose id this is, or begins with this when it is long enough.

    Args:
        db: A transaction.
        text: What a person wrote.
        most: How many at most.
    """
    c, text = calls.c.id, storable(text)
    found = db.execute(sa.select(c).where(c == text)).scalars().all()
    if found or len(text) < SHORTEST_CALL:
        return found
    statement = sa.select(c).where(c.startswith(text, autoescape=True)).order_by(c).limit(most)
    if db.dialect.name == "sqlite":
        statement = statement.where(c >= text, c < f"{text}\U0010ffff")  # what its index can find
    return db.execute(statement).scalars().all()


def standing(
    db: sa.Connection,
    *,
    ids: Collection[int] | None = None,
    statuses: Collection[str] = (),
    notifier: str | None = None,
) -> dict[int, Standing]:
    """Deliveries by their number, oldest first.

    Args:
        db: A transaction.
        ids: Only these.
        statuses: Only those that stand so; all when empty.
        notifier: Only those to this notifier.
    """
    c = deliveries.c
    statement = sa.select(c.id, c.notifier, c.kind, c.status, c.digest_id).order_by(c.id)
    if statuses:
        statement = statement.where(c.status.in_(tuple(statuses)))
    if notifier is not None:
        statement = statement.where(c.notifier == storable(notifier))
    parts = [statement] if ids is None else [statement.where(c.id.in_(part)) for part in in_parts(ids)]
    return {row.id: Standing(*row) for part in parts for row in db.execute(part)}


def in_parts(ids: Iterable[int]) -> Iterable[tuple[int, ...]]:
    """Numbers in order, as many at a time as one statement should name."""
    ordered = sorted(ids)
    return (tuple(ordered[start : start + PART]) for start in range(0, len(ordered), PART))


def notifier_names(db: sa.Connection) -> list[str]:
    """Every notifier that the store knows, also such as the configuration does not name any more."""
    known = sa.union(sa.select(deliveries.c.notifier), sa.select(destinations.c.notifier)).subquery()
    return list(db.execute(sa.select(known.c.notifier).order_by(known.c.notifier)).scalars())


def running(db: sa.Connection) -> int:
    """How many processes guard calls and deliver with this store now."""
    statement = sa.select(sa.func.count()).where(processes.c.seen_at > now() - GONE_SECONDS)
    return int(db.execute(statement).scalar_one())


__all__ = [
    "SHORTEST",
    "SHORTEST_CALL",
    "Standing",
    "call_ids",
    "in_parts",
    "incident_ids",
    "notifier_names",
    "running",
    "standing",
]
