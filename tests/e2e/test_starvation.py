"""The store goes away in the middle of alerts and comes back: nothing is lost, and people are told meanwhile."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.crash.children import Process
from bench.crash.findings import Findings
from bench.crash.starvation import starve
from support.postgres import PostgresServer

SEED = 30


def _check(findings: Findings, log: Path, words: str) -> None:
    logged = log.read_text()
    assert findings.problems == [], logged
    assert words in logged
    assert "The store can be written to again" in logged


@pytest.mark.slow
@pytest.mark.parametrize("room", ["for no journal", "for a journal"])
async def test_the_disk_is_full_for_a_while(room: str, tmp_path: Path) -> None:
    database, log = tmp_path / "deepguard.db", tmp_path / "child.log"

    async def fill(child: Process) -> None:
        # The journal fails before anything is changed; or the database does in the middle of a change.
        most = 16 * 1024 if room == "for no journal" else database.stat().st_size
        _limit_files(child, most)

    async def free(child: Process) -> None:
        _limit_files(child, resource.RLIM_INFINITY)

    _check(await starve(f"sqlite:///{database}", SEED, log, take_away=fill, give_back=free), log, "disk")


def _limit_files(child: Process, most: int) -> None:
    """Let no file of a process grow beyond so many bytes; what it is told then is not quite what a full disk says."""
    _, hard = resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (most, hard))


@pytest.fixture
def server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server, which runs again afterwards whatever the test did."""
    yield postgres_server
    postgres_server.stop()
    postgres_server.start()


@pytest.mark.slow
async def test_postgresql_stops_for_a_while(server: PostgresServer, tmp_path: Path) -> None:
    log = tmp_path / "child.log"

    async def stop(_child: Process) -> None:
        await asyncio.to_thread(server.stop)

    async def start(_child: Process) -> None:
        await asyncio.to_thread(server.start)

    with server.database() as url:
        _check(await starve(url, SEED, log, take_away=stop, give_back=start), log, "does not answer")
