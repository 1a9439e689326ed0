"""PostgreSQL, over asyncpg."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import create_async_engine

from deepguard.errors import StoreError
from deepguard.store.work import Result, Work

POOL = 5
"""Connections that are kept open; as many more are opened when there is much to do."""
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
POOL_SECONDS = 10.0
"""How long a transaction waits for a connection."""
TRIES = 5
"""How often a transaction is begun that the server breaks off for another one's sake."""
_TAKES_TURNS = frozenset({"40001", "40P01"})
"""Transactions that wait for each other: the server broke off this one, and all of it is undone."""


class PostgresqlDatabase:
    """A database on a server, which several hosts may share."""

    def __init__(self, url: sa.URL) -> None:
        """Name the database; nothing is connected yet.

        Args:
            url: From ``parse_url``.

        Raises:
            StoreError: The driver is missing.
        """
        try:
            self._engine = create_async_engine(
                url,
                pool_size=POOL,
                max_overflow=POOL,
                pool_timeout=POOL_SECONDS,
                pool_pre_ping=True,
                hide_parameters=True,
                # A server that is cut off answers nothing, not even a refusal.
                connect_args={"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS},
            )
        except ModuleNotFoundError:
            raise StoreError(
                "PostgreSQL needs one more package: run `pip install 'pipecat-deepguard[postgres]'`"
            ) from None

    async def run(self, work: Work[Result], *, writes: bool) -> Result:
        """Do work in one transaction.

        Args:
            work: Given the connection.
            writes: Whether it writes; all the same here.
        """
        tries_left = TRIES
        while True:
            tries_left -= 1
            try:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(work)
            except exc.DBAPIError as error:
                if not tries_left or getattr(error.orig, "sqlstate", None) not in _TAKES_TURNS:
                    raise

    async def close(self) -> None:
        """Disconnect. Safe twice."""
        await self._engine.dispose()


__all__ = ["PostgresqlDatabase"]
