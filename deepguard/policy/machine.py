"""The default policy: thresholds for each detector of each track, then the detectors together, then the tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from deepguard.contracts import PolicyStep
from deepguard.model import Level, Source, Verdict
from deepguard.policy.combining import of_detectors, of_tracks
from deepguard.policy.opinion import NO_REASON, Opinion, Reason, Rules
from deepguard.thresholds import Thresholds

MOST_DETECTORS = 8
"""Detectors whose opinion of one track is kept; a plugin's detector chooses the names that its verdicts carry."""

_NO_DISAGREEMENT: Mapping[Source, str] = {}


class TrackState(NamedTuple):
    """One track.

    Attributes:
        level: The level.
        since: When the sample was captured whose verdict brought it about; 0 while no dwell is asked for.
        opinions: What each detector holds the track for, by name, in alphabetical order.
    """

    level: Level = Level.CLEAR
    since: float = 0.0
    opinions: tuple[tuple[str, Opinion], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One participant.

    Attributes:
        tracks: The tracks that have been judged, in the order of their sources' names.
        level: The participant's level.
        since: When the sample was captured whose verdict brought it about; 0 while no dwell is asked for.
    """

    tracks: tuple[tuple[Source, TrackState], ...] = ()
    level: Level = Level.CLEAR
    since: float = 0.0


class ThresholdPolicy:
    """The default policy. Each track has a level of its own, and the participant's follows from them.

    Each detector holds a track for CLEAR, SUSPICIOUS or ALERT: it rises after as many verdicts as the thresholds say
    (``alert`` counts toward both), and falls after ``clear_after`` verdicts below its level, to the highest among
    them. With the default thresholds each verdict sets its track's level, and the participant's is the highest.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        """Follow ``thresholds``; by default 1, 1 and 1."""
        self.thresholds = thresholds or Thresholds()
        self._rules = Rules(self.thresholds)

    def initial(self) -> PolicyState:
        """No track has been judged."""
        return PolicyState()

    def resume(self, levels: Mapping[Source, Level], participant: Level | None = None) -> PolicyState:
        """Each track at the level that another policy left it at, with no verdicts yet.

        Args:
            levels: The level of each track.
            participant: The participant's level; default: the highest.
        """
        # Until a detector has judged it anew, a track's level is an opinion of nobody's.
        tracks = {source: TrackState(level, 0.0, (("", Opinion(level)),)) for source, level in levels.items()}
        highest = max(levels.values(), default=Level.CLEAR) if participant is None else participant
        return PolicyState(tuple(sorted(tracks.items())), highest)

    def advance(self, state: PolicyState, verdict: Verdict, now: float) -> PolicyStep:
        """Take one verdict in; ``now`` only tells how old verdicts are."""
        at = verdict.received_at if verdict.captured_at is None else verdict.captured_at
        tracks = dict(state.tracks)
        track = tracks.get(verdict.source, TrackState())
        opinions = dict(track.opinions)
        heard = None
        if self._rules.counts(at, now):
            before = opinions.get(verdict.detector)
            if before is None:
                # What was taken over from another policy goes on as the opinion of whoever speaks first.
                before = opinions[""]._replace(at=at) if "" in opinions else Opinion()
            heard = self._rules.advance(before, verdict, at, now)
        if heard is None:
            return PolicyStep(state, _levels(state.tracks), state.level, disagreements=_disagreements(tracks))
        opinion, reason = heard
        opinions.pop("", None)
        opinions[verdict.detector] = opinion
        tracks[verdict.source] = TrackState(track.level, track.since, _kept(opinions))
        return self._levelled(state, tracks, verdict.source, reason, at, now)

    def _levelled(
        self,
        state: PolicyState,
        tracks: dict[Source, TrackState],
        judged: Source,
        reason: Reason,
        at: float,
        now: float,
    ) -> PolicyStep:
        """Bring the levels up to date with the opinions.

        Args:
            state: The state until now.
            tracks: The tracks with their new opinions and their old levels.
            judged: The track that was judged.
            reason: Why an opinion of it changed.
            at: When the sample was captured.
            now: Unix time in seconds.
        """
        counting: dict[Source, Level] = {}
        changed = False
        for source, track in tracks.items():
            fresh = self._fresh(track, now)
            wanted = of_detectors(fresh, self.thresholds.detectors)
            level = self._held(track.level, wanted, track.since, at)
            if level is not track.level:
                changed = True
                since = at if self.thresholds.dwell else 0.0
                tracks[source] = TrackState(level, since, track.opinions)
                if source is not judged:
                    reason = reason if reason.cause else _too_old(source)
                elif not reason.cause:
                    reason = self._other_reason(track.level, level, source)
            if fresh:
                counting[source] = level
        wanted = of_tracks(counting, self.thresholds.tracks)
        level = self._held(state.level, wanted, state.since, at)
        since = state.since
        own = NO_REASON
        if level is not state.level:
            since = at if self.thresholds.dwell else 0.0
            if not changed or self.thresholds.tracks.combine != "any":
                own = self._participant_reason(state.level, level)
        ordered = sorted(tracks.items()) if len(tracks) > 1 else tracks.items()
        after = PolicyState(tuple(ordered), level, since)
        return PolicyStep(
            after,
            _levels(after.tracks),
            level,
            reason.cause,
            reason.rule,
            reason.verdicts,
            own.cause,
            own.rule,
            _disagreements(tracks),
        )

    def _fresh(self, track: TrackState, now: float) -> dict[str, Level]:
        if self.thresholds.max_age is None:
            return {name: one.level for name, one in track.opinions}
        return {name: one.level for name, one in track.opinions if self._rules.counts(one.at, now) or not name}

    def _held(self, level: Level, wanted: Level, since: float, at: float) -> Level:
        """The level to take: a fall waits until the present one has lasted for long enough."""
        return level if wanted < level and at - since < self.thresholds.dwell else wanted

    def _other_reason(self, before: Level, after: Level, source: Source) -> Reason:
        if after < before and self.thresholds.dwell:
            return Reason(f"the {source} was at {before} for {self.thresholds.dwell:g} s", "thresholds.dwell")
        return Reason(f"the detectors of the {source} together", "thresholds.detectors")

    def _participant_reason(self, before: Level, after: Level) -> Reason:
        combine = self.thresholds.tracks.combine
        if combine == "both":
            cause = (
                f"sound and picture are both at {after} or above" if after > before else "sound or picture is better"
            )
            return Reason(cause, "thresholds.tracks")
        if combine == "weighted":
            more = "at least" if after > before else "no longer"
            level = max(before, after)
            return Reason(
                f"{more} {self.thresholds.tracks.share:.0%} of the tracks' weight is at {level} or above",
                "thresholds.tracks",
            )
        return Reason(f"the participant was at {before} for {self.thresholds.dwell:g} s", "thresholds.dwell")


class ParticipantPolicy(ThresholdPolicy):
    """The default policy where participants may have thresholds of their own."""

    def __init__(self, thresholds: Thresholds, thresholds_of: Callable[[str], Thresholds]) -> None:
        """Follow the thresholds of each participant.

        Args:
            thresholds: Those of the call as a whole.
            thresholds_of: Those of a participant, asked once for each.
        """
        super().__init__(thresholds)
        self._thresholds_of = thresholds_of
        self._policies: dict[str, ThresholdPolicy] = {}

    def advance(self, state: PolicyState, verdict: Verdict, now: float) -> PolicyStep:
        """Take one verdict in."""
        policy = self._policies.get(verdict.participant_id)
        if policy is None:
            policy = ThresholdPolicy(self._thresholds_of(verdict.participant_id))
            self._policies[verdict.participant_id] = policy
        return policy.advance(state, verdict, now)


def _too_old(source: Source) -> Reason:
    return Reason(f"the verdicts on the {source} are too old to count", "thresholds.max_age")


def _levels(tracks: tuple[tuple[Source, TrackState], ...]) -> dict[Source, Level]:
    return {source: track.level for source, track in tracks}


def _kept(opinions: dict[str, Opinion]) -> tuple[tuple[str, Opinion], ...]:
    if len(opinions) == 1:
        return tuple(opinions.items())
    if len(opinions) > MOST_DETECTORS:
        del opinions[min(opinions, key=lambda name: opinions[name].at)]
    return tuple(sorted(opinions.items()))


def _disagreements(tracks: Mapping[Source, TrackState]) -> Mapping[Source, str]:
    """What the detectors of a track say, where they differ."""
    found = _NO_DISAGREEMENT
    for source, track in tracks.items():
        if len(track.opinions) > 1 and len({one.level for _, one in track.opinions}) > 1:
            said = ", ".join(f"{name}: {one.level}" for name, one in track.opinions)
            found = {**found, source: said}
    return found


__all__ = ["ParticipantPolicy", "PolicyState", "ThresholdPolicy", "TrackState"]
