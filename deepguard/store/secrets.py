"""What every process on a store must know, and nobody else."""

from __future__ import annotations

import secrets as random

import sqlalchemy as sa

from deepguard.store.tables import secrets
from deepguard.store.writing import insert

ACKNOWLEDGE = "acknowledge"
"""The key that signs the links by which incidents are acknowledged."""
KEY_BYTES = 32


def key(db: sa.Connection, name: str) -> bytes:
    """The key of a name, made by whoever asks first.

    Args:
        db: A transaction that writes.
        name: Which key.
    """
    db.execute(insert(db, secrets).values(name=name, value=random.token_bytes(KEY_BYTES)).on_conflict_do_nothing())
    return bytes(db.execute(sa.select(secrets.c.value).where(secrets.c.name == name)).scalar_one())


__all__ = ["ACKNOWLEDGE", "KEY_BYTES", "key"]
