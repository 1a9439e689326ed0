"""The store fails in every way that databases do: said at once, kept in memory, delivered once when it is over."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from deepguard.errors import StoreError
from deepguard.notify import journal
from deepguard.store import deliveries
from deepguard.store.store import Store
from deepguard.testing import RecordingNotifier, make_notification, make_verdict
from support.hosts import Fleet, Host, route, until
from support.postgres import PostgresServer, programs, running_postgres


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts wait for the store, which is asked often, and locks are not waited for."""
    monkeypatch.setattr(journal, "STRANDED_SECONDS", 3600.0)
    monkeypatch.setattr(journal, "LONGEST_PAUSE", 0.25)
    monkeypatch.setattr("deepguard.notify.lane.STORE_SECONDS", 0.1)
    monkeypatch.setattr("deepguard.store.sqlite.LOCK_SECONDS", 0.05)


@contextlib.contextmanager
def nobody_special(folder: Path) -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.iterdir()):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class Trouble:
    """A host with a file of its own, before, while and after something is wrong with the file.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, fleet: Fleet) -> None:
        self.path = path
        self.fleet = fleet

    async def passes(self, begin: Callable[[], object], end: Callable[[], object], said: str) -> None:
        """An alert before the trouble, one during it, one after it: all of them told, once each, in order."""
        notifier = RecordingNotifier()
        host = await self.fleet(route("a", notifier))
        sent = [make_notification() for _ in range(3)]
        host.record(sent[0])
        await host.ended(1)
        begin()
        try:
            host.record(sent[1], verdict=make_verdict())
            await until(lambda: host.dispatcher.journal.down)
            down = host.dispatcher.journal.down
            assert said in down
            assert str(self.path) in down
            assert host.dispatcher.journal.waiting == 1
            assert len(notifier.notifications) == 1
        finally:
            end()
        await notifier.wait_for(2, 15.0)
        host.record(sent[2])
        assert [told.id for told in await notifier.wait_for(3)] == [told.id for told in sent]
        await host.ended(3, status="delivered")
        assert await host.stands() == ["delivered"] * 3
        assert host.dispatcher.journal.down == ""
        assert host.dispatcher.journal.lost == 0


@pytest.fixture
async def trouble() -> AsyncIterator[Trouble]:
    """In a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="deepguard-trouble-"))
    folder.chmod(0o755)
    fleet = Fleet(f"sqlite:///{folder / 'deepguard.db'}")
    yield Trouble(folder / "deepguard.db", fleet)
    await fleet.end()
    shutil.rmtree(folder)


async def test_a_file_that_another_program_locks(trouble: Trouble) -> None:
    other = sqlite3.connect(trouble.path, isolation_level=None, check_same_thread=False)
    with contextlib.closing(other):
        await trouble.passes(
            lambda: other.execute("BEGIN EXCLUSIVE"),
            lambda: other.execute("ROLLBACK"),
            "keeps the database file locked",
        )


async def test_a_file_that_is_moved_away_and_put_back(trouble: Trouble) -> None:
    away = trouble.path.with_name("away.db")
    await trouble.passes(
        lambda: trouble.path.rename(away), lambda: away.rename(trouble.path), "the file is gone; put it back"
    )


async def test_a_folder_in_which_nothing_may_be_written(trouble: Trouble) -> None:
    folder = trouble.path.parent
    with contextlib.ExitStack() as stack:

        def begin() -> None:
            folder.chmod(0o555)
            stack.enter_context(nobody_special(folder))

        def end() -> None:
            stack.close()
            folder.chmod(0o755)

        await trouble.passes(begin, end, "the database file cannot be written")


async def test_a_damaged_page_and_the_backup_put_back(trouble: Trouble) -> None:
    backup: list[bytes] = []

    def begin() -> None:
        whole = trouble.path.read_bytes()
        backup.append(whole)
        damaged = bytearray(b"\xa5" * len(whole))
        damaged[:100] = whole[:100]
        _another_change(damaged)
        _overwrite(trouble.path, bytes(damaged))

    def end() -> None:
        mended = bytearray(backup[0])
        _another_change(mended, 2)
        _overwrite(trouble.path, bytes(mended))

    await trouble.passes(begin, end, "the database file is damaged")


def _another_change(content: bytearray, times: int = 1) -> None:
    """Count a change, as every writer does, so that others do not trust what they remember of the file."""
    for place in (24, 92):
        content[place : place + 4] = (int.from_bytes(content[place : place + 4], "big") + times).to_bytes(4, "big")


def _overwrite(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of a megabyte at ``folder``; yields whether one may be had here."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_full(trouble: Trouble) -> None:
    filler = trouble.path.with_name("filler")

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 512):
                pass

    with small_disk(trouble.path.parent) as small:
        if small:
            await trouble.passes(fill, filler.unlink, "the disk is full")
        else:
            await _a_file_that_may_not_grow(trouble)
        await trouble.fleet.end()


async def test_a_file_that_may_not_grow(trouble: Trouble) -> None:
    await _a_file_that_may_not_grow(trouble)


async def _a_file_that_may_not_grow(trouble: Trouble) -> None:
    host = await trouble.fleet(route("a", notifier := RecordingNotifier()))
    await host.store.write(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1").fetchall())
    sent = [make_notification(detail="x" * 2000) for _ in range(20)]
    host.record(*sent)
    await until(lambda: host.dispatcher.journal.down)
    assert "the disk is full: free some space" in host.dispatcher.journal.down
    await host.store.write(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1000000").fetchall())
    assert {told.id for told in await notifier.wait_for(20, 15.0)} == {told.id for told in sent}
    await host.ended(20, status="delivered")


# -- at the start ------------------------------------------------------------------------------------------------


async def refused(url: str) -> str:
    """What is said of a store that cannot be opened."""
    host = Host(url, route("a", RecordingNotifier()))
    with pytest.raises(StoreError) as caught:
        await host.dispatcher.start()
    await host.dispatcher.close()
    return str(caught.value)


async def test_a_file_that_is_something_else(trouble: Trouble) -> None:
    trouble.path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    assert "is not an SQLite database: move it away" in await refused(trouble.fleet.url)
    assert trouble.path.read_bytes().startswith(b"not a database")


async def test_a_file_that_was_damaged_before(trouble: Trouble) -> None:
    host = await trouble.fleet()
    await host.dispatcher.close()
    content = bytearray(trouble.path.read_bytes())
    content[100:] = b"\xa5" * (len(content) - 100)
    trouble.path.write_bytes(content)
    assert "the database file is damaged" in await refused(trouble.fleet.url)


async def test_a_file_that_may_only_be_read(trouble: Trouble) -> None:
    host = await trouble.fleet()
    await host.dispatcher.close()
    trouble.path.chmod(0o444)
    with nobody_special(trouble.path.parent):
        assert "the database file cannot be written" in await refused(trouble.fleet.url)


async def test_a_folder_in_which_no_file_can_be_made(trouble: Trouble) -> None:
    trouble.path.parent.chmod(0o555)
    with nobody_special(trouble.path.parent):
        said = await refused(trouble.fleet.url)
    assert "the file cannot be created (Permission denied)" in said
    assert not trouble.path.exists()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "see that its folder exists" in await refused(f"sqlite:///{tmp_path / 'no' / 'deepguard.db'}")


async def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    assert "cannot be opened" in await refused(f"sqlite:///{tmp_path}")


# -- PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.fixture
def own_server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    found = programs()
    assert found is not None
    with running_postgres(found, durable=False) as server:
        yield server


@pytest.mark.slow
async def test_a_server_that_goes_away_and_comes_back(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    monkeypatch.setattr("deepguard.store.postgresql.STATEMENT_SECONDS", 0.5)
    with own_server.database() as url:
        fleet = Fleet(url)
        host = await fleet(route("a", notifier := RecordingNotifier()))
        sent = [make_notification() for _ in range(4)]
        host.record(sent[0])
        await host.ended(1)

        own_server.stop()
        host.record(sent[1], verdict=make_verdict())
        await until(lambda: host.dispatcher.journal.down)
        assert "the database does not answer; see that it runs" in host.dispatcher.journal.down
        own_server.start()
        await notifier.wait_for(2, 15.0)

        # One that is cut off, or stuck, says nothing at all.
        server = int((own_server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        await until(lambda: not host.dispatcher.journal.down)
        stopped = [server, *_children(server)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            host.record(sent[2], verdict=make_verdict())
            await until(lambda: host.dispatcher.journal.down)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await notifier.wait_for(3, 15.0)
        host.record(sent[3])
        await notifier.wait_for(4, 15.0)
        await host.ended(4, status="delivered")
        assert await host.stands() == ["delivered"] * 4
        assert host.dispatcher.journal.lost == 0
        await fleet.end()
    assert "Traceback" not in "".join(logged)


@pytest.mark.parametrize("before", ["another statement", "the commit"])
async def test_a_connection_that_the_server_ends_between_two_statements(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    owner, name = {"another statement": (journal, "write_history"), "the commit": (deliveries, "add")}[before]
    write = getattr(owner, name)
    ended: list[int] = []

    async def end(db: sa.Connection, process: int) -> None:
        other = Store(postgres_url)
        await other.open()
        await other.write(lambda db: db.execute(sa.select(sa.func.pg_terminate_backend(process))) and None)
        await other.close()
        driver: Any = db.connection.driver_connection
        await until(driver.is_closed)

    def once_too_late(db: sa.Connection, *given: Any) -> None:
        write(db, *given)
        if not ended:
            ended.append(process := db.execute(sa.select(sa.func.pg_backend_pid())).scalar_one())
            await_only(end(db, process))

    monkeypatch.setattr(owner, name, once_too_late)
    fleet = Fleet(postgres_url)
    try:
        host = await fleet(route("a", notifier := RecordingNotifier()))
        host.record(alert := make_notification(), verdict=make_verdict())
        assert [told.id for told in await notifier.wait_for(1, 15.0)] == [alert.id]
        await host.ended(1, status="delivered")
        assert ended
        assert host.dispatcher.journal.lost == 0
    finally:
        await fleet.end()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_what_cannot_be_reached_is_said_without_the_password(postgres_url: str) -> None:
    secret = "hunter2-very-secret"
    where = sa.make_url(postgres_url).query["host"]
    wrong = {
        f"postgresql://nobody:{secret}@/postgres?host={where}": "user or password is refused",
        f"postgresql://postgres:{secret}@/nowhere?host={where}": "create it with `createdb nowhere`",
        f"postgresql://postgres:{secret}@127.0.0.1:1/x": "the database does not answer",
        f"postgresql+asyncpg://postgres:{secret}@/x?host={where}/nowhere": "the database does not answer",
    }
    for url, advice in wrong.items():
        said = await refused(url)
        assert advice in said
        assert secret not in said


async def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    assert "pip install 'pipecat-deepguard[postgres]'" in await refused("postgresql://u:secret@localhost/x")


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/x", "secret", "sqlite+nothing:///x", "postgresql+psycopg2://h/x", ""]
)
def test_a_url_that_is_none_of_ours(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert "write sqlite:///deepguard.db or postgresql://" in str(caught.value)
    assert "secret" not in str(caught.value)
