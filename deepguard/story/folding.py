"""Makes many verdicts that say the same one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from deepguard.story.timeline import Heard, Lost, Moment

FEWEST = 3
"""So many of a kind are folded, fewer are not."""


class Run(NamedTuple):
    """Verdicts that say the same, or samples that ended the same way, with nothing else between them.

    Attributes:
        at: When the first of them came.
        until: When the last did.
        first: The first.
        times: How many.
        lowest: The lowest of their scores; None where they have none.
        highest: The highest.
    """

    at: float
    until: float
    first: Heard | Lost
    times: int
    lowest: float | None = None
    highest: float | None = None


Line: TypeAlias = Moment | Run


def folded(moments: Iterable[Moment]) -> Iterator[Line]:
    """Fold long runs of equal verdicts; those that a change rests on stand alone.

    Args:
        moments: In order.
    """
    waiting: list[Heard | Lost] = []
    for moment in moments:
        if isinstance(moment, Lost) or (isinstance(moment, Heard) and not moment.counts):
            waiting.append(moment)
            continue
        yield from _fold(waiting)
        waiting = []
        yield moment
    yield from _fold(waiting)


def _fold(waiting: Iterable[Heard | Lost]) -> Iterator[Line]:
    kinds: dict[object, list[Heard | Lost]] = {}
    for one in waiting:
        kinds.setdefault(_kind(one), []).append(one)
    lines: list[Line] = []
    for alike in kinds.values():
        lines += [_run(alike)] if len(alike) >= FEWEST else alike
    yield from sorted(lines, key=lambda line: line.at)


def _kind(one: Heard | Lost) -> object:
    if isinstance(one, Heard):
        verdict = one.verdict
        return Heard, verdict.source, verdict.detector, verdict.judgement, verdict.blind
    return Lost, one.sample.source, one.sample.outcome


def _run(alike: list[Heard | Lost]) -> Run:
    scores = [one.verdict.score for one in alike if isinstance(one, Heard) and one.verdict.score is not None]
    return Run(alike[0].at, alike[-1].at, alike[0], len(alike), min(scores, default=None), max(scores, default=None))


__all__ = ["FEWEST", "Line", "Run", "folded"]
