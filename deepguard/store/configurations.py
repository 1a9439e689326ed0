"""The configurations that calls were guarded with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from deepguard.config.snapshot import Snapshot
from deepguard.store.clock import now
from deepguard.store.tables import configurations
from deepguard.store.text import storable, to_json
from deepguard.store.writing import insert


def keep(db: sa.Connection, snapshot: Snapshot) -> None:
    """Write a configuration down, once.

    What is written once stays, except where its settings stand: a comment that is put into the file moves them and
    changes nothing else, and whoever is told a line looks into the file as it is.

    Args:
        db: A transaction that writes.
        snapshot: The configuration.
    """
    c = configurations.c
    statement = insert(db, configurations).values(
        hash=snapshot.hash,
        created_at=now(),
        file=storable(snapshot.file),
        body=to_json(snapshot.body),
        places=to_json(snapshot.places),
    )
    changed = {"file": statement.excluded.file, "places": statement.excluded.places}
    moved = sa.or_(c.file != statement.excluded.file, c.places != statement.excluded.places)
    db.execute(statement.on_conflict_do_update(index_elements=[c.hash], set_=changed, where=moved))


def find(db: sa.Connection, config_hash: str) -> Snapshot | None:
    """A configuration; None when it is not there, or this version cannot read it."""
    row = db.execute(sa.select(configurations).where(configurations.c.hash == config_hash)).first()
    if row is None:
        return None
    body, places = _mapping(row.body), _mapping(row.places)
    if body is None or places is None:
        return None
    kept = {path: (place[0], place[1]) for path, place in places.items() if _is_place(place)}
    return Snapshot(row.hash, row.file, body, kept)


def _mapping(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_place(place: Any) -> bool:
    return isinstance(place, list) and len(place) == 2 and all(isinstance(number, int) for number in place)


__all__ = ["find", "keep"]
