"""How much of the store a call takes: the same on both databases, near to what it adds to a file of SQLite.

It is a sum over the call's rows, taken once, when the call ends: what ``store.max_size`` asks for is a sum over calls.
"""

from __future__ import annotations

import sqlalchemy as sa

from deepguard.store.tables import (
    calls,
    incidents,
    labels,
    samples,
    shadow_transitions,
    shadows,
    transitions,
    verdicts,
)

ROW = 80
"""Bytes of a row and its place in the index, texts left out. With it, sizes of usual calls agree with SQLite's file to
a tenth (measured)."""
CALL = 400
"""The same of a call, which stands in several indexes."""

OF_A_CALL = (verdicts, samples, transitions, shadow_transitions, shadows, labels, incidents)
"""The tables that hold what was recorded of calls, the calls themselves left out."""


def size_of(call_id: sa.ColumnElement[str] | str) -> sa.ColumnElement[int]:
    """How many bytes what is written down of a call takes: a part of a statement.

    Args:
        call_id: The call's id; in a statement about ``calls``, its column.
    """
    total: sa.ColumnElement[int] = sa.literal(CALL)
    for table in OF_A_CALL:
        texts = [sa.func.coalesce(sa.func.length(column), 0) for column in table.c if isinstance(column.type, sa.Text)]
        # The call's id stands in the index too.
        row = sum(texts, sa.literal(ROW) + sa.func.length(table.c.call_id))
        rows = sa.select(sa.func.coalesce(sa.func.sum(row), 0)).where(table.c.call_id == call_id)
        total = total + rows.scalar_subquery()
    for text in (calls.c.id, calls.c.metadata, calls.c.thresholds):
        total = total + sa.func.coalesce(sa.func.length(text), 0)
    return total


__all__ = ["CALL", "OF_A_CALL", "ROW", "size_of"]
