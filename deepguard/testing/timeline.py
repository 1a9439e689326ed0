"""Verdicts and what followed from them, in lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from deepguard.model import DisagreementChanged, LevelChanged, Verdict
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.testing.playing import Moment

MOST_LINES = 200


def verdict_line(verdict: Verdict) -> str:
    """Whose, on what, and what it says."""
    score = "" if verdict.score is None else f" ({verdict.score:.2f})"
    detector = f" by {one_line(verdict.detector, 40)}" if verdict.detector else ""
    late = "" if verdict.captured_at is None else f", captured {verdict.received_at - verdict.captured_at:g} s before"
    late = "" if verdict.captured_at == verdict.received_at else late
    who = one_line(verdict.participant_id, 40) or "''"
    return f"{who} {verdict.source} {verdict.judgement}{score}{detector}{late}"


def stream_lines(verdicts: Sequence[Verdict]) -> str:
    """A stream, one verdict a line, with seconds since the first."""
    begin = verdicts[0].received_at if verdicts else 0.0
    return "\n".join(_cut(f"{one.received_at - begin:9g} s  {verdict_line(one)}" for one in verdicts))


def moment_lines(moments: Sequence[Moment]) -> list[str]:
    """What followed from each verdict; several alike, from which nothing followed, share a line."""
    return list(_cut(_lines(moments)))


def _lines(moments: Sequence[Moment]) -> Iterator[str]:
    run: list[Moment] = []
    for moment in moments:
        if run and (_follows(moment) or verdict_line(moment.verdict) != verdict_line(run[0].verdict)):
            yield _run_line(run)
            run = []
        if _follows(moment):
            yield f"{moment.at:9g} s  {verdict_line(moment.verdict)}: {'; '.join(_follows(moment))}"
        else:
            run.append(moment)
    if run:
        yield _run_line(run)


def _run_line(run: list[Moment]) -> str:
    first, last = run[0], run[-1]
    if len(run) == 1:
        return f"{first.at:9g} s  {verdict_line(first.verdict)}"
    return f"{first.at:9g} s  {verdict_line(first.verdict)}, {len(run)} times until {last.at:g} s"


def _follows(moment: Moment) -> list[str]:
    told = [_change_line(change) for change in moment.changes]
    return [*told, str(moment.told)] if moment.told is not None else told


def _change_line(change: LevelChanged | DisagreementChanged) -> str:
    if isinstance(change, DisagreementChanged):
        return f"detectors of the {change.source}: {one_line(change.after) or 'agree again'}"
    why = f" ({one_line(change.cause)}{f'; {one_line(change.rule)}' if change.rule else ''})" if change.cause else ""
    return f"{change.source or 'participant'} {change.before} → {change.after}{why}"


def _cut(lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield from every[:MOST_LINES]
    if len(every) > MOST_LINES:
        yield f"… and {len(every) - MOST_LINES} lines more"


__all__ = ["moment_lines", "stream_lines", "verdict_line"]
