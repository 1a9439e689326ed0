"""Recorded calls are written down and read back as they were, in either database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from deepguard.errors import DeepguardError
from deepguard.model import (
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    Judgement,
    Level,
    Resolution,
    Source,
    Verdict,
)
from deepguard.store import incidents, lookup, recordings, sizes, summaries, tables, upkeep
from deepguard.store.clock import now
from deepguard.store.entry import CallBegan, CallEnded, Entry, PolicyFailed, PolicyUsed
from deepguard.store.history import write_history
from deepguard.store.importing import write_recordings
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.store import Store
from support.recordings import AT, many, recorded


class UndoError(Exception):
    """Rolls back what a test wrote."""


@pytest.fixture
async def store(tables_url: str) -> AsyncIterator[Store]:
    made = Store(tables_url)
    await made.open()
    yield made
    await made.close()


async def imported(store: Store, *calls: Recording) -> list[str]:
    return await store.write(lambda db: write_recordings(db, calls))


async def reading(store: Store, *ids: str, **how: Any) -> list[Recording]:
    return await store.read(lambda db: recordings.read(db, ids, **how))


# -- there and back ----------------------------------------------------------------------------------------------


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=40
)
@given(calls=many())
def test_whatever_is_imported_is_read_as_it_was(
    tables_url: str, runner: asyncio.Runner, calls: list[Recording]
) -> None:
    found: list[Recording] = []

    def work(db: sa.Connection) -> None:
        assert write_recordings(db, calls) == [one.call.id for one in calls]
        found.extend(recordings.read(db, [one.call.id for one in calls]))
        raise UndoError

    async def run() -> None:
        store = Store(tables_url)
        await store.open()
        try:
            with pytest.raises(UndoError):
                await store.write(work)
        finally:
            await store.close()

    runner.run(run())
    assert found == calls


async def test_a_call_that_was_guarded_is_read_as_it_happened(store: Store) -> None:
    given = recorded()
    began = CallBegan(
        given.call,
        "test",
        False,
        PolicyUsed("built in", {"alert_after": 1}),
        "c0ffee",
        (PolicyUsed("./strict.py", {}, "strict"),),
    )
    entries = [
        Entry(call_id="call-1", began=began),
        *(Entry(call_id="call-1", verdict=verdict) for verdict in given.verdicts),
        Entry(
            call_id="call-1", samples=given.samples, transitions=given.transitions, shadow_changes=given.shadow_changes
        ),
        Entry(call_id="call-1", policy_failed=PolicyFailed("too slow", "strict")),
        Entry(call_id="call-1", ended=CallEnded(AT + 60, "ended")),
    ]
    await store.write(lambda db: write_history(db, entries[:2], "p"))
    (going_on,) = await reading(store, "call-1")
    assert (going_on.ended_at, going_on.reason, going_on.verdicts) == (None, "", given.verdicts[:1])
    await store.write(lambda db: write_history(db, entries[2:], "p"))
    assert await reading(store, "call-1") == [replace(given, incidents=(), labels=())]


async def test_calls_are_read_in_the_order_that_was_asked_for_and_without_what_was_not(store: Store) -> None:
    calls = [recorded(f"call-{number}") for number in range(2 * recordings.CHUNK + 3)]
    await imported(store, *calls)
    ids = [one.call.id for one in reversed(calls)]
    assert await reading(store, "nowhere", *ids) == calls[::-1]
    (less,) = await reading(store, "call-1", samples=False, shadows=False, changes=False)
    level = calls[1].transitions[1:]
    assert less == replace(calls[1], samples=(), shadows=(), shadow_changes=(), transitions=level)
    assert less.levels == level


async def test_what_a_newer_version_wrote_is_left_out_and_counted(store: Store) -> None:
    await imported(store, recorded(), recorded("call-2"))
    newer = [
        (tables.verdicts, {"judgement": "uncanny"}),
        (tables.samples, {"outcome": "evaporated"}),
        (tables.transitions, {"what": "mood"}),
        (tables.incidents, {"level": "doom"}),
        (tables.labels, {"label": "whatever"}),
        (tables.shadows, {"thresholds": "not JSON"}),
        (tables.shadow_transitions, {"after": "doom"}),
    ]

    def work(db: sa.Connection) -> None:
        for table, changed in newer:
            db.execute(sa.update(table).where(table.c.call_id == "call-1").values(changed))

    await store.write(work)
    one, other = await reading(store, "call-1", "call-2")
    assert one == Recording(
        call=Call("call-1", AT, {"queue": "x"}),
        detector="test",
        ended_at=AT + 60,
        reason="ended",
        config_hash="c0ffee",
        policy=RecordedPolicy("built in", {"alert_after": 1}),
        unreadable=2 + 1 + 2 + 1 + 1 + 1 + 1,
    )
    assert other == recorded("call-2")


async def test_calls_are_found_by_time_and_kind(store: Store) -> None:
    await imported(
        store,
        *(
            replace(recorded(f"call-{number}", simulated=number == 3), call=Call(f"call-{number}", AT + number))
            for number in range(5)
        ),
    )
    live = CallBegan(Call("live", AT + 9), "test", False)
    await store.write(lambda db: write_history(db, [Entry(call_id="live", began=live)], "p"))

    async def ids(**which: Any) -> str:
        found = await store.read(lambda db: recordings.call_ids(db, **which))
        return " ".join(one.removeprefix("call-") for one in found)

    assert await ids() == "0 1 2 3 4 live"
    assert await ids(newest_first=True, limit=2) == "live 4"
    assert await ids(since=AT + 1, until=AT + 3) == "1 2"
    assert await ids(is_ended=True, simulated=False) == "0 1 2 4"
    assert await ids(is_ended=False) == "live"
    assert await ids(simulated=True) == "3"

    async def meant(text: str) -> str:
        return " ".join(await store.read(lambda db: lookup.call_ids(db, text)))

    assert await meant("call-3") == await meant("call-3") == "call-3"
    assert await meant("call") == "call-0 call-1 call-2 call-3 call-4"
    assert await meant("CALL") == await meant("cal") == await meant("c%ll") == ""
    assert await meant("live") == "live"


# -- imported ----------------------------------------------------------------------------------------------------


async def test_a_call_that_is_there_is_left_as_it_is(store: Store) -> None:
    await imported(store, recorded())
    other = replace(recorded(), detector="other", verdicts=())
    assert await imported(store, other, recorded("call-2")) == ["call-2"]
    assert await reading(store, "call-1") == [recorded()]


async def test_two_imports_of_one_call_at_once_write_it_once(store: Store, tables_url: str) -> None:
    other = Store(tables_url)
    await other.open()
    try:
        found = await asyncio.gather(*(imported(each, recorded()) for each in (store, other) * 3))
    finally:
        await other.close()
    assert sorted(found) == [[]] * 5 + [["call-1"]]
    assert await reading(store, "call-1") == [recorded()]


async def test_what_had_not_ended_has_ended_here_and_nobody_takes_it_for_abandoned(store: Store) -> None:
    (stored,) = recorded().incidents
    open_incident = replace(stored.incident, resolved_at=None, resolution=None)
    unfinished = recorded(ended_at=None, reason="", incidents=(replace(stored, incident=open_incident),))
    await imported(store, unfinished)
    (found,) = await reading(store, "call-1")
    assert (found.ended_at, found.reason) == (AT + 2, "guard_lost")
    incident = found.incidents[0].incident
    assert (incident.resolved_at, incident.resolution) == (AT + 2, Resolution.GUARD_LOST)
    assert await store.read(upkeep.abandoned_calls) == []
    assert await store.read(lambda db: incidents.find(db, is_open=True)) == []
    assert (
        await store.read(lambda db: db.execute(sa.select(sa.func.count()).select_from(tables.deliveries)).scalar()) == 0
    )
    row = await store.read(lambda db: db.execute(sa.select(tables.calls, now().label("now"))).one())
    assert row.now - 60 < row.imported_at <= row.now


async def test_an_incident_of_another_call_is_not_written_over(store: Store) -> None:
    await imported(store, recorded())
    (stored,) = recorded().incidents
    thief = recorded("call-2", incidents=(replace(stored, incident=replace(stored.incident, call_id="call-2")),))
    with pytest.raises(
        DeepguardError, match=r"call call-2 cannot be imported: its incident inc_call-1 is in the store"
    ):
        await imported(store, recorded("call-3"), thief)
    assert await store.read(recordings.call_ids) == ["call-1"]
    assert await reading(store, "call-1") == [recorded()]


# -- sizes and lists ---------------------------------------------------------------------------------------------


async def test_a_calls_size_is_known_when_it_ends_and_grows_with_what_it_holds(store: Store) -> None:
    small, large = recorded(), recorded("call-2", verdicts=recorded().verdicts * 50)
    await imported(store, small, large)
    began = CallBegan(Call("lost-1", AT), "test", False)
    await store.write(lambda db: write_history(db, [Entry(call_id="lost-1", began=began)], "p"))
    rows = sa.select(tables.calls.c.id, tables.calls.c.size)
    before = await store.read(lambda db: {row[0]: row[1] for row in db.execute(rows)})
    assert before["lost-1"] is None
    assert await store.write(lambda db: incidents.end_call(db, "lost-1", "guard_lost"))
    found = await store.read(lambda db: {row[0]: row[1] for row in db.execute(rows)})
    # A call with no rows; and what a hundred verdicts add, whose texts hold this many characters.
    text = len("call-2" * 2 + "Ada" + "track-1" + "camera" + "test")
    more = len("clear" + '{"face":true}') + len("alert" + "{}" + "s2")
    assert found["lost-1"] == sizes.CALL + len("lost-1" + "{}" + "{}")
    assert found["call-2"] - found["call-1"] == 49 * (2 * (sizes.ROW + text) + more)


async def test_calls_are_told_in_a_few_words(store: Store) -> None:
    covered, blind = Coverage(), Coverage(BlindReason.NO_FACE)
    changes = (
        CoverageChanged("call-1", "Ada", Source.CAMERA, Coverage(BlindReason.STARTING), covered, AT + 20),
        CoverageChanged("call-1", "Ada", Source.CAMERA, covered, blind, AT + 50),
        CoverageChanged("call-1", "Bob", Source.MICROPHONE, covered, Coverage(BlindReason.NO_SPEECH), AT),
        *recorded().levels,
    )
    await imported(store, recorded(transitions=changes), recorded("call-2", transitions=(), incidents=(), labels=()))
    one, other = await store.read(lambda db: summaries.summaries(db, ["call-1", "nowhere", "call-2"], AT + 1000))
    assert (one.verdicts, one.peak, one.incidents, one.labels) == (2, Level.ALERT, 1, {"confirmed": 1})
    assert one.blind == pytest.approx(10 / 40)
    assert (one.policy, one.config_hash, one.reason) == ("built in", "c0ffee", "ended")
    assert (other.peak, other.incidents, other.blind, other.labels) == (Level.CLEAR, 0, None, {})


@pytest.fixture
def file(sqlite_with_tables: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sqlite_with_tables, tmp_path / "deepguard.db"))


async def test_sizes_agree_with_the_file(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    await store.open()
    empty = file.stat().st_size
    verdict = Verdict("participant-1", "camera-track", Source.CAMERA, Judgement.CLEAR, AT, "dataspike", score=0.5)
    long = [
        recorded(
            f"{number:032}",
            verdicts=tuple(
                replace(verdict, sample_id=f"{number:016}{each:016}", captured_at=AT) for each in range(130)
            ),
        )
        for number in range(100)
    ]
    await imported(store, *long)
    sum_of = sa.select(sa.func.sum(tables.calls.c.size))
    told = await store.read(lambda db: db.execute(sum_of).scalar_one())
    await store.close()
    assert told == pytest.approx(file.stat().st_size - empty, rel=0.2)
