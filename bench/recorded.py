"""Recorded calls that are made up: what a guard would have written down of them, in a store."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from deepguard.model import (
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    Judgement,
    Label,
    Labelled,
    LevelChanged,
    Source,
    Transition,
    Verdict,
)
from deepguard.policy.machine import ThresholdPolicy
from deepguard.replay.play import play
from deepguard.store.importing import write_recordings
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.store import Store
from deepguard.thresholds import Thresholds, as_plain

MINUTES = 10
PICTURE_SECONDS = 5.0
SOUND_SECONDS = 60.0
FAKES = 0.1
LABELLED = 0.2
BEGAN = 1_795_000_000.0
BATCH = 100
DIFFERENT = 500
"""Calls that differ; more are copies of them, on later days."""

_NEW_IDS = {"verdicts": {"id": "NULL"}, "transitions": {"id": "NULL"}, "incidents": {"id": "id || :copy"}}
_NEW_IDS |= {"labels": {"subject": "subject || :copy"}, "calls": {"id": "id || :copy"}}
_TIMES = ("at", "started_at", "ended_at", "received_at", "captured_at", "opened_at", "updated_at", "resolved_at")


def fill(path: Path, calls: int, *, seed: int = 0) -> None:
    """Make a store of calls that were guarded with the default thresholds.

    Args:
        path: The SQLite file.
        calls: How many calls.
        seed: Where chance begins.
    """
    asyncio.run(_write(path, min(calls, DIFFERENT), seed))
    with closing(sqlite3.connect(path)) as db, db:
        for number in range(1, -(-calls // DIFFERENT)):
            _copy(db, number, min(DIFFERENT, calls - number * DIFFERENT))


async def _write(path: Path, calls: int, seed: int) -> None:
    store = Store(f"sqlite:///{path}")
    await store.open()
    try:
        made = recordings(calls, seed)
        while part := list(islice(made, BATCH)):
            await store.write(lambda db, part=part: write_recordings(db, part))
    finally:
        await store.close()


def _copy(db: sqlite3.Connection, number: int, calls: int) -> None:
    """Copy the first calls of the store, with new ids and so many days later."""
    values = {"copy": f"-{number}", "later": number * 86400.0, "calls": calls}
    first = "SELECT id FROM calls WHERE id NOT LIKE '%-%-%-%' ORDER BY id LIMIT :calls"
    for table, new in _NEW_IDS.items():
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        new |= {"call_id": "call_id || :copy"} | {name: f'"{name}" + :later' for name in _TIMES}
        made = ", ".join(new.get(name, f'"{name}"') for name in names)
        key = "id" if table == "calls" else "call_id"
        written = ", ".join(f'"{name}"' for name in names)
        db.execute(f"INSERT INTO {table} ({written}) SELECT {made} FROM {table} WHERE {key} IN ({first})", values)


def recordings(calls: int, seed: int) -> Iterator[Recording]:
    """Calls of ten minutes: a picture every five seconds and a chunk of speech a minute, of one participant."""
    rng = random.Random(seed)
    thresholds = Thresholds()
    for number in range(calls):
        began = BEGAN + number * 97.0
        call_id, is_fake = f"bench-{seed}-{number:06}", rng.random() < FAKES
        recording = Recording(
            call=Call(call_id, began, {}),
            detector="bench",
            ended_at=began + MINUTES * 60.0,
            reason="ended",
            policy=RecordedPolicy("built in", as_plain(thresholds)),
            verdicts=tuple(sorted(_verdicts(rng, call_id, began, is_fake), key=lambda one: one.received_at)),
        )
        outcome = play(recording, ThresholdPolicy(thresholds), thresholds)
        yield Recording(
            call=recording.call,
            detector=recording.detector,
            ended_at=recording.ended_at,
            reason=recording.reason,
            policy=recording.policy,
            verdicts=recording.verdicts,
            transitions=tuple(_with_coverage(rng, recording, outcome.changes)),
            incidents=tuple(StoredIncident(one, "bench", False) for one in outcome.incidents),
            labels=_labels(rng, call_id, began, is_fake),
        )


def _verdicts(rng: random.Random, call_id: str, began: float, is_fake: bool) -> Iterator[Verdict]:
    pictures = [(at * PICTURE_SECONDS, Source.CAMERA) for at in range(int(MINUTES * 60 / PICTURE_SECONDS))]
    chunks = [(at * SOUND_SECONDS + 30.0, Source.MICROPHONE) for at in range(int(MINUTES * 60 / SOUND_SECONDS))]
    # A genuine face looks odd now and then; a fake one does most of the time, from some moment on.
    since = rng.uniform(0, MINUTES * 40)
    for number, (at, source) in enumerate(sorted(pictures + chunks)):
        fake_now = is_fake and at >= since and source is Source.CAMERA
        score = min(1.0, max(0.0, rng.gauss(0.75 if fake_now else 0.12, 0.16)))
        judgement = Judgement.ALERT if score > 0.7 else Judgement.SUSPICIOUS if score > 0.5 else Judgement.CLEAR
        captured = began + at
        yield Verdict(
            "caller",
            f"track-{source.value}",
            source,
            judgement,
            captured + rng.uniform(0.3, 1.5),
            "bench",
            score=round(score, 4),
            sample_id=f"{call_id}-{number}",
            captured_at=captured,
        )


def _with_coverage(rng: random.Random, call: Recording, levels: tuple[LevelChanged, ...]) -> list[Transition]:
    changes: list[Transition] = [*levels]
    for source in (Source.CAMERA, Source.MICROPHONE):
        first = next(one.received_at for one in call.verdicts if one.source is source)
        spans = [(BlindReason.NO_SPEECH if source.is_audio else BlindReason.STARTING, first)]
        if rng.random() < 0.3:
            lost = call.call.started_at + rng.uniform(60, 400)
            spans += [(None, lost), (BlindReason.NO_FACE, lost + rng.uniform(2, 60))]
        for number, (before, at) in enumerate(spans):
            after = spans[number + 1][0] if number + 1 < len(spans) else None
            changes.append(
                CoverageChanged(call.call.id, "caller", source, Coverage(before), Coverage(after), at),
            )
    return sorted(changes, key=lambda one: one.at)


def _labels(rng: random.Random, call_id: str, began: float, is_fake: bool) -> tuple[Labelled, ...]:
    if rng.random() >= LABELLED:
        return ()
    label = Label.CONFIRMED if is_fake else Label.FALSE_POSITIVE
    return (Labelled(call_id, "caller", label, began + 9000, "bench"),)


__all__ = ["fill", "recordings"]
