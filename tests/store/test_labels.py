"""Labels: one a subject, the latest counts, and what was replaced is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from deepguard.model import Label, Labelled
from deepguard.store.labels import label, labels_of, unlabel
from deepguard.store.store import Store
from deepguard.store.tables import labels

WRONG = Labelled("call-1", "Ada", Label.FALSE_POSITIVE, 10.0, "Bo", "inc_1", "her new camera")
MISSED = Labelled("call-1", "Eve", Label.MISSED, 20.0, "Bo")


@pytest.fixture
async def store(tables_url: str) -> AsyncIterator[Store]:
    made = Store(tables_url)
    await made.open()
    yield made
    await made.close()


async def test_the_latest_label_counts_and_the_one_before_is_told(store: Store) -> None:
    assert await store.write(lambda db: label(db, WRONG)) is None
    right = replace(WRONG, label=Label.CONFIRMED, at=30.0, by="Zoë", comment="")
    assert await store.write(lambda db: label(db, right)) == WRONG
    assert await store.read(lambda db: labels_of(db, ["call-1"])) == [right]
    assert await store.write(lambda db: unlabel(db, incident_id="inc_1")) == right
    assert await store.write(lambda db: unlabel(db, incident_id="inc_1")) is None
    assert await store.read(lambda db: labels_of(db, ["call-1"])) == []


async def test_what_was_missed_is_one_for_each_participant_of_a_call(store: Store) -> None:
    others = [
        replace(MISSED, participant_id="Eve 2"),
        replace(MISSED, call_id="c", participant_id='1", "Eve'),
        replace(MISSED, call_id='c", "1', participant_id="Eve"),
        replace(MISSED, participant_id="E" * 5000),
    ]
    for one in (MISSED, *others, WRONG):
        assert await store.write(lambda db, one=one: label(db, one)) is None
    assert await store.write(lambda db: label(db, replace(MISSED, comment="seen later"))) == MISSED
    found = await store.read(lambda db: labels_of(db, ["call-1", "elsewhere"]))
    assert [one.participant_id for one in found] == ["Ada", "E" * 2000, "Eve", "Eve 2"]
    assert found[0] == WRONG
    assert await store.write(lambda db: unlabel(db, call_id="call-1", participant_id="Eve"))
    assert len(await store.read(lambda db: labels_of(db, ["call-1"]))) == 3


async def test_labels_of_many_calls_are_found(store: Store) -> None:
    made = [replace(WRONG, call_id=f"call-{n}", incident_id=f"inc_{n}", at=float(n)) for n in range(1200)]

    def work(db: sa.Connection) -> list[Labelled]:
        for one in made:
            label(db, one)
        return labels_of(db, [one.call_id for one in made])

    assert await store.write(work) == made


@pytest.mark.parametrize(
    "wrong", [replace(WRONG, label=Label.MISSED), replace(MISSED, label=Label.CONFIRMED)], ids=["incident", "none"]
)
async def test_only_what_no_incident_was_about_was_missed(store: Store, wrong: Labelled) -> None:
    with pytest.raises(ValueError, match="missed is what no incident was about"):
        await store.write(lambda db: label(db, wrong))
    assert await store.read(lambda db: labels_of(db, ["call-1"])) == []


async def test_a_label_of_a_newer_version_is_left_out(store: Store) -> None:
    await store.write(lambda db: label(db, WRONG))
    await store.write(lambda db: db.execute(sa.update(labels).values(label="undecided")))
    assert await store.read(lambda db: labels_of(db, ["call-1"])) == []
    assert await store.write(lambda db: label(db, WRONG)) is None
    assert await store.read(lambda db: labels_of(db, ["call-1"])) == [WRONG]
