"""The work of a replay: calls played through one candidate or two, and compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from deepguard.replay.calls import PART, ExportedCalls, Meant, StoredCalls, Wanted, in_parts
from deepguard.replay.candidate import Candidate, Named, Played
from deepguard.replay.compare import Changed, Comparison, Failure, weigh
from deepguard.replay.coverage import Seen, seen_in, told
from deepguard.replay.coverage import Told as ToldOf
from deepguard.replay.crew import Beat, work
from deepguard.replay.errors import ReplayError
from deepguard.replay.outcome import Outcome, recorded, same
from deepguard.replay.tally import first_suspicions, first_verdicts
from deepguard.replay.truth import truths
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.config.models import CoverageParams
    from deepguard.store.recording import Recording

FEW = 200
"""So few calls are played before other processes would have started."""
MOST_HUNG = 3
"""After so many calls in which the policy had to be cut off, the rest is not tried: each of them takes seconds."""
PART_SECONDS = 600.0
"""What a part may take for which nobody else's code runs."""

STUCK_SECONDS = 5.0
"""How long after its time a policy is taken for one that cannot be cut off."""

Part: TypeAlias = "Sequence[str] | Sequence[Recording]"
"""Calls of a store by their ids, or calls themselves."""
Told: TypeAlias = Callable[[int], None]
"""Told how many calls have been played since it was told last."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared. Can be pickled.

    Attributes:
        after: The candidate.
        before: What it is compared with; None: what was recorded.
        coverage: What decided what was told of coverage when the calls were recorded.
        store_url: Where the calls are, when a part holds their ids.
        most: How many of the calls that change are kept with their time lines.
    """

    after: Named
    before: Named | None
    coverage: CoverageParams
    store_url: str = field(default="", repr=False)
    most: int = 10


class Comparing:
    """Compares two candidates, part by part."""

    def __init__(self, plan: Plan) -> None:
        """Load what the plan names, and open the store.

        Args:
            plan: What is to be compared.

        Raises:
            DeepguardError: Something of it cannot be used.
        """
        self._plan = plan
        self._after = Candidate(plan.after)
        self._before = Candidate(plan.before) if plan.before is not None else None
        both = [one for one in (self._before, self._after) if one is not None]
        self._custom = any(one.custom for one in both)
        self._seconds = max(one.seconds for one in both)
        self._store = StoredCalls(plan.store_url) if plan.store_url else None

    def take(self, part: Part, beat: Beat) -> Comparison:
        """Compare the calls of a part.

        Args:
            part: Ids of calls in the store, or calls.
            beat: Told of each call before somebody else's code decides on it.

        Raises:
            DeepguardError: The store failed, or what was named is no policy.
        """
        beat.begin("", PART_SECONDS)
        calls = read_part(part, self._store)
        found = Comparison(self._plan.most)
        for recording in calls:
            if self._custom:
                beat.begin(recording.call.id, STUCK_SECONDS + 2 * self._seconds)
            found.add(self._compare(recording, beat))
        beat.begin("", PART_SECONDS)
        return found

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _compare(self, recording: Recording, beat: Beat) -> Comparison:
        played = self._after.play(recording, beat.pulse)
        after = played.outcome
        before, params = recorded(recording), self._plan.coverage
        if self._before is not None:
            before, params = self._before.play(recording, beat.pulse).outcome, self._before.config.coverage
        seen = seen_in(recording)
        tolds = told(seen, params), told(seen, self._after.config.coverage)
        found = compared(recording, before, after, seen, tolds, self._plan.most)
        _note_failure(found, recording, played)
        return found


def compared(
    recording: Recording, before: Outcome, after: Outcome, seen: Seen, tolds: tuple[ToldOf, ToldOf], most: int
) -> Comparison:
    """Compare what two policies made of one call.

    Args:
        recording: The call.
        before: What the one made of it.
        after: What the other made of it.
        seen: The call's coverage.
        tolds: What each would have told of that.
        most: How many changed calls are kept with their time lines.
    """
    found = Comparison(most)
    truth = truths(recording.labels)
    first, suspected = first_verdicts(recording), first_suspicions(recording)
    for tally, outcome, lost in zip((found.before, found.after), (before, after), tolds, strict=True):
        tally.take(recording, outcome, first=first, suspected=suspected, truth=truth, seen=seen, told=lost)
    found.unreadable += recording.unreadable
    found.note_participants(before, after)
    if not same(before, after) or tolds[0] != tolds[1]:
        call, seconds = recording.call, recording.seconds
        found.changed.append((call.started_at, call.id))
        found.shown.append(
            Changed(
                weigh(call, before, after, truth),
                call,
                seconds,
                recording.simulated,
                truth,
                before,
                after,
                (tolds[0].lost, tolds[1].lost),
                seen.unwatched(call.started_at, call.started_at + seconds),
            )
        )
    return found


def compare(plan: Plan, parts: Iterable[Part], *, jobs: int, on_played: Told = lambda _count: None) -> Comparison:
    """Compare two candidates.

    Args:
        plan: What is to be compared.
        parts: The calls.
        jobs: How many processes; 0: none, this one does it.
        on_played: Told of progress.

    Raises:
        DeepguardError: Something cannot be used; a process died; the policy hangs.
    """
    found = Comparison(plan.most)
    for one in work(parts, partial(Comparing, plan), jobs):
        found.add(one)
        if found.hung > MOST_HUNG:
            first = next(failure for failure in found.failures if failure.hung)
            raise ReplayError(
                f"{first.reason}, in call {one_line(first.call_id, 64)} and in {found.hung - 1} more: the rest was not "
                "tried"
            )
        on_played(one.after.calls)
    found.changed.sort()
    return found


def read_part(part: Part, store: StoredCalls | None) -> Sequence[Recording]:
    """The calls of a part.

    Args:
        part: Ids of calls in the store, or calls.
        store: The store, when a part holds ids.
    """
    # A part of a store holds ids only, and one of a file holds calls only.
    return part if store is None else store.read(part)  # pyright: ignore[reportReturnType, reportArgumentType]


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls to play.

    Attributes:
        parts: The calls, some at a time; to be read once.
        count: How many there are; None when nobody knows before they have been read.
        exported: The files that they come from; None for a store.
        store_url: The store that they come from; empty for files.
    """

    parts: Iterable[Part]
    count: int | None
    exported: ExportedCalls | None = None
    store_url: str = field(default="", repr=False)


def stored(url: str, wanted: Wanted, meant: Meant) -> Calls:
    """Calls of a store.

    Args:
        url: ``store.url``.
        wanted: Which calls.
        meant: Finds the id of a call that was named.

    Raises:
        StoreError: It cannot be used.
        DeepguardError: A call that was named is not there.
    """
    with closing(StoredCalls(url)) as store:
        ids = store.ids(wanted, meant)
    return Calls([ids[start : start + PART] for start in range(0, len(ids), PART)], len(ids), store_url=url)


def exported(calls: ExportedCalls) -> Calls:
    """Calls of files."""
    return Calls(in_parts(calls), None, calls)


def jobs_for(count: int | None, custom: bool, asked: int | None) -> int:
    """How many processes to play calls with; 0: none but this one.

    Args:
        count: How many calls; None when nobody knows.
        custom: Whether somebody else's code decides: what hangs for good is then ended with its process.
        asked: What was asked for.
    """
    if asked is not None:
        return asked
    if count is not None and count <= FEW:
        return 1 if custom else 0
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _note_failure(found: Comparison, recording: Recording, played: Played) -> None:
    if played.outcome.failed:
        found.failures.append(Failure(recording.call.started_at, recording.call.id, played.outcome.failed, played.hung))
    found.hung += played.hung


__all__ = [
    "Calls",
    "Comparing",
    "Plan",
    "compare",
    "compared",
    "exported",
    "jobs_for",
    "read_part",
    "stored",
]
