"""The store: one database, opened, migrated, and used in transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deepguard.errors import StoreError
from deepguard.store.engine import WRITES, open_engine, parse_url
from deepguard.store.faults import explained, shown
from deepguard.store.schema import migrate

Result = TypeVar("Result")
Work = Callable[[sa.Connection], Result]
"""Work within one transaction. It may be repeated by nobody, holds up nobody, and awaits nothing."""


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
        self._engine: AsyncEngine | None = None
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        """The database for people: no password."""
        return shown(self._url)

    @property
    def shared(self) -> bool:
        """Whether several hosts may use it."""
        return self._url.get_backend_name() == "postgresql"

    async def open(self) -> None:
        """Connect, and bring the tables up to date. Safe twice.

        Raises:
            StoreError: The database cannot be used; says what to do.
        """
        if self._engine is not None:
            return
        engine = open_engine(self._url)
        try:
            await migrate(engine, self.name)
        except StoreError:
            await engine.dispose()
            raise
        except Exception as error:
            await engine.dispose()
            raise explained(error, self._url) from error
        self._engine = engine

    async def close(self) -> None:
        """Wait for what runs, and disconnect. Safe twice."""
        if self._running:
            await asyncio.wait(self._running)
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

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

    async def _run(self, work: Work[Result], *, writes: bool) -> Result:
        if self._engine is None:
            raise StoreError(f"{self.name} is not open")
        task = asyncio.create_task(self._transaction(self._engine, work, writes=writes), name="deepguard-store")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has been told; when nobody did any more, it is not worth a warning

    async def _transaction(self, engine: AsyncEngine, work: Work[Result], *, writes: bool) -> Result:
        try:
            async with _connected(engine, writes=writes) as connection:
                return await connection.run_sync(work)
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            raise explained(error, self._url) from error


@asynccontextmanager
async def _connected(engine: AsyncEngine, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        await connection.execution_options(**{WRITES: writes})
        async with connection.begin():
            yield connection


__all__ = ["Store", "Work"]
