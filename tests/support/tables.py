"""Databases in which deepguard's tables are made once, and emptied from test to test."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from deepguard.store.store import Store
from deepguard.store.tables import metadata


def make_tables(url: str) -> None:
    """Make the tables."""
    _run(_in_store(url, lambda _db: None))


def empty_tables(url: str) -> None:
    """Leave nothing in the tables."""

    def empty(db: sa.Connection) -> None:
        # Not TRUNCATE, which makes a new file for each table and each index and waits for the disk.
        for table in metadata.tables.values():
            db.execute(sa.delete(table))

    _run(_in_store(url, empty))


async def _in_store(url: str, work: Any) -> None:
    store = Store(url)
    await store.open()
    try:
        await store.write(work)
    finally:
        await store.close()


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    # In a thread of its own: the one that runs tests has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()


__all__ = ["empty_tables", "make_tables"]
