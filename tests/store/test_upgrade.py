"""A store of an earlier version is brought up to date, and what it holds is read like everything else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from deepguard.model import Level, LevelChanged, Source
from deepguard.store import recordings
from deepguard.store.schema import MIGRATIONS
from deepguard.store.store import Store

HELD = (
    "INSERT INTO calls (id, process_id, started_at, ended_at, reason, metadata, detector, simulated)"
    " VALUES ('old', 'p', 1790000000, 1790000060, 'ended', '{}', 'd', false)",
    "INSERT INTO transitions (call_id, at, participant_id, source, what, before, after, cause)"
    " VALUES ('old', 1790000001, 'Ada', 'camera', 'level', 'clear', 'alert', 'an alert verdict on the camera')",
)


def first_tables(connection: sa.Connection) -> None:
    """The tables of the first version, with a call in them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    for statement in HELD:
        connection.execute(sa.text(statement))


async def test_a_call_of_the_first_version_is_a_recording_of_this_one(store_url: str) -> None:
    database = Store(store_url)._connect()
    await database.run(first_tables, writes=True)
    await database.close()
    store = Store(store_url)
    await store.open()
    try:
        (found,) = await store.read(lambda db: recordings.read(db, ["old"]))
    finally:
        await store.close()
    assert (found.call.id, found.reason, found.config_hash, found.policy.origin) == ("old", "ended", "", "")
    assert found.levels == (
        LevelChanged(
            "old", "Ada", Source.CAMERA, Level.CLEAR, Level.ALERT, 1790000001.0, "an alert verdict on the camera"
        ),
    )
    assert found.unreadable == 0
