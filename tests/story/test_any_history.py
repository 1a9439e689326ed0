"""Whatever is stored, its story can be told: nothing is lost in it, and nothing in it steers a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import Any
from unittest import mock

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepguard.cli.explain_json import story_dict
from deepguard.cli.explain_words import entries, facts, remarks
from deepguard.cli.showing import print_facts, print_time_line, say
from deepguard.model import BlindReason, DeliveryStatus, Judgement, NotificationKind, SampleOutcome, Source
from deepguard.store import tables
from deepguard.store.codec import encode
from deepguard.store.deliveries import dedupe_key
from deepguard.store.material import read_material
from deepguard.story.folding import Run, folded
from deepguard.story.timeline import Heard, Lost, Story, tell
from support.materials import CONFIGURATION, notification

ENGINE = sa.create_engine("sqlite://")
tables.metadata.create_all(ENGINE)

# Few moments, so that many things happen at one; and some that no clock shows.
TIMES = st.one_of(
    st.sampled_from([1_000_000.0 + n for n in range(0, 100, 10)]), st.floats(-1e15, 1e15, allow_nan=False)
)
TEXTS = st.one_of(
    st.sampled_from(["", "thresholds.alert_after", "built in", "built in, thresholds of a.py:1", "Mine of b.py:2"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
TRACKS = st.sampled_from([*(one.value for one in Source), "nose"])
SOURCES = st.one_of(st.none(), TRACKS)
LEVELS = st.sampled_from(["clear", "suspicious", "alert", "covered", *(one.value for one in BlindReason), "worse"])
JSON = st.one_of(
    TEXTS,
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
        max_leaves=4,
    ).map(json.dumps),
    st.sampled_from([json.dumps(CONFIGURATION.body), json.dumps(CONFIGURATION.places), '{"alert_after": "3 of 5"}']),
)
COUNTS = st.integers(-1, 6)


def rows(table: sa.Table, **columns: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    usual: dict[str, Any] = {"call_id": st.just("call-1"), "participant_id": st.just("Ada"), "track_id": st.just("t")}
    known = {name: value for name, value in usual.items() if name in table.c}
    return st.lists(st.fixed_dictionaries(known | columns), max_size=6)


VERDICTS = rows(
    tables.verdicts,
    received_at=TIMES,
    source=TRACKS,
    judgement=st.sampled_from([*(one.value for one in Judgement), "sure"]),
    score=st.one_of(st.none(), st.floats(0, 1)),
    detector=st.sampled_from(["a", "b\x1b[31m"]),
    model=TEXTS,
    message=TEXTS,
    captured_at=st.one_of(st.none(), TIMES),
    signals=st.just("{}"),
    blind=st.one_of(st.none(), st.sampled_from([*(one.value for one in BlindReason), "dazzled"])),
)
CHANGES = rows(
    tables.transitions,
    at=TIMES,
    source=SOURCES,
    what=st.sampled_from(["level", "coverage", "disagreement", "mood"]),
    before=LEVELS,
    after=LEVELS,
    cause=TEXTS,
    rule=st.one_of(st.none(), TEXTS),
    verdicts=st.one_of(st.none(), COUNTS),
)
SAMPLES = rows(
    tables.samples,
    sample_id=TEXTS,
    source=TRACKS,
    captured_at=TIMES,
    ended_at=TIMES,
    outcome=st.sampled_from([*(one.value for one in SampleOutcome), "eaten"]),
    reason=TEXTS,
    width=st.just(1),
    height=st.just(1),
    size=st.just(1),
)
CALLS = st.fixed_dictionaries(
    {
        "id": st.just("call-1"),
        "process_id": TEXTS,
        "started_at": TIMES,
        "ended_at": st.one_of(st.none(), TIMES),
        "reason": st.one_of(st.none(), TEXTS),
        "metadata": JSON,
        "detector": TEXTS,
        "simulated": st.booleans(),
        "config_hash": st.sampled_from([None, "f00d", "gone"]),
        "policy": st.one_of(st.none(), TEXTS),
        "thresholds": st.one_of(st.none(), JSON),
        "policy_failed": st.one_of(st.none(), TEXTS),
        "imported_at": st.one_of(st.none(), TIMES),
    }
)
CONFIGURATIONS = st.fixed_dictionaries(
    {"hash": st.just("f00d"), "created_at": TIMES, "file": TEXTS, "body": JSON, "places": JSON}
)
DELIVERIES = st.lists(
    st.fixed_dictionaries(
        {
            "notifier": st.sampled_from(["pager", "soc", "gone\x1b[2J"]),
            "kind": st.sampled_from(
                [
                    NotificationKind.OPENED,
                    NotificationKind.UPDATED,
                    NotificationKind.REPEATED,
                    NotificationKind.RESOLVED,
                ]
            ),
            "status": st.sampled_from([*(one.value for one in DeliveryStatus), "flown"]),
            "at": TIMES,
            "attempts": COUNTS,
            "ended_at": st.one_of(st.none(), TIMES),
            "detail": st.one_of(TEXTS, st.just("silence 'nights'")),
            "digest_id": st.one_of(st.none(), COUNTS),
            "readable": st.booleans(),
        }
    ),
    max_size=3,
)
INCIDENT = st.fixed_dictionaries(
    {
        "opened_at": TIMES,
        "updated_at": TIMES,
        "resolved_at": st.one_of(st.none(), TIMES),
        "resolution": st.sampled_from([None, "cleared", "call_ended", "guard_lost"]),
        "level": st.sampled_from(["clear", "suspicious", "alert"]),
        "peak": st.sampled_from(["suspicious", "alert"]),
        "sources": st.sampled_from(["[]", '["camera"]', '["camera","microphone"]']),
        "detail": TEXTS,
        "acknowledged_at": st.one_of(st.none(), TIMES),
        "acknowledged_by": TEXTS,
    }
)


def stored(db: sa.Connection, incident: dict[str, Any], deliveries: list[dict[str, Any]], **more: Any) -> None:
    about = {"call_id": "call-1", "participant_id": "Ada", "context": "{}", "detector": "t\x1b]0;x\x07"}
    for number, id_ in enumerate(("inc_0123456789", "inc_other")):
        row = incident | about | {"id": id_, "simulated": bool(number)}
        db.execute(sa.insert(tables.incidents), [row])
    for name, found in more.items():
        if found:
            db.execute(sa.insert(tables.metadata.tables[name]), found)
    for number, one in enumerate(deliveries):
        told = notification(one["kind"], updated_at=one["at"])
        body = encode(told) if one.pop("readable") else "{"
        at = one.pop("at")
        kept = {"id": told.id, "created_at": at, "body": body}
        db.execute(sa.insert(tables.notifications), [kept])
        times = {"created_at": at, "due_at": at, "expires_at": at}
        usual = {"faults": 0, "unsure": False, "thread": "", "call_id": "call-1", "incident_id": "inc_0123456789"}
        key = {"notification_id": told.id, "dedupe_key": f"{dedupe_key(told)} {number}", "kind": one["kind"].value}
        db.execute(sa.insert(tables.deliveries), [one | times | usual | key])


def check(story: Story, verdicts: int, samples: int) -> None:
    """Nothing is lost by folding, times are in order, and JSON is JSON."""
    lines = list(folded(story.moments))
    for kind, count in ((Heard, verdicts), (Lost, samples)):
        alone = sum(isinstance(one, kind) for one in lines)
        assert alone + sum(one.times for one in lines if isinstance(one, Run) and isinstance(one.first, kind)) == count
    for ordered in (story.moments, lines):
        assert [one.at for one in ordered] == sorted(one.at for one in ordered)
    assert len(json.loads(json.dumps(story_dict(story)))["timeline"]) == len(story.moments)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    max_examples=150,
)
@given(
    INCIDENT,
    DELIVERIES,
    VERDICTS,
    CHANGES,
    SAMPLES,
    st.one_of(st.none(), CALLS),
    st.one_of(st.none(), CONFIGURATIONS),
    st.sampled_from(["24", "44", "80", "200"]),
)
def test_any_history_has_a_story(
    incident: dict[str, Any],
    deliveries: list[dict[str, Any]],
    verdicts: list[dict[str, Any]],
    changes: list[dict[str, Any]],
    samples: list[dict[str, Any]],
    call: dict[str, Any] | None,
    configuration: dict[str, Any] | None,
    columns: str,
) -> None:
    with ENGINE.connect() as db, db.begin() as transaction:
        stored(
            db,
            incident,
            deliveries,
            verdicts=verdicts,
            transitions=changes,
            samples=samples,
            calls=[call] if call else [],
            configurations=[configuration] if configuration else [],
        )
        material = read_material(db, "inc_0123456789")
        assert material is not None
        transaction.rollback()
    story = tell(material, keep_days=30)
    end = float("inf") if incident["resolved_at"] is None else incident["resolved_at"]
    check(
        story,
        sum(one["received_at"] <= end for one in verdicts),
        sum(one["ended_at"] <= end and one["outcome"] != "judged" for one in samples),
    )
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), mock.patch.dict(os.environ, {"COLUMNS": columns, "NO_COLOR": "1"}):
        print_facts(facts(story))
        for moments in (story.moments, folded(story.moments)):
            print_time_line(entries(story, moments))
        for remark in remarks(story):
            say(remark)
    assert all(line.isprintable() for line in shown.getvalue().split("\n"))
