"""Hosts on a database, and what they log."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from loguru import logger

from support.hosts import Fleet


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the store often, so that no test waits for it."""
    monkeypatch.setattr("deepguard.notify.keeper.TICK_SECONDS", 0.05)


@pytest.fixture
async def hosts(sqlite_with_tables: Path, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Makes hosts on one SQLite file: for what has nothing to do with the database."""
    fleet = Fleet(f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path / 'deepguard.db')}")
    yield fleet
    await fleet.end()


@pytest.fixture
async def fleet(tables_url: str) -> AsyncIterator[Fleet]:
    """Makes hosts on one database, of each kind."""
    made = Fleet(tables_url)
    yield made
    await made.end()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What was logged, with everything that a careless reader of logs might see."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}\n{exception}", diagnose=True)
    yield lines
    logger.remove(sink)
