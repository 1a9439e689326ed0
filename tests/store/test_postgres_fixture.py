"""The databases that tests store in are real, fresh and theirs alone, and the server never outlives the tests."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from support.postgres import PREFIX, PostgresServer, programs, remove_what_killed_runs_left, running_postgres

TESTS = Path(__file__).parents[1]


def tables_before(connection: sa.Connection) -> list[str]:
    """The tables that are there before this adds one."""
    before = sa.inspect(connection).get_table_names()
    connection.execute(sa.text("CREATE TABLE remains (id INTEGER)"))
    return before


async def tables_of(url: str) -> list[str]:
    if url.startswith("sqlite:"):
        engine = sa.create_engine(url)
        try:
            with engine.begin() as connection:
                return tables_before(connection)
        finally:
            engine.dispose()
    server = create_async_engine(url)
    try:
        async with server.begin() as connection:
            return await connection.run_sync(tables_before)
    finally:
        await server.dispose()


@pytest.mark.parametrize("time", ["first", "second"])
async def test_each_test_has_a_database_of_its_own(store_url: str, time: str) -> None:
    assert await tables_of(store_url) == []


def test_a_url_is_as_an_operator_writes_it(store_url: str) -> None:
    url = sa.make_url(store_url)
    if url.get_backend_name() == "sqlite":
        assert url.database
        sqlite3.connect(url.database).close()
    else:
        assert url.drivername == "postgresql+asyncpg"


async def test_commits_wait_for_the_disk(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(host=str(postgres_server.folder), user="postgres", database="postgres")
    try:
        settings = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
        assert settings == ["on", "on"]
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()


def test_a_database_that_is_still_in_use_does_not_keep_its_test_from_ending(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        name, where = sa.make_url(url).database, str(postgres_server.folder)
        leaked = subprocess.Popen(
            ["psql", "--no-psqlrc", f"--host={where}", "--username=postgres", f"--dbname={name}", "--echo-all"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert leaked.stdin is not None
        assert leaked.stdout is not None
        leaked.stdin.write("SELECT 1;\n")
        leaked.stdin.flush()
        assert leaked.stdout.readline()
    leaked.communicate("SELECT 1;\n", timeout=30)
    assert leaked.returncode


@pytest.fixture
def binaries(postgres_server: PostgresServer) -> Path:
    found = programs()
    assert found is not None
    return found


def test_what_was_committed_is_there_after_a_crash(binaries: Path) -> None:
    with running_postgres(binaries, durable=False) as server:
        server.execute("CREATE TABLE kept (id INTEGER)")
        server.stop()
        server.start()
        server.execute("INSERT INTO kept VALUES (1)")
        folder = server.folder
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(binaries: Path) -> None:
    server = PostgresServer(binaries)
    try:
        (server.folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
        with pytest.raises(RuntimeError, match="no_such_setting"):
            server.start()
    finally:
        server.remove()


HOLDER = """
import sys
from support.postgres import programs, running_postgres
with running_postgres(programs(), durable=False) as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.usefixtures("binaries")
def test_a_killed_test_run_leaves_no_server() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert run.stdout is not None
    folder = Path(run.stdout.readline().strip())
    assert folder.name.startswith(f"{PREFIX}{run.pid}-")
    server = os.pidfd_open(int((folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
    try:
        run.send_signal(signal.SIGKILL)
        run.communicate()
        assert select.select([server], [], [], 30)[0], "the server outlives who started it"
    finally:
        os.close(server)
    remove_what_killed_runs_left()
    assert not folder.exists()
