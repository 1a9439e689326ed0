"""What is recorded of calls goes by age and by size, whole, and nothing that is still needed goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from deepguard.model import BlindReason, Call, Coverage, CoverageChanged, Source
from deepguard.store import deliveries, recordings, tables, upkeep
from deepguard.store.clock import now
from deepguard.store.entry import CallBegan, CallEnded, Entry, Outgoing
from deepguard.store.history import write_history
from deepguard.store.importing import write_recordings
from deepguard.store.recording import Recording
from deepguard.store.sizes import OF_A_CALL
from deepguard.store.store import Store
from deepguard.testing import make_notification
from support.recordings import recorded

DAY = 86400.0


@pytest.fixture
async def store(tables_url: str) -> AsyncIterator[Store]:
    made = Store(tables_url)
    await made.open()
    yield made
    await made.close()


async def guarded(store: Store, *calls: Recording) -> None:
    """Calls as if they had been guarded here."""

    def work(db: sa.Connection) -> None:
        write_recordings(db, calls)
        here = tables.calls.c.id.in_([one.call.id for one in calls])
        db.execute(sa.update(tables.calls).where(here).values(imported_at=None))

    await store.write(work)


async def aged(store: Store, call_id: str, days: float) -> None:
    """Let a call have ended so long ago."""
    at = now() - days * DAY

    def work(db: sa.Connection) -> None:
        db.execute(sa.update(tables.calls).where(tables.calls.c.id == call_id).values(ended_at=at))
        db.execute(sa.update(tables.incidents).where(tables.incidents.c.call_id == call_id).values(resolved_at=at))

    await store.write(work)


async def purged(store: Store, keep_days: float = 30.0, max_size: int | None = None) -> int:
    """Purge until nothing is left to do; how often something was."""
    rounds = 0
    while await store.write(lambda db: upkeep.purge(db, keep_days * DAY, max_size)):
        rounds += 1
        assert rounds < 1000
    return rounds


async def left(store: Store) -> list[str]:
    return list(await store.read(recordings.call_ids))


async def rows_of(store: Store, call_id: str) -> int:
    def work(db: sa.Connection) -> int:
        counts = (sa.select(sa.func.count()).where(table.c.call_id == call_id) for table in OF_A_CALL)
        return sum(db.execute(count).scalar_one() for count in counts)

    return await store.read(work)


async def sizes(store: Store) -> dict[str, int]:
    rows = sa.select(tables.calls.c.id, tables.calls.c.size)
    return await store.read(lambda db: {row[0]: row[1] for row in db.execute(rows)})


async def test_all_of_an_old_call_goes_and_nothing_of_another(store: Store) -> None:
    old, young = recorded("old"), recorded("young")
    await guarded(store, old, young)
    await aged(store, "old", 31)
    await aged(store, "young", 29)
    assert await rows_of(store, "old") > 7
    await purged(store)
    assert await left(store) == ["young"]
    assert await rows_of(store, "old") == 0
    assert (await store.read(lambda db: recordings.read(db, ["young"])))[0].verdicts == young.verdicts
    assert await rows_of(store, "young") == await rows_of(store, "young")


async def test_a_large_call_goes_in_batches_and_is_listed_until_nothing_of_it_is_left(store: Store) -> None:
    count = 2 * upkeep.PURGE_BATCH + 100
    await guarded(store, recorded("old", verdicts=recorded().verdicts[:1] * count, samples=recorded().samples * count))
    await aged(store, "old", 31)
    await store.write(lambda db: upkeep.purge(db, 30 * DAY))
    assert await left(store) == ["old"]
    assert await rows_of(store, "old") >= 2 * (count - upkeep.PURGE_BATCH)
    assert await purged(store) == 2
    assert (await left(store), await rows_of(store, "old")) == ([], 0)


async def test_what_came_from_elsewhere_is_kept_from_then_on(store: Store) -> None:
    await store.write(lambda db: write_recordings(db, [recorded("old")]))
    await aged(store, "old", 300)
    await purged(store)
    assert await left(store) == ["old"]
    (found,) = await store.read(lambda db: recordings.read(db, ["old"]))
    assert len(found.incidents) == 1
    await store.write(lambda db: db.execute(sa.update(tables.calls).values(imported_at=now() - 31 * DAY)) and None)
    await purged(store)
    assert (await left(store), await rows_of(store, "old")) == ([], 0)


async def test_configurations_go_with_the_last_call_that_was_guarded_with_them(store: Store) -> None:
    await guarded(store, recorded("old", config_hash="gone"), recorded("young", config_hash="kept"))
    await aged(store, "old", 31)
    await aged(store, "young", 1)
    config = {"file": "deepguard.yaml", "body": "{}", "places": "{}"}
    ages = (("gone", 40), ("kept", 40), ("new", 1))

    def work(db: sa.Connection) -> None:
        for name, days in ages:
            db.execute(sa.insert(tables.configurations).values(hash=name, created_at=now() - days * DAY, **config))

    await store.write(work)
    await purged(store)
    names = sa.select(tables.configurations.c.hash).order_by(tables.configurations.c.hash)
    assert await store.read(lambda db: list(db.execute(names).scalars())) == ["kept", "new"]


# -- by size -----------------------------------------------------------------------------------------------------


async def test_the_oldest_calls_go_until_the_rest_fits(store: Store) -> None:
    calls = [recorded(f"call-{number:02}", verdicts=recorded().verdicts * 5) for number in range(50)]
    await guarded(store, *calls)
    for number in range(50):
        await aged(store, f"call-{number:02}", 20 - number / 10)
    (size,) = set((await sizes(store)).values())
    await purged(store, max_size=50 * size)
    assert len(await left(store)) == 50
    await purged(store, max_size=7 * size + size // 2)
    assert await left(store) == [f"call-{number:02}" for number in range(43, 50)]
    await purged(store, max_size=10**6)
    assert len(await left(store)) == 7
    await purged(store, max_size=0)
    assert await left(store) == []


async def test_calls_that_go_on_or_of_which_something_waits_stay(store: Store) -> None:
    await guarded(store, *(recorded(name) for name in ("waits", "open", "done")))
    live = CallBegan(Call("live", 1.0), "test", False)
    lost = CoverageChanged("waits", "Ada", Source.CAMERA, Coverage(), Coverage(BlindReason.NO_FACE), 1.0)
    told = make_notification(call_id="waits")

    def work(db: sa.Connection) -> None:
        write_history(db, [Entry(call_id="live", began=live), Entry(call_id="waits", transitions=(lost,))], "p")
        deliveries.add(db, [Outgoing(told, "a", 3600.0)])
        is_open = sa.update(tables.incidents).where(tables.incidents.c.call_id == "open")
        db.execute(is_open.values(resolved_at=None, resolution=None))

    await store.write(work)
    for call_id in ("waits", "done"):
        await aged(store, call_id, 1)
    await purged(store, max_size=0)
    assert sorted(await left(store)) == ["live", "open", "waits"]
    await store.write(lambda db: db.execute(sa.update(tables.deliveries).values(status="delivered")) and None)
    await purged(store, max_size=0)
    assert sorted(await left(store)) == ["live", "open"]


async def test_calls_from_before_sizes_were_taken_count_too(store: Store) -> None:
    await guarded(store, *(recorded(f"call-{number:02}") for number in range(45)))
    (size,) = set((await sizes(store)).values())
    await store.write(lambda db: db.execute(sa.update(tables.calls).values(size=None)) and None)
    await purged(store)
    assert set((await sizes(store)).values()) == {None}
    await purged(store, max_size=3 * size)
    assert await sizes(store) == dict.fromkeys(await left(store), size)
    assert len(await left(store)) == 3


async def test_a_call_that_ends_is_counted_at_once(store: Store) -> None:
    began = CallBegan(Call("live", 1.0), "test", False)
    entries = [
        Entry(call_id="live", began=began),
        *(Entry(call_id="live", verdict=replace(one, message="x" * 1000)) for one in recorded().verdicts),
        Entry(call_id="live", ended=CallEnded(2.0, "ended")),
    ]
    await store.write(lambda db: write_history(db, entries, "p"))
    assert (await sizes(store))["live"] > 2000
    await aged(store, "live", 1)
    await purged(store, max_size=2000)
    assert await left(store) == []
