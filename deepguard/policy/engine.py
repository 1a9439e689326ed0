"""The levels and incidents of one call under one policy. The live guard and a replay decide with this very code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from deepguard.contracts import Policy, PolicyStep
from deepguard.model import (
    DisagreementChanged,
    Incident,
    Level,
    LevelChanged,
    NotificationKind,
    Resolution,
    Source,
    Verdict,
)
from deepguard.policy.incidents import advance, end
from deepguard.policy.machine import ThresholdPolicy
from deepguard.thresholds import Thresholds


class Decision(NamedTuple):
    """What followed from a verdict, or from the end of the call.

    Attributes:
        participant_id: Whom it is about.
        changes: What changed: the tracks' levels first, then the participant's, then what detectors disagree about.
        incident: The participant's latest incident, also once it is resolved; None while there has been none.
        kind: What became of it now: opened, updated or resolved; None when nothing did.
    """

    participant_id: str
    changes: tuple[LevelChanged | DisagreementChanged, ...] = ()
    incident: Incident | None = None
    kind: NotificationKind | None = None


@dataclass(slots=True)
class Case:
    """One participant.

    Attributes:
        state: What the policy returned last.
        tracks: The level of each track.
        level: The participant's level.
        disagreements: What the detectors of a track say, where they differ.
        incident: The latest incident, also once it is resolved.
    """

    state: Any
    tracks: Mapping[Source, Level] = field(default_factory=dict)
    level: Level = Level.CLEAR
    disagreements: Mapping[Source, str] = field(default_factory=dict)
    incident: Incident | None = None


class Engine:
    """Carries levels and incidents on, verdict by verdict. Nothing in it reads a clock or waits.

    Attributes:
        policy: Who decides now.
        cases: The participants that have been judged.
    """

    def __init__(self, call_id: str, policy: Policy) -> None:
        """Begin with nobody judged.

        Args:
            call_id: The call.
            policy: Who decides.
        """
        self.policy = policy
        self.cases: dict[str, Case] = {}
        self._call_id = call_id

    def ask(self, verdict: Verdict, now: float) -> PolicyStep:
        """Have the policy decide on a verdict, and change nothing yet.

        Args:
            verdict: The verdict.
            now: Unix time in seconds.

        Raises:
            TypeError: What the policy answered is no answer.
            Exception: Whatever the policy raises.
        """
        case = self.cases.get(verdict.participant_id)
        step = self.policy.advance(self.policy.initial() if case is None else case.state, verdict, now)
        if type(self.policy) is not ThresholdPolicy:
            check_step(step)
        return step

    def take(self, verdict: Verdict, now: float, step: PolicyStep) -> Decision:
        """Do what the policy decided.

        Args:
            verdict: The verdict that it was asked about.
            now: The time that it was given.
            step: Its answer.
        """
        participant_id = verdict.participant_id
        case = self.cases.get(participant_id)
        if case is None:
            case = self.cases[participant_id] = Case(step.state)
        changes = self._changes(case, step, participant_id, now)
        # Copies: a policy may go on to change what it has returned.
        case.state, case.tracks, case.level = step.state, dict(step.tracks), step.participant
        case.disagreements = dict(step.disagreements)
        case.incident, kind = advance(
            case.incident, step, call_id=self._call_id, participant_id=participant_id, now=now
        )
        return Decision(participant_id, changes, case.incident, kind)

    def advance(self, verdict: Verdict, now: float) -> Decision:
        """Have the policy decide on a verdict, and do it.

        Args:
            verdict: The verdict.
            now: Unix time in seconds.

        Raises:
            TypeError: What the policy answered is no answer.
            Exception: Whatever the policy raises.
        """
        return self.take(verdict, now, self.ask(verdict, now))

    def end(self, now: float) -> list[Decision]:
        """Resolve what is open: the call is over.

        Args:
            now: Unix time in seconds.
        """
        ended: list[Decision] = []
        for participant_id, case in self.cases.items():
            case.incident, kind = end(case.incident, Resolution.CALL_ENDED, now)
            if kind is not None:
                ended.append(Decision(participant_id, (), case.incident, kind))
        return ended

    def fall_back(self, thresholds: Thresholds) -> None:
        """Let the built-in policy decide from now on.

        Args:
            thresholds: What it follows.
        """
        policy = ThresholdPolicy(thresholds)
        for case in self.cases.values():
            # The levels stay: a policy that fails during an alert must not end the alert.
            case.state = policy.resume(case.tracks, case.level)
        self.policy = policy

    def open_incident(self, participant_id: str) -> Incident | None:
        """The participant's open incident, if there is one."""
        case = self.cases.get(participant_id)
        if case is None or case.incident is None or case.incident.resolved_at is not None:
            return None
        return case.incident

    def acknowledge(self, incident_id: str, at: float, by: str) -> bool:
        """Note who acknowledged an incident.

        Args:
            incident_id: Which.
            at: When.
            by: Who.

        Returns:
            Whether it is one of this call's, and news.
        """
        for case in self.cases.values():
            incident = case.incident
            if incident is not None and incident.id == incident_id and incident.acknowledged_at is None:
                case.incident = replace(incident, acknowledged_at=at, acknowledged_by=by)
                return True
        return False

    def _changes(
        self, case: Case, step: PolicyStep, participant_id: str, now: float
    ) -> tuple[LevelChanged | DisagreementChanged, ...]:
        if (
            step.tracks == case.tracks
            and step.participant is case.level
            and not step.disagreements
            and not case.disagreements
        ):
            return ()
        # Whether a policy still names a track that it has dropped must not decide whether its end is seen.
        levels: list[tuple[Source | None, Level, Level]] = [
            (source, case.tracks.get(source, Level.CLEAR), step.tracks.get(source, Level.CLEAR))
            for source in (*step.tracks, *(source for source in case.tracks if source not in step.tracks))
        ]
        changes: list[LevelChanged | DisagreementChanged] = [
            LevelChanged(
                self._call_id, participant_id, source, before, after, now, step.cause, step.rule, step.verdicts
            )
            for source, before, after in levels
            if before != after
        ]
        if step.participant != case.level:
            cause, rule, verdicts = step.cause, step.rule, step.verdicts
            if step.participant_cause:
                cause, rule, verdicts = step.participant_cause, step.participant_rule, 0
            changes.append(
                LevelChanged(
                    self._call_id, participant_id, None, case.level, step.participant, now, cause, rule, verdicts
                )
            )
        for source in sorted({*case.disagreements, *step.disagreements}):
            before, after = case.disagreements.get(source, ""), step.disagreements.get(source, "")
            if before != after:
                changes.append(DisagreementChanged(self._call_id, participant_id, source, before, after, now))
        return tuple(changes)


def check_step(step: object) -> None:
    """See that a policy's answer is one, before anything is changed by it.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(step, PolicyStep):
        raise TypeError(f"advance returned {type(step).__name__}, not PolicyStep")
    if not isinstance(step.tracks, Mapping) or not isinstance(step.disagreements, Mapping):
        raise TypeError("advance returned a PolicyStep whose tracks or disagreements are no mapping")
    levels = [step.participant, *step.tracks.values()]
    sources = [*step.tracks, *step.disagreements]
    if not all(isinstance(level, Level) for level in levels) or not all(isinstance(one, Source) for one in sources):
        raise TypeError("advance returned a PolicyStep whose tracks or participant are not levels")
    texts = [step.cause, step.rule, step.participant_cause, step.participant_rule, *step.disagreements.values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("advance returned a PolicyStep whose cause or rule is not text")
    if not isinstance(step.verdicts, int):
        raise TypeError("advance returned a PolicyStep whose verdicts are no whole number")


__all__ = ["Case", "Decision", "Engine", "check_step"]
