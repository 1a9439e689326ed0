"""Silences that people made by command."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from deepguard.store.clock import now
from deepguard.store.tables import silences
from deepguard.store.text import storable, to_json

MATCHERS = ("notifiers", "participants", "incidents", "kinds")


def add(
    db: sa.Connection,
    silence_id: str,
    *,
    seconds: float,
    matchers: dict[str, tuple[str, ...]],
    created_by: str,
    comment: str,
    delay: float = 0.0,
) -> None:
    """Write a silence down.

    Args:
        db: A transaction that writes.
        silence_id: Its id.
        seconds: How long it lasts.
        matchers: What it is about; the keys are ``MATCHERS``.
        created_by: Who asked.
        comment: Why.
        delay: Seconds until it begins.
    """
    db.execute(
        sa.insert(silences).values(
            id=silence_id,
            created_at=now(),
            created_by=storable(created_by),
            comment=storable(comment),
            starts_at=now() + delay,
            ends_at=now() + delay + seconds,
            matchers=to_json(matchers),
        )
    )


_ALL = sa.select(silences).order_by(silences.c.created_at.desc(), silences.c.id)
_IN_FORCE = _ALL.where(silences.c.ends_at > now())


def in_force(db: sa.Connection, *, ended: bool = False) -> list[dict[str, Any]]:
    """The silences that hold or will hold, newest first: the columns of the table, with those of ``MATCHERS`` in it.

    Args:
        db: A transaction.
        ended: Also those that are over.
    """
    found = []
    for row in db.execute(_ALL if ended else _IN_FORCE).mappings():
        matchers = json.loads(row["matchers"])
        kept = {name: value for name, value in row.items() if name != "matchers"}
        found.append(kept | {name: tuple(matchers.get(name, ())) for name in MATCHERS})
    return found


def expire(db: sa.Connection, silence_id: str) -> bool:
    """End a silence now.

    Returns:
        Whether there was one of this id that had not ended.
    """
    done = db.execute(
        sa.update(silences)
        .where(silences.c.id == storable(silence_id), silences.c.ends_at > now())
        .values(ends_at=now())
    )
    return done.rowcount > 0


__all__ = ["MATCHERS", "add", "expire", "in_force"]
