"""The calls of a store, in either database."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepguard.config.models import CoverageParams
from deepguard.errors import DeepguardError
from deepguard.model import Label
from deepguard.replay.calls import StoredCalls, Wanted
from deepguard.replay.candidate import Named
from deepguard.replay.work import Plan, compare, stored
from deepguard.store.importing import write_recordings
from deepguard.store.lookup import call_ids
from deepguard.store.store import Store
from support.played import AT, call

CALLS = [
    call(f"call-{number}", "ca", Label.MISSED if number == 1 else None, later=float(number)) for number in range(4)
]


def meant(db: sa.Connection, text: str) -> str:
    if not (found := call_ids(db, text)):
        raise DeepguardError(f"no {text}")
    return found[0]


@pytest.fixture
def url(tables_url: str) -> str:
    async def fill() -> None:
        store = Store(tables_url)
        await store.open()
        await store.write(lambda db: write_recordings(db, CALLS))
        await store.close()

    asyncio.run(fill())
    return tables_url


def test_calls_are_found_by_time_name_and_label(url: str) -> None:
    with closing(StoredCalls(url)) as calls:

        def ids(wanted: Wanted) -> list[str]:
            return [one.removeprefix("call-") for one in calls.ids(wanted, meant)]

        assert ids(Wanted()) == ["0", "1", "2", "3"]
        assert ids(Wanted(since=AT + 1, until=AT + 3)) == ["1", "2"]
        assert ids(Wanted(labelled=True)) == ["1"]
        assert ids(Wanted(ids=("call-3", "call-0"))) == ["0", "3"]
        with pytest.raises(DeepguardError, match="no nobody"):
            ids(Wanted(ids=("nobody",)))
        assert calls.read(["call-2"]) == [CALLS[2]]


def test_calls_of_a_store_change_nothing_under_their_own_settings(url: str, tmp_path: Path) -> None:
    (tmp_path / "same.yaml").write_text("{}")
    calls = stored(url, Wanted(), meant)
    plan = Plan(Named(tmp_path / "same.yaml"), None, CoverageParams(), calls.store_url)
    played: list[int] = []
    found = compare(plan, calls.parts, jobs=0, on_played=played.append)
    assert (calls.count, sum(played), found.after.incidents, found.changed) == (4, 4, 4, [])
    assert url not in repr(plan) + repr(calls)
