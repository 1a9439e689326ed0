"""Configurations beside the calls that they guarded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepguard.config.snapshot import Snapshot
from deepguard.runtime import Runtime
from deepguard.store import configurations
from deepguard.store.store import Store
from deepguard.store.tables import calls
from deepguard.store.tables import configurations as table

KEPT = Snapshot("f00d", "deepguard.yaml", {"policy": {"thresholds": {"alert_after": 2}}}, {"policy": (3, 1)})


@pytest.fixture
async def store(tables_url: str) -> AsyncIterator[Store]:
    made = Store(tables_url)
    await made.open()
    yield made
    await made.close()


async def test_a_configuration_is_kept_once_and_its_lines_are_the_latest(store: Store) -> None:
    assert await store.read(lambda db: configurations.find(db, "f00d")) is None
    await store.write(lambda db: configurations.keep(db, KEPT))
    since = await store.read(lambda db: db.execute(sa.select(table.c.created_at)).scalar_one())
    moved = replace(KEPT, file="/etc/deepguard.yaml", places={"policy": (4, 1)})
    await store.write(lambda db: configurations.keep(db, moved))
    assert await store.read(lambda db: configurations.find(db, "f00d")) == moved
    assert await store.read(lambda db: db.execute(sa.select(table.c.created_at)).scalar_one()) == since


@pytest.mark.parametrize("broken", ["", "[]", "{", "null", '{"policy": "here"}', '{"policy": [1]}'])
async def test_what_this_version_cannot_read_is_as_if_it_were_not_there(store: Store, broken: str) -> None:
    await store.write(lambda db: configurations.keep(db, KEPT))
    await store.write(lambda db: db.execute(sa.update(table).values(places=broken)) and None)
    found = await store.read(lambda db: configurations.find(db, "f00d"))
    assert found is None or found.places == {}
    await store.write(lambda db: db.execute(sa.update(table).values(body=broken)) and None)
    found = await store.read(lambda db: configurations.find(db, "f00d"))
    assert found is None or not found.places


async def test_a_call_is_stored_with_the_hash_of_what_it_was_guarded_with(
    tmp_path: Path, tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deepguard.yaml").write_text(
        f"detector: {{type: embedded}}\nnotifiers: []\nstore: {{url: '{tables_url}'}}\n"
        "policy:\n  thresholds:\n    alert_after: 3\n"
    )
    runtime = Runtime.load(Path("deepguard.yaml"), {})
    for _ in range(2):  # the second start finds it there
        await runtime.start()
        # While nobody called, it was deleted as one that no call names.
        await runtime.store.write(lambda db: db.execute(sa.delete(table)) and None)
        guard = runtime.new_guard()
        await guard.start()
        await guard.stop()
        runtime.forget(guard.call.id)
        await runtime.dispatcher.journal.flushed()
        hashes = await runtime.store.read(lambda db: set(db.execute(sa.select(calls.c.config_hash)).scalars()))
        (config_hash,) = hashes
        kept = await runtime.store.read(lambda db, one=config_hash: configurations.find(db, one))
        await runtime.close()
        assert config_hash == runtime.snapshot.hash
        assert kept is not None
        assert kept.file == "deepguard.yaml"
        assert kept.places["policy.thresholds.alert_after"] == (6, 18)
        runtime = Runtime.load(Path("deepguard.yaml"), {})
