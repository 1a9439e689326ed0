"""Opens the database as deepguard needs it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from loguru import logger
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from deepguard.errors import StoreError

SAFE_WAL = (3, 51, 3)
"""The first SQLite in which two processes that write in WAL mode cannot damage the database."""
LOCK_SECONDS = 5.0
"""How long SQLite waits for another process that writes."""

WRITES = "deepguard_writes"
"""Execution option of a connection whose transaction will write."""


def parse_url(text: str) -> sa.URL:
    """Read ``store.url``.

    Args:
        text: ``sqlite:///file``, or ``postgresql://user:password@host/database`` (with ``+asyncpg`` or without).

    Raises:
        StoreError: It is none of these.
    """
    try:
        url = sa.make_url(text)
        backend = url.get_backend_name()
    except (exc.ArgumentError, ValueError):
        raise StoreError(f"store.url cannot be read; {_EXAMPLES}") from None
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if url.drivername not in {*drivers, *drivers.values()}:
        raise StoreError(f"store.url names a database that deepguard cannot use; {_EXAMPLES}")
    return url.set(drivername=drivers[backend])


_EXAMPLES = "write sqlite:///deepguard.db or postgresql://user:password@host/database"


def open_engine(url: sa.URL) -> AsyncEngine:
    """Make an engine; nothing is connected yet, though an SQLite file is created, for its owner only.

    Args:
        url: From ``parse_url``.

    Raises:
        StoreError: The driver is missing, or the file cannot be created.
    """
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    try:
        engine = create_async_engine(url, pool_size=5, max_overflow=5, pool_timeout=10, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs one more package: run `pip install 'pipecat-deepguard[postgres]'`") from None
    return engine


def _open_sqlite(url: sa.URL) -> AsyncEngine:
    path = url.database
    if path and path != ":memory:" and not path.startswith("file:"):
        try:
            os.close(os.open(Path(path), os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            if not Path(path).exists():
                raise StoreError(
                    f"store {path}: the file cannot be created ({error.strerror}): see that its folder exists and may "
                    "be written to, or set store.url to a file elsewhere"
                ) from None
            # One that may only be read says so in its own words when it is first written to.
    # One connection: writers of one process then wait for each other here, in order, and never fail with a lock.
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"timeout": LOCK_SECONDS},
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    # Transactions begin where we say so, below; Python's sqlite3 would begin them late and leave some statements out.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        wanted = "wal" if sqlite3.sqlite_version_info >= SAFE_WAL else "delete"
        cursor.execute("PRAGMA journal_mode")
        present = str(cursor.fetchone()[0]).lower()
        if present not in (wanted, "memory"):
            cursor.execute(f"PRAGMA journal_mode = {wanted}")
            present = str(cursor.fetchone()[0]).lower()
            if present == "wal" != wanted:
                logger.warning(
                    "The database stays in WAL mode, since another program uses it; SQLite {} can damage it when two "
                    "programs write: use SQLite {} or newer, or stop the other one and start again",
                    sqlite3.sqlite_version,
                    ".".join(map(str, SAFE_WAL)),
                )
        # A commit that was told survives the machine losing power.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA secure_delete = ON")  # pictures and names that were deleted are gone
    finally:
        cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


__all__ = ["WRITES", "open_engine", "parse_url"]
