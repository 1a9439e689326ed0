"""What happened is written down whole or not at all, whatever is in it, and nothing that is odd holds up an alert."""

import json
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from deepguard.model import (
    Call,
    Coverage,
    CoverageChanged,
    Judgement,
    Level,
    LevelChanged,
    NotificationKind,
    Picture,
    SampleFormat,
    Source,
)
from deepguard.notify import journal
from deepguard.store import incidents
from deepguard.store.entry import CallBegan, CallEnded, Entry
from deepguard.store.tables import calls, deliveries, notifications, pictures, transitions, verdicts
from deepguard.store.tables import incidents as incident_table
from deepguard.testing import RecordingNotifier, make_notification, make_verdict
from support.hosts import Fleet, Host, end_of, route, telling, until

HISTORY = (calls, verdicts, transitions, incident_table, pictures, notifications, deliveries)

BREAK = {
    "sqlite": ["CREATE TRIGGER broken BEFORE INSERT ON deliveries BEGIN INSERT INTO nowhere VALUES (1); END"],
    "postgresql": [
        "CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN RAISE 'broken'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER broken BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION fail()",
    ],
}
MEND = {
    "sqlite": ["DROP TRIGGER broken"],
    "postgresql": ["DROP TRIGGER broken ON deliveries", "DROP FUNCTION fail"],
}


def alert(call_id: str = "call-1", **over: Any) -> Entry:
    """All that one verdict may cause."""
    told = make_notification(call_id=call_id)
    changed = LevelChanged(call_id, "participant-1", Source.CAMERA, Level.CLEAR, Level.ALERT, time.time(), "a cause")
    whole: dict[str, Any] = {
        "began": CallBegan(Call(call_id, time.time()), "test", False),
        "verdict": make_verdict(judgement=Judgement.ALERT),
        "transitions": (changed,),
        "picture": Picture(b"picture", SampleFormat.JPEG, 1.0),
    }
    return telling(told, **(whole | over))


async def counts(host: Host) -> list[int]:
    statements = [sa.select(sa.func.count()).select_from(table) for table in HISTORY]
    return await host.store.read(lambda db: [db.execute(each).scalar_one() for each in statements])


async def test_a_verdict_and_all_that_follows_from_it_are_there_together_or_not_at_all(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    monkeypatch.setattr(journal, "STRANDED_SECONDS", 3600.0)
    kind = "sqlite" if fleet.url.startswith("sqlite") else "postgresql"
    host = await fleet(route("a", notifier := RecordingNotifier()))
    for statement in BREAK[kind]:
        await host.execute(sa.text(statement))
    host.dispatcher.record(alert())
    await until(lambda: host.dispatcher.journal.down)
    assert await counts(host) == [0] * len(HISTORY)
    assert host.dispatcher.journal.waiting == 1
    assert host.dispatcher.journal.down_since > 0
    assert "alerts wait in memory" in "".join(logged)
    for statement in MEND[kind]:
        await host.execute(sa.text(statement))
    await notifier.wait_for(1)
    assert await counts(host) == [1] * len(HISTORY)
    await host.dispatcher.journal.flushed()
    assert (host.dispatcher.journal.down, host.dispatcher.journal.waiting) == ("", 0)


async def test_a_call_from_its_beginning_to_its_end(fleet: Fleet) -> None:
    host, now = await fleet(route("a", RecordingNotifier())), time.time()
    opened = make_notification()
    assert opened.incident
    lost = CoverageChanged("call-1", "participant-1", Source.CAMERA, Coverage(), Coverage(), time.time())
    host.dispatcher.record(alert(began=CallBegan(Call("call-1", now - 4.0, {"desk": "7"}), "test", True)))
    host.record(opened, transitions=(lost,))
    host.record(end_of(opened))
    host.dispatcher.record(Entry(call_id="call-1", ended=CallEnded(now, "hangup")))
    await host.dispatcher.journal.flushed()
    row = await host.store.read(lambda db: db.execute(sa.select(calls)).one())
    assert (row.started_at, row.ended_at) == (now - 4.0, now)
    assert (row.reason, row.detector, bool(row.simulated)) == ("hangup", "test", True)
    assert json.loads(row.metadata) == {"desk": "7"}
    incident_id = opened.incident.id
    (stored,) = await host.store.read(lambda db: incidents.find(db, ids=[incident_id]))
    assert stored.incident.resolution == "cleared"
    assert stored.incident.sources == opened.incident.sources
    said = await host.store.read(lambda db: list(db.execute(sa.select(transitions.c.what).order_by("id")).scalars()))
    assert said == ["level", "coverage"]


HOSTILE = [
    "a\x00b",
    "\ud800 half \udfff",
    "x" * 100_000,
    "\u202egnp.exe",
    "'; DROP TABLE deliveries; --",
    "\x1b[31m",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=["nul", "surrogates", "long", "right to left", "sql", "escape", "empty"])
async def test_any_text_anywhere_is_written_down_and_told(fleet: Fleet, text: str) -> None:
    host = await fleet(route("a", notifier := RecordingNotifier()))
    opened = make_notification(call_id=text, participant_id=text, detail=text, detector=text)
    assert opened.incident
    incident = replace(opened.incident, detail=text, context={text: text}, acknowledged_by=text)
    opened = replace(opened, incident=incident)
    verdict = make_verdict(
        participant_id=text,
        track_id=text,
        detector=text,
        model=text,
        message=text,
        sample_id=text,
        signals={text: text, "n": 1},
    )
    moved = LevelChanged(text, text, Source.CAMERA, Level.CLEAR, Level.ALERT, time.time(), text)
    lost = CoverageChanged(text, text, Source.CAMERA, Coverage(), Coverage(None, text), time.time())
    host.record(
        opened,
        began=CallBegan(Call(text, time.time(), {text: text}), text, False),
        verdict=verdict,
        transitions=(moved, lost),
        ended=CallEnded(time.time(), text),
    )
    (told,) = await notifier.wait_for(1)
    assert told.participant_id == text[:2000]
    assert told.incident
    assert told.incident.context == {text[:2000]: text[:2000]}
    await host.dispatcher.journal.flushed()
    assert host.dispatcher.journal.lost == host.dispatcher.journal.skipped == 0
    assert (await counts(host))[:4] == [1, 1, 2, 1]
    (stored,) = await host.store.read(lambda db: incidents.find(db))
    assert len(stored.incident.participant_id) <= 2000
    await host.ended(1, status="delivered")


@pytest.mark.parametrize(
    ("score", "stored"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(1), 1.0),
        (True, 1.0),
        (math.nan, None),
        (np.float32("nan"), None),
        (math.inf, None),
        (-math.inf, None),
        ("fake", None),
        (10**400, None),
        (None, None),
    ],
)
async def test_any_number_is_written_down_or_left_empty(fleet: Fleet, score: Any, stored: float | None) -> None:
    host = await fleet(route("a", notifier := RecordingNotifier()))
    odd = make_verdict(score=score, captured_at=score, received_at=score, signals={"n": score, "s": [1], "b": np.True_})
    moved = LevelChanged("call-1", "p", Source.CAMERA, Level.CLEAR, Level.ALERT, score, "")
    host.record(
        make_notification(at=score) if isinstance(score, float) else make_notification(),
        verdict=odd,
        transitions=(moved,),
    )
    await notifier.wait_for(1)
    await host.dispatcher.journal.flushed()
    row = await host.store.read(lambda db: db.execute(sa.select(verdicts)).one())
    assert (row.score, row.captured_at) == (stored, stored)
    assert row.received_at == stored or abs(row.received_at - time.time()) < 60
    assert json.loads(row.signals)["n"] in (stored, True, "fake")
    assert host.dispatcher.journal.lost == 0


async def test_what_no_database_takes_is_left_out_and_holds_up_nothing(fleet: Fleet, logged: list[str]) -> None:
    huge = Picture(b"", SampleFormat.JPEG, 1.0, width=2**70)
    host = await fleet(route("a", notifier := RecordingNotifier()), start=False)
    sent = [alert(), alert(picture=huge), alert()]
    for entry in sent:
        host.dispatcher.record(entry)
    host.dispatcher.record(Entry(call_id="call-1", verdict=make_verdict(source="nonsense")))
    await host.dispatcher.start()
    told = await notifier.wait_for(2)
    await host.dispatcher.journal.flushed()
    assert [each.id for each in told] == [sent[0].notifications[0].id, sent[2].notifications[0].id]
    journaled = host.dispatcher.journal
    assert (journaled.lost, journaled.skipped, journaled.down) == (1, 1, "")
    text = "".join(logged)
    assert sent[1].notifications[0].id in text
    assert (await counts(host))[1] == 2


async def test_many_entries_are_written_in_order(fleet: Fleet) -> None:
    host = await fleet(route("a", RecordingNotifier(), digest_after=10), start=False)
    sent = [make_notification() for _ in range(2 * journal.BATCH + 7)]
    host.record(*sent)
    await host.dispatcher.start()
    await host.dispatcher.journal.flushed()
    singles = await host.rows(deliveries.c.notification_id, kind=NotificationKind.OPENED.value)
    assert singles == [told.id for told in sent]


async def test_verdicts_that_tell_nobody_anything_are_written_too(hosts: Fleet) -> None:
    host = await hosts()
    for _ in range(5):
        host.dispatcher.record(Entry(call_id="call-1", verdict=make_verdict()))

    async def written() -> bool:
        return (await counts(host))[1] == 5

    await until(written)


async def test_memory_is_bounded_and_what_matters_most_is_kept(
    hosts: Fleet, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    monkeypatch.setattr(journal, "MOST_WAITING", 4)
    host = await hosts(route("a", notifier := RecordingNotifier()), start=False)
    record = host.dispatcher.record
    record(Entry(call_id="c", began=CallBegan(Call("c", 1.0), "test", False)))
    for _ in range(3):
        record(Entry(call_id="c", verdict=make_verdict()))
    sent = [make_notification(call_id="c") for _ in range(3)]
    host.record(*sent)
    assert (host.dispatcher.journal.waiting, host.dispatcher.journal.skipped, host.dispatcher.journal.lost) == (4, 3, 0)
    host.record(more := make_notification(call_id="c"), last := make_notification(call_id="c"))
    assert (host.dispatcher.journal.skipped, host.dispatcher.journal.lost) == (4, 1)
    assert f"4 entries wait for the store): {sent[0].id}" in "".join(logged)
    await host.dispatcher.start()
    assert [told.id for told in await notifier.wait_for(4)] == [sent[1].id, sent[2].id, more.id, last.id]


async def test_what_is_recorded_after_the_end_is_not_lost_without_a_word(hosts: Fleet, logged: list[str]) -> None:
    host = await hosts(route("a", RecordingNotifier()))
    await host.dispatcher.close()
    host.record(late := make_notification())
    assert host.dispatcher.journal.lost == 1
    assert late.id in "".join(logged)
