"""Searches thresholds on labelled calls: what is tried, what is best, and how far that can be trusted."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeAlias

from deepguard.replay.settings import Setting, first_settings, next_to, simplicity
from deepguard.replay.spread import Spread
from deepguard.replay.tally import HOUR_MS, share

if TYPE_CHECKING:
    from deepguard.thresholds import Thresholds

FOLDS = 5
FEW_LABELS = 10
"""Fewer labelled participants of a kind than this prove little."""


@dataclass
class Score:
    """How right thresholds were, as counts that add up in any order.

    Attributes:
        call_ms: How long the calls lasted.
        fake: Participants that were fake.
        genuine: Participants that were genuine.
        fake_alerted: Fake ones that had an incident.
        genuine_alerted: Genuine ones that had an incident.
        false_alarms: Incidents of genuine ones.
        to_alert: From a fake participant's first verdict of suspicious or alert to their first incident.
    """

    call_ms: int = 0
    fake: int = 0
    genuine: int = 0
    fake_alerted: int = 0
    genuine_alerted: int = 0
    false_alarms: int = 0
    to_alert: Spread = field(default_factory=Spread)

    def add(self, other: Score) -> None:
        """Take in what another one counted."""
        for one in fields(self):
            mine = getattr(self, one.name)
            mine += getattr(other, one.name)
            setattr(self, one.name, mine)

    @property
    def recall(self) -> float:
        """Which share of the fake participants had an incident; 0 when there is none."""
        return share(self.fake_alerted, self.fake) or 0.0

    @property
    def specificity(self) -> float:
        """Which share of the genuine participants had none; 1 when there is none."""
        return 1.0 - (share(self.genuine_alerted, self.genuine) or 0.0)

    @property
    def precision(self) -> float | None:
        """Which share of the participants that had an incident is fake; None when none had one."""
        return share(self.fake_alerted, self.fake_alerted + self.genuine_alerted)

    @property
    def false_alarms_per_hour(self) -> float:
        """Incidents of genuine participants for each hour of calls."""
        return self.false_alarms * HOUR_MS / self.call_ms if self.call_ms else 0.0

    @property
    def seconds(self) -> float:
        """Half of the fake participants that were alerted had waited no longer; 0 when none was alerted."""
        return self.to_alert.quantile(0.5) or 0.0


Scores: TypeAlias = "list[Score]"
"""One for each fold."""
Evaluate: TypeAlias = "Callable[[Sequence[Thresholds]], list[Scores]]"
"""Plays the labelled calls through each of these thresholds."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of thresholds.

    Attributes:
        max_false_alarms: So many false alarms for each hour of calls at most; None: no bound.
        min_recall: At least this share of the fakes is found; None: no bound.
    """

    max_false_alarms: float | None = None
    min_recall: float | None = None

    def met(self, score: Score) -> bool:
        """Whether both bounds hold."""
        return (self.max_false_alarms is None or score.false_alarms_per_hour <= self.max_false_alarms) and (
            self.min_recall is None or score.recall >= self.min_recall
        )

    def key(self, score: Score) -> tuple[float, ...]:
        """The smaller, the better: bounds first, then what was not bounded, then time.

        Without bounds the mean of recall and of the share of genuine participants that are left alone decides.
        """
        missing = 0.0
        if self.max_false_alarms is not None:
            missing += max(0.0, score.false_alarms_per_hour - self.max_false_alarms)
        if self.min_recall is not None:
            missing += max(0.0, self.min_recall - score.recall)
        if self.min_recall is not None:
            return (missing, score.false_alarms_per_hour, -score.recall, score.seconds)
        if self.max_false_alarms is not None:
            return (missing, -score.recall, score.false_alarms_per_hour, score.seconds)
        return (-(score.recall + score.specificity), score.false_alarms_per_hour, score.seconds)


@dataclass(frozen=True, slots=True)
class Tried:
    """Thresholds, and how right they were.

    Attributes:
        thresholds: What was tried.
        score: In all calls.
        folds: Fold by fold.
    """

    thresholds: Thresholds
    score: Score
    folds: Scores


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        tried: Everything that was tried; the first is what is in use.
        front: Those that nothing is better than in both recall and false alarms, by false alarms.
        best: The recommended one.
        held_out: How right the same search was in calls that it had not seen, fold by fold, added up.
        met: Whether ``best`` holds the bounds that were asked for.
    """

    tried: list[Tried]
    front: list[Tried]
    best: Tried
    held_out: Score
    met: bool

    @property
    def present(self) -> Tried:
        """What is in use."""
        return self.tried[0]


def search(base: Thresholds, evaluate: Evaluate, goal: Goal, *, tries: int, seed: int, scores: bool) -> Found:
    """Search thresholds: a grid and some at random first, then around the best ones. The same seed finds the same.

    Args:
        base: What is in use; what is not searched comes from here.
        evaluate: Plays the calls.
        goal: What is asked for.
        tries: How many thresholds are tried at most.
        seed: Where chance begins.
        scores: Whether verdicts have scores.
    """
    rng = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    known: dict[Thresholds, Tried] = {}

    def attempt(settings: Iterable[Setting]) -> None:
        made = [setting.thresholds(base) for setting in settings]
        new = [one for one in dict.fromkeys(made) if one not in known][: max(0, tries - len(known))]
        for one, folds in zip(new, evaluate(new) if new else (), strict=True):
            known[one] = Tried(one, total(folds), folds)

    known[base] = Tried(base, total(found := evaluate([base])[0]), found)
    of = {setting.thresholds(base): setting for setting in first_settings(rng, max(1, tries // 2), scores=scores)}
    attempt(of.values())
    while len(known) < tries:
        near = [tried.thresholds for tried in _near(list(known.values()), goal)]
        around = {
            setting.thresholds(base): setting
            for one in near
            if one in of
            for setting in next_to(of[one], scores=scores)
        }
        fresh = {one: setting for one, setting in around.items() if one not in known}
        if not fresh:
            break
        of |= fresh
        # A round is no larger than what is left, nor so large that the next one could learn nothing of it.
        attempt(list(fresh.values())[: max(8, tries // 6)])
    tried = list(known.values())
    best = min(tried, key=lambda one: (goal.key(one.score), simplicity(one.thresholds)))
    return Found(tried, pareto(tried), best, held_out(tried, goal), goal.met(best.score))


def total(folds: Iterable[Score]) -> Score:
    """Scores, added up."""
    summed = Score()
    for one in folds:
        summed.add(one)
    return summed


def pareto(tried: Sequence[Tried]) -> list[Tried]:
    """Those than which no other finds as many fakes with fewer false alarms, or more with as many.

    Of those that are equal in both the quickest stays, and of those the simplest.
    """
    front: list[Tried] = []
    for one in sorted(
        tried,
        key=lambda each: (
            each.score.false_alarms_per_hour,
            -each.score.recall,
            each.score.seconds,
            simplicity(each.thresholds),
        ),
    ):
        if not front or one.score.recall > front[-1].score.recall:
            front.append(one)
    return front


def held_out(tried: Sequence[Tried], goal: Goal) -> Score:
    """How right the choice is in calls that it was not made by.

    Each fold in turn is left out; the best of the others is held against it.
    """
    summed = Score()
    for left_out in range(FOLDS):

        def key(one: Tried, fold: int = left_out) -> tuple[object, ...]:
            rest = total(score for number, score in enumerate(one.folds) if number != fold)
            return (goal.key(rest), simplicity(one.thresholds))

        summed.add(min(tried, key=key).folds[left_out])
    return summed


def fold_of(call_id: str, seed: int) -> int:
    """The fold of a call: the same on every machine, in any order."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{call_id}".encode("utf-8", "replace")).digest()[:4]) % FOLDS


def _near(tried: Sequence[Tried], goal: Goal) -> list[Tried]:
    """Around which to go on: the best, then the front from its middle on."""
    best = sorted(tried, key=lambda one: (goal.key(one.score), simplicity(one.thresholds)))[:4]
    return list({id(one): one for one in [*best, *pareto(tried)]}.values())


__all__ = [
    "FEW_LABELS",
    "FOLDS",
    "Evaluate",
    "Found",
    "Goal",
    "Score",
    "Scores",
    "Tried",
    "fold_of",
    "held_out",
    "pareto",
    "search",
    "total",
]
