"""Hosts on a database, and what they log."""

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
async def hosts(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Makes hosts on one SQLite file: for what has nothing to do with the database."""
    fleet = Fleet(f"sqlite:///{tmp_path / 'deepguard.db'}")
    yield fleet
    await fleet.end()


@pytest.fixture
async def fleet(store_url: str) -> AsyncIterator[Fleet]:
    """Makes hosts on one database, of each kind."""
    made = Fleet(store_url)
    yield made
    await made.end()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What was logged, with everything that a careless reader of logs might see."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}\n{exception}", diagnose=True)
    yield lines
    logger.remove(sink)
