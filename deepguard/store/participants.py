"""Who took part in a call."""

from __future__ import annotations

import sqlalchemy as sa

from deepguard.store.tables import transitions, verdicts
from deepguard.store.text import storable


def of_call(db: sa.Connection, call_id: str) -> list[str]:
    """The participants of whom a verdict or a change is written down, in alphabetical order.

    Args:
        db: A transaction.
        call_id: The call.
    """
    named = sa.union(
        *(sa.select(t.c.participant_id).where(t.c.call_id == storable(call_id)) for t in (verdicts, transitions))
    ).subquery()
    return sorted(db.execute(sa.select(named.c.participant_id)).scalars())


__all__ = ["of_call"]
