"""The default policy: counts verdicts in a row, each track by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from deepguard.contracts import PolicyStep, Thresholds
from deepguard.model import Judgement, Level, Source, Verdict

# ``error`` and ``unknown`` are left out on purpose: a detector that failed or cannot say has given no evidence, neither
# for the participant nor against, so such a verdict changes no level and breaks no run. That nobody is watching
# meanwhile is told by coverage.
LEVEL_OF = {
    Judgement.CLEAR: Level.CLEAR,
    Judgement.SUSPICIOUS: Level.SUSPICIOUS,
    Judgement.ALERT: Level.ALERT,
}


class TrackState(NamedTuple):
    """One track: its level, and how many of its latest verdicts in a row were of each kind.

    Attributes:
        level: The level now.
        alert: Latest verdicts in a row that were ``alert``.
        suspicious: Latest verdicts in a row that were at least ``suspicious``.
        below_alert: Latest verdicts in a row that were below ``alert``.
        clear: Latest verdicts in a row that were ``clear``.
    """

    level: Level = Level.CLEAR
    alert: int = 0
    suspicious: int = 0
    below_alert: int = 0
    clear: int = 0


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One participant: the tracks that have been judged, in the order of their sources' names."""

    tracks: tuple[tuple[Source, TrackState], ...] = ()


class ThresholdPolicy:
    """The default policy. Each track has a level of its own; the participant's is the highest of them.

    A track rises to SUSPICIOUS or ALERT after as many verdicts in a row as the thresholds say (``alert`` counts toward
    both), and falls after ``clear_after`` verdicts in a row below its level, to the highest of those. With the default
    thresholds of 1 each verdict sets its track's level.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        """Follow ``thresholds``; by default 1, 1 and 1."""
        self.thresholds = thresholds or Thresholds()

    def initial(self) -> PolicyState:
        """No track has been judged."""
        return PolicyState()

    def resume(self, levels: Mapping[Source, Level]) -> PolicyState:
        """Each track at the level that another policy left it at, with no verdicts in a row yet."""
        return PolicyState(tuple(sorted((source, TrackState(level)) for source, level in levels.items())))

    def advance(self, state: PolicyState, verdict: Verdict, now: float) -> PolicyStep:
        """Take one verdict in; ``now`` changes nothing here."""
        judged = LEVEL_OF.get(verdict.judgement)
        if judged is None:
            return _step(state, "")
        tracks = dict(state.tracks)
        before = tracks.get(verdict.source, TrackState())
        after, cause = self._judge(before, judged, verdict.source)
        tracks[verdict.source] = after
        return _step(PolicyState(tuple(sorted(tracks.items()))), cause)

    def _judge(self, track: TrackState, judged: Level, source: Source) -> tuple[TrackState, str]:
        alert = track.alert + 1 if judged is Level.ALERT else 0
        suspicious = track.suspicious + 1 if judged >= Level.SUSPICIOUS else 0
        below_alert = track.below_alert + 1 if judged < Level.ALERT else 0
        clear = track.clear + 1 if judged is Level.CLEAR else 0

        limits = self.thresholds
        level, cause = track.level, ""
        if level < Level.ALERT and alert >= limits.alert_after:
            level, cause = Level.ALERT, _cause(limits.alert_after, "alert", judged, source)
        elif level < Level.SUSPICIOUS and suspicious >= limits.suspicious_after:
            level, cause = Level.SUSPICIOUS, _cause(limits.suspicious_after, "suspicious or alert", judged, source)
        elif level > Level.CLEAR and clear >= limits.clear_after:
            level, cause = Level.CLEAR, _cause(limits.clear_after, "clear", judged, source)
        elif level is Level.ALERT and below_alert >= limits.clear_after:
            level, cause = Level.SUSPICIOUS, _cause(limits.clear_after, "suspicious or clear", judged, source)
        return TrackState(level, alert, suspicious, below_alert, clear), cause


def _step(state: PolicyState, cause: str) -> PolicyStep:
    levels = {source: track.level for source, track in state.tracks}
    return PolicyStep(state, levels, max(levels.values(), default=Level.CLEAR), cause)


def _cause(count: int, kinds: str, judged: Level, source: Source) -> str:
    if count == 1:
        return f"{'an' if judged is Level.ALERT else 'a'} {judged} verdict on the {source}"
    return f"{count} {kinds} verdicts in a row on the {source}"


__all__ = ["LEVEL_OF", "PolicyState", "ThresholdPolicy", "TrackState"]
