"""One transaction at a time: whole or not at all, whoever stops waiting for it."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepguard.errors import StoreError
from deepguard.store.clock import now
from deepguard.store.sqlite import SAFE_WAL
from deepguard.store.store import Store
from deepguard.store.tables import secrets

NAMES = sa.select(secrets.c.name).order_by(secrets.c.name)


@pytest.fixture
async def store(tables_url: str) -> AsyncIterator[Store]:
    made = Store(tables_url)
    await made.open()
    yield made
    await made.close()


def put(name: str, db: sa.Connection) -> None:
    db.execute(sa.insert(secrets).values(name=name, value=b""))


async def names(store: Store) -> list[str]:
    return await store.read(lambda db: list(db.execute(NAMES).scalars()))


async def test_what_work_raises_undoes_all_of_it(store: Store) -> None:
    def fails(db: sa.Connection) -> None:
        put("a", db)
        raise LookupError("in the middle")

    with pytest.raises(LookupError, match="in the middle"):
        await store.write(fails)
    assert await names(store) == []
    await store.write(lambda db: put("b", db))
    assert await names(store) == ["b"]


async def test_a_statement_that_fails_undoes_all_of_it_and_shows_no_values(store: Store) -> None:
    def twice(db: sa.Connection) -> None:
        put("whose name is secret", db)
        db.execute(sa.insert(secrets), [{"name": "x", "value": b"very secret"}] * 2)

    with pytest.raises(StoreError) as caught:
        await store.write(twice)
    assert await names(store) == []
    shown = "".join(map(str, (caught.value, caught.value.__cause__)))
    assert "very secret" not in shown
    assert "whose name" not in shown


async def test_who_stops_waiting_stops_no_transaction(store: Store) -> None:
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def slow(db: sa.Connection) -> None:
        put("a", db)
        loop.call_soon_threadsafe(begun.set)
        put("b", db)

    waiting = asyncio.create_task(store.write(slow))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.close()
    await store.open()
    assert await names(store) == ["a", "b"]


async def test_nobody_is_warned_of_a_failure_that_nobody_waits_for(store: Store) -> None:
    def fails(db: sa.Connection) -> None:
        db.execute(sa.text("SELECT * FROM nowhere"))

    waiting = asyncio.create_task(store.write(fails))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await store.close()


async def test_many_writers_at_once_all_succeed(store: Store, tables_url: str) -> None:
    other = Store(tables_url)
    await other.open()
    try:
        work = [each.write(lambda db, n=n: put(f"{n:02}", db)) for n, each in enumerate([store, other] * 10)]
        await asyncio.gather(*work)
        assert await names(other) == [f"{n:02}" for n in range(20)]
    finally:
        await other.close()


async def test_the_clock_is_the_databases_and_goes_on_within_a_transaction(store: Store) -> None:
    def twice(db: sa.Connection) -> tuple[float, float]:
        first = db.execute(sa.select(now())).scalar_one()
        while (second := db.execute(sa.select(now())).scalar_one()) == first:
            pass
        return first, second

    first, second = await store.read(twice)
    assert 0 < second - first < 60
    assert first > 1_700_000_000
    assert first % 1 or second % 1


async def test_what_is_not_open_says_so(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(StoreError, match=r"x\.db is not open"):
        await store.read(lambda db: None)
    await store.close()
    assert not (tmp_path / "x.db").exists()


# -- SQLite ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[tuple[Store, Path]]:
    path = tmp_path / "deepguard.db"
    made = Store(f"sqlite:///{path}")
    await made.open()
    yield made, path
    await made.close()


async def test_a_commit_waits_for_the_disk_and_two_writers_cannot_damage_the_file(file: tuple[Store, Path]) -> None:
    def pragmas(db: sa.Connection) -> dict[str, object]:
        wanted = ("journal_mode", "synchronous", "secure_delete", "busy_timeout")
        return {name: db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}

    found = await file[0].read(pragmas)
    mode = "wal" if sqlite3.sqlite_version_info >= SAFE_WAL else "delete"
    assert (found["journal_mode"], found["synchronous"], found["secure_delete"]) == (mode, 2, 1)


async def test_a_file_in_the_unsafe_mode_is_brought_back_or_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "deepguard.db"
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    other.close()
    store = Store(f"sqlite:///{path}")
    await store.open()
    try:
        found = await store.read(lambda db: db.exec_driver_sql("PRAGMA journal_mode").scalar())
        assert found == ("wal" if sqlite3.sqlite_version_info >= SAFE_WAL else "delete")
    finally:
        await store.close()


async def test_only_its_owner_may_read_the_file(file: tuple[Store, Path]) -> None:
    await file[0].write(lambda db: put("a", db))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file[1].parent.iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}


async def test_what_was_deleted_is_gone_from_the_file(file: tuple[Store, Path]) -> None:
    store, path = file
    name = "biometric-" + "x" * 100
    await store.write(lambda db: put(name, db))
    await store.write(lambda db: db.execute(sa.delete(secrets)) and None)
    await store.close()
    assert name.encode() not in path.read_bytes()


async def test_no_thread_is_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        store = Store(f"sqlite:///{tmp_path / 'deepguard.db'}")
        await store.open()
        await store.write(lambda db: None)
        await store.close()
    left = [thread.name for thread in set(threading.enumerate()) - before if "deepguard" in thread.name]
    assert left == []


async def test_a_store_in_memory_is_one_database() -> None:
    store = Store("sqlite://")
    await store.open()
    try:
        await store.write(lambda db: put("a", db))
        assert await names(store) == ["a"]
    finally:
        await store.close()


# -- PostgreSQL --------------------------------------------------------------------------------------------------


async def test_transactions_that_wait_for_each_other_both_happen(postgres_url: str) -> None:
    first, second = Store(postgres_url), Store(postgres_url)
    await first.open()
    await second.open()
    tries = 0
    for name in ("a", "b"):
        await first.write(lambda db, name=name: put(name, db))
    lock = sa.select(secrets.c.name).with_for_update()

    def taking(one: str, other: str, store_name: str) -> Callable[[sa.Connection], None]:
        def work(db: sa.Connection) -> None:
            nonlocal tries
            tries += 1
            db.execute(lock.where(secrets.c.name == one))
            # The server looks for a deadlock soon, so that nobody waits long for this test.
            db.execute(sa.text("SET LOCAL deadlock_timeout = '50ms'"))
            db.execute(sa.text("SELECT pg_sleep(0.1)"))
            db.execute(sa.update(secrets).where(secrets.c.name == other).values(value=store_name.encode()))

        return work

    try:
        await asyncio.gather(first.write(taking("a", "b", "first")), second.write(taking("b", "a", "second")))
        assert tries > 2
        found = await first.read(lambda db: dict(db.execute(sa.select(secrets.c.name, secrets.c.value)).all()))
        assert {name: bytes(value) for name, value in found.items()} == {"a": b"second", "b": b"first"}
    finally:
        await first.close()
        await second.close()


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_sslmode_is_understood_as_every_other_program_does(postgres_url: str, mode: str) -> None:
    store = Store(f"{postgres_url}&sslmode={mode}")
    await store.open()
    await store.close()


async def test_a_parameter_that_the_driver_does_not_know_is_named_as_that(postgres_url: str) -> None:
    store = Store(f"{postgres_url}&colour=blue")
    with pytest.raises(StoreError, match=r"store\.url has a parameter that the database does not know"):
        await store.open()
