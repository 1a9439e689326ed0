"""What the whole suite shares: databases to store in, which tests may skip, and that none does in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from support.memory import keep_files_in_memory

if TYPE_CHECKING:
    from support.postgres import PostgresServer

pytest_plugins = ["support.starved"]

BROWSER_PROGRAMS = ("chromium", "ffmpeg", "espeak-ng")


def pytest_configure() -> None:
    """Keep files in memory before anything is put anywhere; the workers of a parallel run inherit it."""
    keep_files_in_memory()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are processors: tests wait for peers and timers for a good part of their time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what drives a browser where the programs for it are missing."""
    if item.get_closest_marker("browser"):
        missing = [program for program in BROWSER_PROGRAMS if shutil.which(program) is None]
        if missing:
            pytest.skip(f"needs {', '.join(missing)} (Debian, Ubuntu: apt install {' '.join(missing)})")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that needs it."""
    from support.postgres import programs, running_postgres

    if (found := programs()) is None:
        pytest.skip("needs a PostgreSQL server (Debian, Ubuntu: apt install postgresql)")
    with running_postgres(found) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The ``store.url`` of a fresh PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The ``store.url`` of a database in which there is nothing yet: one test each on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deepguard.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with deepguard's tables and nothing in them, to be copied."""
    from support.tables import make_tables

    path = tmp_path_factory.mktemp("tables") / "deepguard.db"
    make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_server: PostgresServer) -> Iterator[str]:
    """The ``store.url`` of a PostgreSQL database with deepguard's tables, which one test after another uses."""
    from support.tables import make_tables

    with postgres_server.database() as url:
        make_tables(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def tables_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """As ``store_url``, with the tables in place: much quicker, for tests that are not about how they are made."""
    if request.param == "sqlite":
        path = tmp_path / "deepguard.db"
        shutil.copy(request.getfixturevalue("sqlite_with_tables"), path)
        yield f"sqlite:///{path}"
        return
    from support.tables import empty_tables

    url = request.getfixturevalue("postgres_with_tables")
    yield url
    empty_tables(url)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What was logged as a warning or worse."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)


def _not_really_run(config: pytest.Config) -> list[str]:
    """In CI: the tests that were skipped or expected to fail; elsewhere nothing."""
    if os.environ.get("CI") != "true":
        return []
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return []  # a worker of a parallel run, which itself counts what they all did
    return [report.nodeid for outcome in ("skipped", "xfailed") for report in reporter.stats.get(outcome, [])]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run in which a test did not really run."""
    if session.exitstatus == pytest.ExitCode.OK and _not_really_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why such a run failed."""
    if names := _not_really_run(config):
        terminalreporter.section("CI: these tests must run, and did not", red=True)
        for name in names:
            terminalreporter.line(name)
