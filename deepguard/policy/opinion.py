"""What one detector's verdicts make of one track: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from deepguard.model import Judgement, Level, Source, Verdict
from deepguard.thresholds import After, Scores, Thresholds, as_after

# ``error`` and ``unknown`` are left out on purpose: a detector that failed or cannot say has given no evidence, neither
# for the participant nor against, so such a verdict changes no level and breaks no run. That nobody is watching
# meanwhile is told by coverage. Nor is anybody cleared by a picture that shows nothing: covering the lens must not end
# an alert.
LEVEL_OF: Mapping[str, Level] = {
    Judgement.CLEAR: Level.CLEAR,
    Judgement.SUSPICIOUS: Level.SUSPICIOUS,
    Judgement.ALERT: Level.ALERT,
}


def evidence_in(judgement: str, blind: str | None) -> Level | None:
    """What a verdict speaks for; None when it is no evidence.

    Args:
        judgement: What the detector said.
        blind: Why the sample showed nothing, if it did not.
    """
    level = LEVEL_OF.get(judgement)
    return None if blind and level is Level.CLEAR else level


Range: TypeAlias = tuple[Level, Level]
"""From the lowest to the highest level that counts toward a rule."""

ALERT: Range = (Level.ALERT, Level.ALERT)
SUSPICIOUS_OR_ALERT: Range = (Level.SUSPICIOUS, Level.ALERT)
CLEAR: Range = (Level.CLEAR, Level.CLEAR)
BELOW_ALERT: Range = (Level.CLEAR, Level.SUSPICIOUS)
RANGES = (ALERT, SUSPICIOUS_OR_ALERT, CLEAR, BELOW_ALERT)

_KINDS = {
    ALERT: "alert",
    SUSPICIOUS_OR_ALERT: "suspicious or alert",
    CLEAR: "clear",
    BELOW_ALERT: "suspicious or clear",
}

Heard: TypeAlias = tuple[Level, float]
"""One verdict: what it was taken for, and when its sample was captured."""
Run: TypeAlias = tuple[int, float]
"""Verdicts in a row: how many, and when the sample of the first was captured."""
_NO_RUN: Run = (0, 0.0)


class Opinion(NamedTuple):
    """What one detector holds a track for, and what that rests on.

    Attributes:
        level: The level.
        at: When the latest sample that it judged was captured.
        recent: The latest verdicts, as many as the rules look at.
        since_fall: So many verdicts came since the level last fell, at most as many as are kept.
        since_rise: So many verdicts came since the level last rose, at most as many as are kept.
        runs: For each of ``RANGES``: how many of the latest verdicts in a row lie in it, and when they began.
        score: The smoothed score; None before the first.
        scored: What the score is taken for.
    """

    level: Level = Level.CLEAR
    at: float = 0.0
    recent: tuple[Heard, ...] = ()
    since_fall: int = 0
    since_rise: int = 0
    runs: tuple[Run, ...] = (_NO_RUN,) * len(RANGES)
    score: float | None = None
    scored: Level = Level.CLEAR


class Reason(NamedTuple):
    """Why an opinion changed.

    Attributes:
        cause: For people.
        rule: The threshold, as a path below ``policy``.
        verdicts: On how many of the latest verdicts it rests; 0 where a time decides.
    """

    cause: str = ""
    rule: str = ""
    verdicts: int = 0


NO_REASON = Reason()


class Rules:
    """The thresholds that an opinion follows."""

    def __init__(self, thresholds: Thresholds) -> None:
        """Prepare to follow ``thresholds``."""
        self._suspicious = as_after(thresholds.suspicious_after)
        self._alert = as_after(thresholds.alert_after)
        self._clear = as_after(thresholds.clear_after)
        self._scores = thresholds.scores
        self._max_age = thresholds.max_age
        rules = (self._suspicious, self._alert, self._clear)
        # Runs are counted; single verdicts are kept only where some of them may stop to count.
        self._keep = max(rule.of or (rule.verdicts if thresholds.max_age else 0) for rule in rules)

    def counts(self, at: float, now: float) -> bool:
        """Whether a verdict on a sample that was captured at ``at`` still counts."""
        return self._max_age is None or not now - at > self._max_age

    def advance(self, before: Opinion, verdict: Verdict, at: float, now: float) -> tuple[Opinion, Reason] | None:
        """Take one verdict in.

        Args:
            before: The opinion until now.
            verdict: The verdict.
            at: When its sample was captured.
            now: Unix time in seconds.

        Returns:
            The opinion from now on, and why its level changed; None when the verdict is no evidence.
        """
        judged = evidence_in(verdict.judgement, verdict.blind)
        if judged is None:
            return None
        if self._max_age is not None:
            before = self._aged(before, now)
        score, scored = before.score, before.scored
        if self._scores is not None and verdict.score is not None:
            score = _smoothed(before, verdict.score, at, self._scores.half_life)
            judged = scored = _taken_for(score, before.scored, self._scores)
        recent = (*before.recent, (judged, at))[-self._keep :] if self._keep else ()
        since_fall = min(before.since_fall + 1, self._keep)
        since_rise = min(before.since_rise + 1, self._keep)
        runs = _runs(before.runs, judged, at)
        level, reason = self._decide(before.level, judged, recent, since_fall, since_rise, runs, at, verdict, score)
        if level > before.level:
            since_rise = 0
        elif level < before.level:
            since_fall = 0
        return Opinion(level, max(at, before.at), recent, since_fall, since_rise, runs, score, scored), reason

    def _aged(self, before: Opinion, now: float) -> Opinion:
        """An opinion without what has become too old to count."""
        if not self.counts(before.at, now):
            return Opinion()
        recent = tuple(heard for heard in before.recent if self.counts(heard[1], now))
        return before if len(recent) == len(before.recent) else before._replace(recent=recent)

    def _decide(
        self,
        level: Level,
        judged: Level,
        recent: tuple[Heard, ...],
        since_fall: int,
        since_rise: int,
        runs: tuple[Run, ...],
        at: float,
        verdict: Verdict,
        score: float | None,
    ) -> tuple[Level, Reason]:
        # Only a verdict that itself speaks for a change brings it about, whatever the others among the latest say. What
        # was heard before the level last fell does not raise it again, and the other way round.
        if judged > level:
            asked = [(Level.ALERT, ALERT, self._alert, "alert_after")] if judged is Level.ALERT else []
            if level is Level.CLEAR:
                asked.append((Level.SUSPICIOUS, SUSPICIOUS_OR_ALERT, self._suspicious, "suspicious_after"))
            window = since_fall
        elif judged < level:
            asked = [(Level.CLEAR, CLEAR, self._clear, "clear_after")] if judged is Level.CLEAR else []
            if level is Level.ALERT:
                asked.append((Level.SUSPICIOUS, BELOW_ALERT, self._clear, "clear_after"))
            window = since_rise
        else:
            return level, NO_REASON
        for reached, within, rule, name in asked:
            if self._met(rule, within, recent, window, runs, at):
                cause = _cause(rule, within, judged, verdict.source, score if self._scores else None)
                return reached, Reason(cause, f"thresholds.{name}", 0 if rule.seconds else rule.of or rule.verdicts)
        return level, NO_REASON

    def _met(
        self, rule: After, within: Range, recent: tuple[Heard, ...], window: int, runs: tuple[Run, ...], at: float
    ) -> bool:
        count, began = runs[RANGES.index(within)]
        if rule.seconds:
            return count > 0 and at - began >= rule.seconds
        low, high = within
        if rule.of:
            latest = recent[-min(rule.of, window) :]
            return sum(low <= level <= high for level, _ in latest) >= rule.verdicts
        if self._max_age is None:
            return count >= rule.verdicts
        return len(recent) >= rule.verdicts and all(low <= level <= high for level, _ in recent[-rule.verdicts :])


def _runs(before: tuple[Run, ...], judged: Level, at: float) -> tuple[Run, ...]:
    # Written out, since it is done for each verdict: in the order of ``RANGES``.
    alert, suspicious_or_alert, clear, below_alert = before
    if judged is Level.ALERT:
        return (_longer(alert, at), _longer(suspicious_or_alert, at), _NO_RUN, _NO_RUN)
    if judged is Level.SUSPICIOUS:
        return (_NO_RUN, _longer(suspicious_or_alert, at), _NO_RUN, _longer(below_alert, at))
    return (_NO_RUN, _NO_RUN, _longer(clear, at), _longer(below_alert, at))


def _longer(run: Run, at: float) -> Run:
    count, began = run
    return (count + 1, began) if count else (1, at)


def _smoothed(before: Opinion, score: float, at: float, half_life: float) -> float:
    if before.score is None or not half_life:
        return score
    # By time and not by count: samples come five times as often while somebody is suspected.
    kept = 0.5 ** (max(0.0, at - before.at) / half_life)
    return score + kept * (before.score - score)


def _taken_for(score: float, before: Level, scores: Scores) -> Level:
    alert, suspicious = scores.alert, scores.suspicious
    if score >= alert.rise or (before is Level.ALERT and score >= alert.fall):
        return Level.ALERT
    if score >= suspicious.rise or (before >= Level.SUSPICIOUS and score >= suspicious.fall):
        return Level.SUSPICIOUS
    return Level.CLEAR


def _cause(rule: After, within: Range, judged: Level, source: Source, score: float | None) -> str:
    noun = "verdict" if score is None else "score"
    latest = "" if score is None else f" ({score:.2f})"
    if rule.seconds:
        return f"{_KINDS[within]} {noun}s for {rule.seconds:g} s on the {source}{latest}"
    if rule.of:
        return f"{rule.verdicts} of the latest {rule.of} {noun}s on the {source} were {_KINDS[within]}{latest}"
    if rule.verdicts == 1:
        return f"{'an' if judged is Level.ALERT else 'a'} {judged} {noun} on the {source}{latest}"
    return f"{rule.verdicts} {_KINDS[within]} {noun}s in a row on the {source}{latest}"


__all__ = ["LEVEL_OF", "NO_REASON", "Opinion", "Reason", "Rules", "evidence_in"]
