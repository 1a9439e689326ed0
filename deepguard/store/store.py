"""The store: one database, opened, migrated, and used in transactions."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import exc

from deepguard.errors import StoreError
from deepguard.store.faults import explained, shown
from deepguard.store.schema import migrate
from deepguard.store.work import Database, Result, Work, parse_url


class Store:
    """A database for everything that outlives the process.

    Work is done in transactions that run to their end: a caller that is cancelled stops waiting, and the transaction is
    still committed or rolled back as a whole.
    """

    def __init__(self, url: str) -> None:
        """Name the database; nothing is opened yet.

        Args:
            url: ``store.url``.

        Raises:
            StoreError: It cannot be read.
        """
        self._url = parse_url(url)
        self._database: Database | None = None
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        """The database for people: no password."""
        return shown(self._url)

    async def open(self) -> None:
        """Connect, and bring the tables up to date. Safe twice.

        Raises:
            StoreError: The database cannot be used; says what to do.
        """
        if self._database is not None:
            return
        database = self._connect()
        try:
            await migrate(database, self.name)
        except (StoreError, exc.SQLAlchemyError, OSError, TimeoutError) as error:
            await database.close()
            raise explained(error, self._url) from error
        except TypeError:
            await database.close()
            # How SQLAlchemy hands a parameter of the address on to a driver that does not know it.
            raise StoreError(f"{self.name}: store.url has a parameter that the database does not know") from None
        self._database = database

    async def close(self) -> None:
        """Wait for what runs, and disconnect. Safe twice."""
        if self._running:
            await asyncio.wait(self._running)
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    async def read(self, work: Work[Result]) -> Result:
        """Do work that only reads, in a transaction.

        Args:
            work: Given the connection.

        Raises:
            StoreError: The database failed; says what to do. Its cause is the database's own error.
        """
        return await self._run(work, writes=False)

    async def write(self, work: Work[Result]) -> Result:
        """Do work that writes, in one transaction: when this returns, all of it is on disk.

        Args:
            work: Given the connection; what it raises rolls everything back.

        Raises:
            StoreError: The database failed, and nothing of it was written, or it cannot be known whether; says what to
                do. Its cause is the database's own error.
        """
        return await self._run(work, writes=True)

    def _connect(self) -> Database:
        # Each imported when it is used: of two databases, hosts use one.
        if self._url.get_backend_name() == "postgresql":
            from deepguard.store.postgresql import PostgresqlDatabase

            return PostgresqlDatabase(self._url)
        from deepguard.store.sqlite import SqliteDatabase

        return SqliteDatabase(self._url)

    async def _run(self, work: Work[Result], *, writes: bool) -> Result:
        if self._database is None:
            raise StoreError(f"{self.name} is not open")
        task = asyncio.create_task(self._transaction(self._database, work, writes=writes), name="deepguard-store")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has been told; when nobody did any more, it is not worth a warning

    async def _transaction(self, database: Database, work: Work[Result], *, writes: bool) -> Result:
        try:
            return await database.run(work, writes=writes)
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            raise explained(error, self._url) from error


__all__ = ["Store"]
