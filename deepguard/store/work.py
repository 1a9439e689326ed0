"""What the store's databases have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from deepguard.errors import StoreError

Result = TypeVar("Result")
Work: TypeAlias = Callable[[sa.Connection], Result]
"""Work within one transaction: statements, and what decides between them. It may run in another thread."""

WRITES = "deepguard_writes"
"""Execution option of a connection: whether its transactions write."""

_EXAMPLES = "write sqlite:///deepguard.db or postgresql://user:password@host/database"


class Database(Protocol):
    """A database in which work is done, one transaction at a time or several."""

    async def run(self, work: Work[Result], *, writes: bool) -> Result:
        """Do work in one transaction; what it raises rolls everything back."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


def parse_url(text: str) -> sa.URL:
    """Read ``store.url``.

    Args:
        text: ``sqlite:///file``, or ``postgresql://user:password@host/database``; with the driver's name or without.

    Raises:
        StoreError: It is none of these.
    """
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        raise StoreError(f"store.url cannot be read; {_EXAMPLES}") from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite" | "sqlite+aiosqlite":
            return url.set(drivername="sqlite")
        case "postgresql" | "postgresql+asyncpg":
            # What every other program calls sslmode is ssl to this driver.
            query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
            return url.set(drivername="postgresql+asyncpg", query=query)
    raise StoreError(f"store.url names a database that deepguard cannot use; {_EXAMPLES}")


def file_of(url: sa.URL) -> Path | None:
    """The file of an SQLite database; None for one in memory, and for PostgreSQL.

    Args:
        url: From ``parse_url``.
    """
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()


__all__ = ["WRITES", "Database", "Result", "Work", "file_of", "parse_url"]
