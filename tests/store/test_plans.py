"""What is done again and again takes no longer as history grows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from deepguard.notify.outbox import KINDS
from deepguard.store import deliveries, destinations, incidents, letters, lookup, recordings, summaries, upkeep
from deepguard.store.tables import metadata

GROWING = {
    "calls",
    "verdicts",
    "samples",
    "transitions",
    "shadows",
    "shadow_transitions",
    "labels",
    "incidents",
    "notifications",
    "deliveries",
}
"""Tables that hold history. The others hold a row for each destination, process, silence, configuration or open
incident."""

AGAIN_AND_AGAIN: list[Callable[[sa.Connection], Any]] = [
    upkeep.backlogs,
    upkeep.next_upkeep,
    upkeep.take_back_leases,
    upkeep.give_up,
    upkeep.abandoned_calls,
    upkeep.forget_pictures,
    lambda db: upkeep.purge(db, 86400.0),
    lambda db: upkeep.purge(db, 86400.0, 10**9),
    lambda db: upkeep._forget_calls(db, ["c"]),
    lambda db: incidents.end_call(db, "c", "lost"),
    lambda db: recordings.read(db, ["c"]),
    lambda db: recordings.call_ids(db, since=1.0, until=2.0, newest_first=True, limit=20),
    lambda db: summaries.summaries(db, ["c"], 1.0),
    lambda db: lookup.call_ids(db, "0123"),
    lambda db: destinations.lock(db, "a", 5),
    lambda db: deliveries.next_due(db, "a", KINDS),
    lambda db: deliveries.next_unsure(db, "a", KINDS, 5),
    lambda db: deliveries.lock_for_digest(db, "a", KINDS, 100),
    lambda db: deliveries.thread_of(db, "i", "a"),
    lambda db: deliveries.make_due(db, "a"),
    lambda db: incidents.acknowledged(db, ["i"]),
    lambda db: incidents.picture_of(db, "i"),
]


@pytest.fixture
def db(sqlite_with_tables: Path) -> Iterator[sa.Connection]:
    """A database with tables and nothing in them: SQLite then plans as if each of them were large."""
    engine = sa.create_engine(f"sqlite:///{sqlite_with_tables}")
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def plans(db: sa.Connection, work: Callable[[sa.Connection], Any]) -> list[str]:
    """Each step that SQLite takes for the statements of ``work``."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        said.append((statement, parameters))

    event.listen(db, "before_cursor_execute", note)
    work(db)
    event.remove(db, "before_cursor_execute", note)
    asked = [one for one in said if one[0].startswith(("SELECT", "UPDATE", "DELETE"))]
    assert asked
    return [row[3] for one in asked for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {one[0]}", one[1])]


def test_what_grows_is_told_apart() -> None:
    assert set(metadata.tables) > GROWING


@pytest.mark.parametrize("work", AGAIN_AND_AGAIN)
def test_nothing_reads_through_all_of_history(db: sa.Connection, work: Callable[[sa.Connection], Any]) -> None:
    for step in plans(db, work):
        what, _, name = step.partition(" ")
        assert not (what == "SCAN" and name.split()[0] in {*GROWING, "d", "waits", "earlier", "newer"}), step


def test_what_is_dead_is_counted_without_a_look_at_each(db: sa.Connection) -> None:
    counting = plans(db, upkeep.backlogs)[0]
    assert "COVERING INDEX ix_deliveries_status_notifier_due_at" in counting


def test_a_list_of_the_newest_calls_is_read_in_its_order(db: sa.Connection) -> None:
    (step, *more) = plans(db, lambda db: recordings.call_ids(db, newest_first=True, limit=20))
    assert step.startswith("SCAN calls USING")
    assert "ix_calls_started_at" in step
    # Only those that began at the very same moment are sorted.
    assert all("OF ORDER BY" in one for one in more)


def test_the_size_of_all_calls_is_summed_from_an_index(db: sa.Connection) -> None:
    steps = plans(db, lambda db: upkeep._make_room(db, 10**9))
    assert any("COVERING INDEX ix_calls_ended_at_size" in step for step in steps)


def test_a_short_list_of_many_reads_the_texts_of_few(db: sa.Connection) -> None:
    steps = plans(db, lambda db: letters.find(db, statuses=["dead"], limit=50))
    assert any("COVERING INDEX ix_deliveries_status_notifier_due_at" in step for step in steps)
    assert steps.index("USE TEMP B-TREE FOR ORDER BY") < next(
        number for number, step in enumerate(steps) if "notifications" in step
    )
