"""SQLite: one connection, in a thread of its own.

Each transaction is one trip to that thread. An asynchronous driver makes the trip several times a statement, which
costs more than the statements themselves; here it also keeps the building of statements off the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from loguru import logger
from sqlalchemy import event
from sqlalchemy.pool import StaticPool

from deepguard.errors import StoreError
from deepguard.store.work import WRITES, Result, Work, file_of

SAFE_WAL = (3, 51, 3)
"""The first SQLite in which two processes that write in WAL mode cannot damage the database."""
LOCK_SECONDS = 5.0
"""How long a transaction waits for another process that writes."""


class SqliteDatabase:
    """A file, or a database in memory."""

    def __init__(self, url: sa.URL) -> None:
        """Create the file when it is not there, readable by its owner only.

        Args:
            url: From ``parse_url``.

        Raises:
            StoreError: The file cannot be created.
        """
        self._path = file_of(url)
        self._file: tuple[int, int] | None = None
        if self._path is not None:
            self._create(self._path)
            url = url.set(database=str(self._path))
        # One connection: transactions of one process wait for each other here, in order, and never fail with a lock.
        self._engine = sa.create_engine(
            url,
            poolclass=StaticPool,
            hide_parameters=True,
            connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False},
        )
        event.listen(self._engine, "connect", self._connected)
        event.listen(self._engine, "begin", _begin)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deepguard-store")

    async def run(self, work: Work[Result], *, writes: bool) -> Result:
        """Do work in one transaction.

        Args:
            work: Given the connection.
            writes: Whether it writes.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work, writes)

    async def close(self) -> None:
        """Close the file. Safe twice."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _run(self, work: Work[Result], writes: bool) -> Result:
        self._see_that_the_file_is_there()
        with self._engine.connect() as connection:
            connection = connection.execution_options(**{WRITES: writes})
            with connection.begin():
                return work(connection)

    def _close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    def _create(self, path: Path) -> None:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            if not path.exists():
                raise StoreError(
                    f"store {path}: the file cannot be created ({error.strerror}): see that its folder exists and may "
                    "be written to, or set store.url to a file elsewhere"
                ) from None
            # One that may only be read says so in its own words when it is first written to.

    def _see_that_the_file_is_there(self) -> None:
        """SQLite itself would go on writing to a file that was deleted, and all of it would be lost."""
        if self._path is None or self._file is None:
            return
        try:
            found = _identity(self._path)
        except OSError:
            raise StoreError(
                f"store {self._path}: the file is gone; put it back, or start deepguard again to begin a new one"
            ) from None
        if found != self._file:
            self._engine.dispose()  # another file is there, a backup perhaps: the next connection opens it

    def _connected(self, connection: Any, _record: object) -> None:
        # Transactions begin where we say so, below; Python's sqlite3 would begin them late and leave statements out.
        connection.isolation_level = None
        if self._path is not None:
            self._file = _identity(self._path)
        cursor = connection.cursor()
        try:
            _set_journal_mode(cursor)
            # A commit that was told survives the machine losing power.
            cursor.execute("PRAGMA synchronous = FULL")
            # Pictures and names that were deleted are gone.
            cursor.execute("PRAGMA secure_delete = ON")
        finally:
            cursor.close()


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _set_journal_mode(cursor: Any) -> None:
    wanted = "wal" if sqlite3.sqlite_version_info >= SAFE_WAL else "delete"
    cursor.execute("PRAGMA journal_mode")
    present = str(cursor.fetchone()[0]).lower()
    if present in (wanted, "memory"):
        return
    cursor.execute(f"PRAGMA journal_mode = {wanted}")
    present = str(cursor.fetchone()[0]).lower()
    if present == "wal" != wanted:
        logger.warning(
            "The database stays in WAL mode, since another program uses it; SQLite {} can damage it when two programs "
            "write: use SQLite {} or newer, or stop the other one and start again",
            sqlite3.sqlite_version,
            ".".join(map(str, SAFE_WAL)),
        )


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


__all__ = ["LOCK_SECONDS", "SAFE_WAL", "SqliteDatabase"]
