"""Plays labelled calls through many thresholds at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from deepguard.model import Judgement
from deepguard.policy.machine import ThresholdPolicy
from deepguard.replay.calls import StoredCalls
from deepguard.replay.crew import Beat, work
from deepguard.replay.play import play
from deepguard.replay.search import FOLDS, Score, fold_of
from deepguard.replay.tally import first_suspicions, first_verdicts, milliseconds
from deepguard.replay.truth import Truth, truths
from deepguard.replay.work import PART_SECONDS, Part, read_part

if TYPE_CHECKING:
    from deepguard.store.recording import Recording
    from deepguard.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. Can be pickled.

    Attributes:
        thresholds: Each of them.
        seed: Decides which call is in which fold.
        store_url: Where the calls are, when a part holds their ids.
        assume_genuine: Whether participants without a label count as genuine.
    """

    thresholds: tuple[Thresholds, ...]
    seed: int
    store_url: str = field(default="", repr=False)
    assume_genuine: bool = False


@dataclass
class Tested:
    """What came of a part.

    Attributes:
        scores: For each of the thresholds, fold by fold.
        calls: How many calls were played.
        verdicts: How many verdicts they have.
        scored: How many of these have a score.
    """

    scores: list[list[Score]]
    calls: int = 0
    verdicts: int = 0
    scored: int = 0

    def add(self, other: Tested) -> None:
        """Take in what another one counted."""
        for mine, more in zip(self.scores, other.scores, strict=True):
            for score, another in zip(mine, more, strict=True):
                score.add(another)
        self.calls += other.calls
        self.verdicts += other.verdicts
        self.scored += other.scored


class Trying:
    """Plays parts through the thresholds of a trial."""

    def __init__(self, trial: Trial) -> None:
        """Open the store.

        Args:
            trial: What is tried.

        Raises:
            StoreError: It cannot be used.
        """
        self._trial = trial
        self._policies = [ThresholdPolicy(one) for one in trial.thresholds]
        rises = [one.scores.alert.rise for one in trial.thresholds if one.scores is not None]
        self._lowest = min(rises, default=math.inf)
        self._store = StoredCalls(trial.store_url) if trial.store_url else None

    def take(self, part: Part, beat: Beat) -> Tested:
        """Play the calls of a part.

        Args:
            part: Ids of calls in the store, or calls.
            beat: Told that it begins.

        Raises:
            StoreError: The store failed.
        """
        found = nothing(len(self._policies))
        for recording in read_part(part, self._store):
            beat.begin("", PART_SECONDS)
            self._try(recording, found)
        return found

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _try(self, recording: Recording, found: Tested) -> None:
        known = dict(truths(recording.labels))
        if self._trial.assume_genuine:
            known = dict.fromkeys(first_verdicts(recording), Truth.GENUINE) | known
        if not known:
            return
        found.calls += 1
        found.verdicts += len(recording.verdicts)
        found.scored += sum(verdict.score is not None for verdict in recording.verdicts)
        fold = fold_of(recording.call.id, self._trial.seed)
        same_for_all = Score(
            call_ms=milliseconds(recording.seconds),
            fake=sum(truth is Truth.FAKE for truth in known.values()),
            genuine=sum(truth is Truth.GENUINE for truth in known.values()),
        )
        for scores in found.scores:
            scores[fold].add(same_for_all)
        heard = self._worth_playing(recording, known)
        if not heard.verdicts:
            return
        suspected = first_suspicions(heard)
        for policy, scores in zip(self._policies, found.scores, strict=True):
            incidents = play(heard, policy, policy.thresholds).incidents
            if incidents:
                opened: dict[str, float] = {}
                for incident in incidents:
                    opened.setdefault(incident.participant_id, incident.opened_at)
                    scores[fold].false_alarms += known[incident.participant_id] is Truth.GENUINE
                for participant, at in opened.items():
                    fake = known[participant] is Truth.FAKE
                    scores[fold].fake_alerted += fake
                    scores[fold].genuine_alerted += not fake
                    if fake:
                        scores[fold].to_alert.add(milliseconds(max(0.0, at - suspected.get(participant, at))))

    def _worth_playing(self, recording: Recording, known: Mapping[str, Truth]) -> Recording:
        """A call with the verdicts of those participants who could have an incident under any of the thresholds."""
        suspects = {
            verdict.participant_id
            for verdict in recording.verdicts
            if verdict.judgement is Judgement.ALERT or (verdict.score is not None and verdict.score >= self._lowest)
        } & known.keys()
        return replace(recording, verdicts=tuple(one for one in recording.verdicts if one.participant_id in suspects))


def tried(
    trial: Trial, parts: Iterable[Part], *, jobs: int, on_played: Callable[[int], None] = lambda _count: None
) -> Tested:
    """Play calls through the thresholds of a trial.

    Args:
        trial: What is tried.
        parts: The calls.
        jobs: How many processes; 0: none, this one does it.
        on_played: Told how many calls have been played since.

    Raises:
        DeepguardError: The store failed, or a process died.
    """
    found = nothing(len(trial.thresholds))
    for one in work(parts, partial(Trying, trial), jobs):
        found.add(one)
        on_played(one.calls)
    return found


def nothing(count: int) -> Tested:
    """What came of no part, for so many thresholds."""
    return Tested([[Score() for _ in range(FOLDS)] for _ in range(count)])


__all__ = ["Tested", "Trial", "Trying", "nothing", "tried"]
