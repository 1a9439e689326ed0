"""The tables are what the program thinks they are, on both databases, however they came to be."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from deepguard.errors import StoreError
from deepguard.store.schema import MIGRATIONS, REVISIONS
from deepguard.store.store import Store
from deepguard.store.tables import metadata


def tables(db: sa.Connection) -> set[str]:
    return set(sa.inspect(db).get_table_names())


def differences(db: sa.Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata)


async def test_the_migrations_make_exactly_the_tables_that_the_program_uses(store_url: str) -> None:
    store = Store(store_url)
    await store.open()
    try:
        assert await store.read(tables) == {*metadata.tables, "alembic_version"}
        assert await store.read(differences) == []
    finally:
        await store.close()


async def test_a_difference_would_be_seen(store_url: str) -> None:
    store = Store(store_url)
    await store.open()
    try:
        await store.write(lambda db: db.execute(sa.text("ALTER TABLE calls ADD COLUMN surplus INTEGER")) and None)
        await store.write(lambda db: db.execute(sa.text("DROP INDEX ix_deliveries_digest_id")) and None)
        assert len(await store.read(differences)) == 2
    finally:
        await store.close()


def test_every_migration_is_known_in_its_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert len(scripts.get_heads()) == 1


async def test_what_is_there_stays_at_the_next_start(store_url: str) -> None:
    for count in range(3):
        store = Store(store_url)
        await store.open()
        await store.open()
        await store.write(
            lambda db, count=count: (
                db.execute(sa.insert(metadata.tables["secrets"]).values(name=str(count), value=b"\x00\xff")) and None
            )
        )
        found = await store.read(lambda db: list(db.execute(sa.select(metadata.tables["secrets"].c.name)).scalars()))
        assert len(found) == count + 1
        await store.close()
        await store.close()


async def test_processes_that_start_at_the_same_time_make_the_tables_once(store_url: str) -> None:
    stores = [Store(store_url) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    try:
        for store in stores:
            assert await store.read(tables) == {*metadata.tables, "alembic_version"}
        version = sa.text("SELECT version_num FROM alembic_version")
        assert await stores[0].read(lambda db: list(db.execute(version).scalars())) == [REVISIONS[-1]]
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_an_older_program_refuses_what_a_newer_one_has_changed(store_url: str) -> None:
    newer = Store(store_url)
    await newer.open()
    await newer.write(lambda db: db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")) and None)
    older = Store(store_url)
    with pytest.raises(StoreError) as caught:
        await older.open()
    said = str(caught.value)
    assert "a newer deepguard has changed this database" in said
    assert f"its tables are at 9999, this program knows {REVISIONS[-1]}" in said
    assert "install that version" in said
    await older.close()
    # Whoever is running goes on.
    assert await newer.read(tables)
    await newer.close()


async def test_a_migration_that_fails_half_way_leaves_nothing(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    first = next((MIGRATIONS / "versions").glob("0001*.py")).read_text()
    place = first.index("    op.create_table(", first.index('"destinations"'))
    (broken / "versions" / "0001_half.py").write_text(
        first[:place] + '    op.execute("INSERT INTO nowhere VALUES (1)")\n' + first[place:]
    )
    store = Store(store_url)
    with monkeypatch.context() as patched:
        patched.setattr("deepguard.store.schema.MIGRATIONS", broken)
        with pytest.raises(StoreError, match="nowhere"):
            await store.open()
        with pytest.raises(StoreError, match="is not open"):
            await store.read(tables)
    # The next program finds a database in which nothing has happened.
    await store.open()
    try:
        assert await store.read(differences) == []
    finally:
        await store.close()
