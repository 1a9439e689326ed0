"""The databases that a bench stores in, each fresh, on the disk that the system's temporary files are on."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from loguru import logger

from tests.support.postgres import PostgresServer, programs, running_postgres

Kind: TypeAlias = Literal["sqlite", "postgresql"]
LABELS: dict[Kind, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
Transaction: TypeAlias = Callable[[], Awaitable[None]]


@contextmanager
def sqlite_url() -> Iterator[str]:
    """The ``store.url`` of a file that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="deepguard-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'deepguard.db'}"


@contextmanager
def postgres_server() -> Iterator[PostgresServer | None]:
    """A PostgreSQL server whose commits wait for the disk; None, and a word about it, where none is installed."""
    found = programs()
    if found is None:
        logger.warning("PostgreSQL is left out: no server is installed (Debian, Ubuntu: apt install postgresql)")
        yield None
        return
    with running_postgres(found) as server:
        yield server


@contextmanager
def fresh_databases() -> Iterator[dict[Kind, str]]:
    """The ``store.url`` of a fresh database of each kind that there is."""
    with sqlite_url() as url, postgres_server() as server:
        if server is None:
            yield {"sqlite": url}
            return
        with server.database() as postgres_url:
            yield {"sqlite": url, "postgresql": postgres_url}


@asynccontextmanager
async def bare_transaction(kind: Kind, url: str) -> AsyncIterator[Transaction]:
    """One row, written and synced by the driver alone: the least that a database takes.

    Args:
        kind: Which database.
        url: Of a store that is open.
    """
    if kind == "sqlite":
        with closing(_beside(Path(url.removeprefix("sqlite:///")))) as file:

            async def write() -> None:
                for statement in ("BEGIN IMMEDIATE", "INSERT INTO bare VALUES (1)", "COMMIT"):
                    file.execute(statement)

            yield write
        return
    import asyncpg

    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("CREATE TABLE bare (one integer)")

        async def insert() -> None:
            async with connection.transaction():
                await connection.execute("INSERT INTO bare VALUES (1)")

        yield insert
    finally:
        await connection.close()


def _beside(database: Path) -> sqlite3.Connection:
    """A file of its own, kept as the store's is: in the same file it would wait for the store's own transactions."""
    with closing(sqlite3.connect(database)) as store:
        mode = store.execute("PRAGMA journal_mode").fetchone()[0]
    file = sqlite3.connect(database.with_name("bare.db"), isolation_level=None)
    file.execute(f"PRAGMA journal_mode = {mode}")
    file.execute("PRAGMA synchronous = FULL")
    file.execute("CREATE TABLE bare (one integer)")
    return file
