"""The rows of the destinations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from deepguard.store.clock import now
from deepguard.store.tables import destinations
from deepguard.store.writing import insert


def lock(db: sa.Connection, notifier: str, burst: int) -> tuple[float, dict[str, Any]]:
    """Lock a destination's row until the transaction ends, making it when it is not there.

    Args:
        db: A transaction that writes.
        notifier: The notifier's name.
        burst: The tokens of a new one.

    Returns:
        The database's time, and the row without its name.
    """
    statement = sa.select(now().label("now"), destinations).where(destinations.c.notifier == notifier).with_for_update()
    row = (db.execute(statement)).mappings().first()
    if row is None:
        new = {
            "notifier": notifier,
            "tokens": float(burst),
            "failures": 0,
            "blocked_until": 0.0,
            "probing_until": 0.0,
            "disabled": False,
            "refused": False,
            "detail": "",
        }
        db.execute(insert(db, destinations).values(refilled_at=now(), **new).on_conflict_do_nothing())
        row = (db.execute(statement)).mappings().one()
    values = {name: value for name, value in row.items() if name not in ("now", "notifier")}
    return float(row["now"]), values


def save(db: sa.Connection, notifier: str, values: dict[str, Any]) -> None:
    """Write a locked row back."""
    db.execute(sa.update(destinations).where(destinations.c.notifier == notifier).values(values))


def all_rows(db: sa.Connection) -> dict[str, dict[str, Any]]:
    """Every destination's row, by notifier, for people and metrics; ``now`` is the database's time."""
    found = db.execute(sa.select(now().label("now"), destinations))
    return {row["notifier"]: dict(row) for row in found.mappings()}


__all__ = ["all_rows", "lock", "save"]
