"""The rows of the destinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from deepguard.model import DeliveryStatus
from deepguard.store.clock import now
from deepguard.store.tables import deliveries, destinations
from deepguard.store.writing import insert


@dataclass(frozen=True, slots=True)
class Locked:
    """A destination's row, locked, and what waits for it.

    Attributes:
        now: The database's time.
        values: The row without its name.
        waiting: How many deliveries wait for an attempt.
        first_due: In how many seconds the first of them is due; None when none waits.
    """

    now: float
    values: dict[str, Any]
    waiting: int
    first_due: float | None


_c, _waits = destinations.c, deliveries.alias("waits")
_of_it = (_waits.c.status == DeliveryStatus.PENDING, _waits.c.notifier == _c.notifier)
_LOCK = (
    sa.select(
        destinations,
        now().label("now"),
        sa.select(sa.func.count()).where(*_of_it).scalar_subquery().label("waiting"),
        (sa.select(sa.func.min(_waits.c.due_at)).where(*_of_it).scalar_subquery() - now()).label("first_due"),
    )
    .where(_c.notifier == sa.bindparam("name"))
    .with_for_update(of=destinations)
)
_SAVE = sa.update(destinations).where(_c.notifier == sa.bindparam("name"))


def lock(db: sa.Connection, notifier: str, burst: int) -> Locked:
    """Lock a destination's row until the transaction ends, making it when it is not there.

    Args:
        db: A transaction that writes.
        notifier: The notifier's name.
        burst: The tokens of a new one.
    """
    row = db.execute(_LOCK, {"name": notifier}).mappings().first()
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
        row = db.execute(_LOCK, {"name": notifier}).mappings().one()
    first_due = row["first_due"]
    return Locked(
        now=float(row["now"]),
        values={name: row[name] for name in _c.keys() if name != "notifier"},  # noqa: SIM118 - columns are no mapping
        waiting=int(row["waiting"]),
        first_due=None if first_due is None else max(0.0, float(first_due)),
    )


def save(db: sa.Connection, notifier: str, values: dict[str, Any]) -> None:
    """Write a locked row back."""
    db.execute(_SAVE, {"name": notifier, **values})


_ALL = sa.select(now().label("now"), destinations)


def all_rows(db: sa.Connection) -> dict[str, dict[str, Any]]:
    """Every destination's row, by notifier, for people and metrics; ``now`` is the database's time."""
    return {row["notifier"]: dict(row) for row in db.execute(_ALL).mappings()}


__all__ = ["Locked", "all_rows", "lock", "save"]
