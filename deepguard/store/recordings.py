"""Reads recorded calls back, many in little time: calls are played again by the thousand.

What a row holds that this version does not know was written by a newer one: the row is left out and counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import sqlalchemy as sa

from deepguard.model import (
    NO_SIGNALS,
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    DisagreementChanged,
    Judgement,
    Label,
    Labelled,
    Level,
    LevelChanged,
    SampleFormat,
    SampleOutcome,
    SampleRecord,
    Source,
    Transition,
    Verdict,
)
from deepguard.store.entry import ShadowChanged
from deepguard.store.incidents import stored
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.tables import (
    calls,
    incidents,
    labels,
    samples,
    shadow_transitions,
    shadows,
    transitions,
    verdicts,
)
from deepguard.store.text import storable

CHUNK = 20
"""Calls that are read at once: few enough for the processor's caches, and for whoever waits to write."""

# A dictionary answers in a quarter of the time that it takes to call an enumeration.
_SOURCES = {one.value: one for one in Source}
_TRACKS: dict[str | None, Source | None] = {None: None, **_SOURCES}
_JUDGEMENTS = {one.value: one for one in Judgement}
_BLIND: dict[str | None, BlindReason | None] = {None: None} | {one.value: one for one in BlindReason}
_LEVELS = {str(one): one for one in Level}
_OUTCOMES = {one.value: one for one in SampleOutcome}
_FORMATS: dict[str | None, SampleFormat | None] = {None: None} | {one.value: one for one in SampleFormat}
_COVERAGE = {"covered": None} | {one.value: one for one in BlindReason}
_LABELS = {one.value: one for one in Label}

_UNREADABLE = (KeyError, TypeError, ValueError)
"""What a row of a newer version raises."""

_Row: TypeAlias = sa.Row[Any]


def call_ids(
    db: sa.Connection,
    *,
    since: float | None = None,
    until: float | None = None,
    is_ended: bool | None = None,
    simulated: bool | None = None,
    labelled: bool = False,
    shadowed: bool = False,
    newest_first: bool = False,
    limit: int | None = None,
) -> Sequence[str]:
    """The calls that were recorded, in the order in which they began.

    Args:
        db: A transaction.
        since: Only those that began at this Unix time or later.
        until: Only those that began before it.
        is_ended: Only those that have ended (True), or that go on (False).
        simulated: Only those with scripted verdicts (True), or without (False).
        labelled: Only those of which somebody has found something out.
        shadowed: Only those beside which another policy ran.
        is_shadowed: Only those beside which another policy ran (True), or none did (False).
        newest_first: The other way round.
        limit: How many at most.
    """
    c = calls.c
    statement = sa.select(c.id).limit(limit)
    if since is not None:
        statement = statement.where(c.started_at >= since)
    if until is not None:
        statement = statement.where(c.started_at < until)
    if is_ended is not None:
        statement = statement.where(c.ended_at.is_not(None) if is_ended else c.ended_at.is_(None))
    if simulated is not None:
        statement = statement.where(c.simulated == simulated)
    if labelled:
        statement = statement.where(c.id.in_(sa.select(labels.c.call_id)))
    if shadowed:
        statement = statement.where(c.id.in_(sa.select(shadows.c.call_id)))
    order = (c.started_at.desc(), c.id.desc()) if newest_first else (c.started_at, c.id)
    return db.execute(statement.order_by(*order)).scalars().all()


def read(
    db: sa.Connection, ids: Iterable[str], *, samples: bool = True, shadows: bool = True, changes: bool = True
) -> list[Recording]:
    """Read calls. In a transaction of its own, ``CHUNK`` of them keep nobody waiting.

    Args:
        db: A transaction.
        ids: Which; one that is not there is left out.
        samples: Whether samples are read.
        shadows: Whether the policies that ran beside are read, and what they would have changed.
        changes: Whether changes of coverage and of disagreement are read, and not levels only.

    Returns:
        The calls, in the order of ``ids``.
    """
    found: list[Recording] = []
    for part in chunks(ids):
        found += _Part(db, [storable(one) for one in part], changes).read(samples, shadows)
    return found


def chunks(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Calls by the ``CHUNK``: as many as one transaction should read."""
    left = iter(ids)
    while part := tuple(islice(left, CHUNK)):
        yield part


class _Part:
    """A few calls on their way from the tables."""

    def __init__(self, db: sa.Connection, ids: Sequence[str], changes: bool) -> None:
        self._db = db
        self._ids = ids
        self._changes = changes
        self._unreadable: dict[str, int] = defaultdict(int)

    def read(self, with_samples: bool, with_shadows: bool) -> list[Recording]:
        rows = {row.id: row for row in self._db.execute(sa.select(calls).where(calls.c.id.in_(self._ids)))}
        judged = self._verdicts()
        changed = self._each(_transition, self._of(transitions))
        sampled = self._each(_sample, self._of(samples)) if with_samples else {}
        opened = self._each(stored, self._of(incidents, incidents.c.opened_at))
        labelled = self._each(_label, self._of(labels, labels.c.at, labels.c.subject))
        beside = self._each(_shadow, self._of(shadows, shadows.c.name)) if with_shadows else {}
        would = self._each(_shadow_change, self._of(shadow_transitions)) if with_shadows else {}
        return [
            self._recording(
                rows[one],
                verdicts=tuple(judged.get(one, ())),
                transitions=tuple(changed.get(one, ())),
                samples=tuple(sampled.get(one, ())),
                incidents=tuple(opened.get(one, ())),
                labels=tuple(labelled.get(one, ())),
                shadows=tuple(beside.get(one, ())),
                shadow_changes=tuple(would.get(one, ())),
            )
            for one in self._ids
            if one in rows
        ]

    def _of(self, table: sa.Table, *order: sa.Column[Any]) -> Iterator[_Row]:
        c = table.c
        statement = sa.select(table).where(c.call_id.in_(self._ids))
        if table is transitions and not self._changes:
            statement = statement.where(c.what == "level")
        yield from self._db.execute(statement.order_by(c.call_id, *order, *((c.id,) if "id" in c else ())))

    def _each(self, noun: Callable[[_Row], Any], rows: Iterable[_Row]) -> dict[str, list[Any]]:
        made: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            try:
                made[row.call_id].append(noun(row))
            except _UNREADABLE:
                self._unreadable[row.call_id] += 1
        return made

    def _verdicts(self) -> dict[str, list[Verdict]]:
        # Most of what there is to read: of each row, no name is looked up that need not be.
        c = verdicts.c
        statement = sa.select(
            c.call_id,
            c.participant_id,
            c.track_id,
            c.source,
            c.judgement,
            c.received_at,
            c.detector,
            c.model,
            c.score,
            c.message,
            c.sample_id,
            c.captured_at,
            c.signals,
            c.blind,
        )
        rows = self._db.execute(statement.where(c.call_id.in_(self._ids)).order_by(c.call_id, c.id))
        same = {"": ""}.setdefault  # names come again in each row; one text of each is enough
        made: dict[str, list[Verdict]] = defaultdict(list)
        for call_id, who, track, source, judgement, at, by, model, score, said, sample, taken, more, blind in rows:
            try:
                verdict = Verdict(
                    same(who, who),
                    same(track, track),
                    _SOURCES[source],
                    _JUDGEMENTS[judgement],
                    at,
                    same(by, by),
                    same(model, model),
                    score,
                    same(said, said),
                    sample,
                    taken,
                    NO_SIGNALS if more == "{}" else _mapping(more),
                    _BLIND[blind],
                )
            except _UNREADABLE:
                self._unreadable[call_id] += 1
            else:
                made[call_id].append(verdict)
        return made

    def _recording(self, row: _Row, **things: Any) -> Recording:
        try:
            metadata, thresholds = _mapping(row.metadata), _mapping(row.thresholds)
        except _UNREADABLE:
            metadata, thresholds = {}, {}
            self._unreadable[row.id] += 1
        return Recording(
            call=Call(row.id, row.started_at, metadata),
            detector=row.detector,
            simulated=bool(row.simulated),
            ended_at=row.ended_at,
            reason=row.reason or "",
            config_hash=row.config_hash or "",
            policy=RecordedPolicy(row.policy or "", thresholds, row.policy_failed or ""),
            unreadable=self._unreadable.get(row.id, 0),
            **things,
        )


def _mapping(text: str | None) -> Mapping[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise TypeError("not a mapping")
    return found


def _transition(row: _Row) -> Transition:
    match row.what:
        case "level":
            return _level(row)
        case "coverage":
            before, after = Coverage(_COVERAGE[row.before]), Coverage(_COVERAGE[row.after], row.cause)
            return CoverageChanged(row.call_id, row.participant_id, _SOURCES[row.source], before, after, row.at)
        case "disagreement":
            source = _SOURCES[row.source]
            return DisagreementChanged(row.call_id, row.participant_id, source, row.before, row.after, row.at)
    raise KeyError(row.what)


def _level(row: _Row) -> LevelChanged:
    return LevelChanged(
        row.call_id,
        row.participant_id,
        _TRACKS[row.source],
        _LEVELS[row.before],
        _LEVELS[row.after],
        row.at,
        row.cause,
        row.rule or "",
        row.verdicts or 0,
    )


def _shadow_change(row: _Row) -> ShadowChanged:
    return ShadowChanged(row.shadow, _level(row))


def _sample(row: _Row) -> SampleRecord:
    return SampleRecord(
        id=row.sample_id,
        participant_id=row.participant_id,
        track_id=row.track_id,
        source=_SOURCES[row.source],
        captured_at=row.captured_at,
        ended_at=row.ended_at,
        outcome=_OUTCOMES[row.outcome],
        reason=row.reason,
        format=_FORMATS[row.format],
        width=row.width,
        height=row.height,
        size=row.size,
    )


def _label(row: _Row) -> Labelled:
    return Labelled(
        call_id=row.call_id,
        participant_id=row.participant_id,
        label=_LABELS[row.label],
        at=row.at,
        by=row.by,
        incident_id=row.incident_id or "",
        comment=row.comment,
    )


def _shadow(row: _Row) -> RecordedPolicy:
    return RecordedPolicy(row.policy, _mapping(row.thresholds), row.failed or "", row.name)


__all__ = ["CHUNK", "call_ids", "chunks", "read"]
