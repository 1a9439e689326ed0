"""The database's own clock: hosts that share a database need not agree on the time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now(FunctionElement[float]):  # noqa: N801 - written like the SQL function that it is
    """The moment as a Unix time in seconds, to the millisecond or better; goes on within a transaction."""

    type = sa.Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite(element: Any, compiler: Any, **_options: Any) -> str:
    # unixepoch('subsec') would need SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql(element: Any, compiler: Any, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


__all__ = ["now"]
