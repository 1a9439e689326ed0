"""Brings the database's tables to what this program knows; refuses a database that a newer one has changed."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from deepguard.errors import StoreError
from deepguard.store.work import Database

REVISIONS = ("0001", "0002")
"""Every migration of this program, oldest first."""

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6465657067756172  # "deepguar": any number that no other program takes


async def migrate(database: Database, name: str) -> None:
    """Run the migrations that are missing, one process at a time.

    Args:
        database: The database.
        name: What the database is called in errors.

    Raises:
        StoreError: A newer program has changed the tables.
        sqlalchemy.exc.SQLAlchemyError: The database cannot be used.
    """

    def revision(connection: sa.Connection) -> str | None:
        return _revision(connection, name)

    def upgrade(connection: sa.Connection) -> None:
        # SQLite's transaction has locked the whole file.
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        # Another process may have been quicker while this one waited for the lock.
        if _revision(connection, name) != REVISIONS[-1]:
            _upgrade(connection)

    if await database.run(revision, writes=False) != REVISIONS[-1]:
        await database.run(upgrade, writes=True)


def _revision(connection: sa.Connection, name: str) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found not in REVISIONS:
        raise StoreError(
            f"{name}: a newer deepguard has changed this database (its tables are at {found}, this program knows "
            f"{REVISIONS[-1]}); install that version, or set store.url to another database"
        )
    return found


def _upgrade(connection: sa.Connection) -> None:
    # Only here: most starts find everything in place, and need not wait for the import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


__all__ = ["MIGRATIONS", "REVISIONS", "migrate"]
