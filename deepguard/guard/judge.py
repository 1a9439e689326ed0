"""Runs the verdicts of one call through its policy and the incident life cycle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from loguru import logger

from deepguard.contracts import Policy, PolicyStep, Thresholds
from deepguard.model import (
    Call,
    Incident,
    Level,
    LevelChanged,
    Notification,
    NotificationKind,
    Resolution,
    Source,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.policy.incidents import IncidentStep, advance, end
from deepguard.policy.machine import ThresholdPolicy
from deepguard.policy.notifications import incident_notification


@dataclass(frozen=True, slots=True)
class Judged:
    """What followed from a verdict.

    Attributes:
        changes: Levels that changed: the track's first, then the participant's.
        notifications: What is to be told.
    """

    changes: list[LevelChanged]
    notifications: list[Notification]


@dataclass(slots=True)
class _Case:
    """One participant's state."""

    state: Any
    tracks: dict[Source, Level] = field(default_factory=dict)
    level: Level = Level.CLEAR
    incident: Incident | None = None


def _check(step: object) -> None:
    """See that a policy's answer is one, before anything is changed by it.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(step, PolicyStep):
        raise TypeError(f"advance returned {type(step).__name__}, not PolicyStep")
    levels = [step.participant, *step.tracks.values()]
    if not all(isinstance(level, Level) for level in levels) or not all(isinstance(one, Source) for one in step.tracks):
        raise TypeError("advance returned a PolicyStep whose tracks or participant are not levels")
    if not isinstance(step.cause, str):
        raise TypeError("advance returned a PolicyStep whose cause is not text")


class Judge:
    """The policy of one call, applied to each participant.

    Attributes:
        policy_failed: Whether the call's own policy failed and the built-in one took over.
    """

    def __init__(
        self, call: Call, *, thresholds: Thresholds, hooks: PluginHost, detector: str, simulated: bool
    ) -> None:
        """Resolve thresholds and policy through the hooks, once for the call.

        Args:
            call: The call.
            thresholds: What the configuration says.
            hooks: Where hooks are called.
            detector: The detector's name, for notifications.
            simulated: Whether the verdicts are scripted, for notifications.
        """
        self.policy_failed = False
        self._call = call
        self._hooks = hooks
        self._detector = detector
        self._simulated = simulated
        decided = hooks.first("deepguard_thresholds", call=call, defaults=thresholds)
        self._thresholds = decided if isinstance(decided, Thresholds) else thresholds
        policy = hooks.first("deepguard_policy", call=call, thresholds=self._thresholds)
        self._policy: Policy = policy or ThresholdPolicy(self._thresholds)
        self._cases: dict[str, _Case] = {}

    def open_incident(self, participant_id: str) -> Incident | None:
        """The participant's open incident, if there is one."""
        case = self._cases.get(participant_id)
        if case is None or case.incident is None or case.incident.resolved_at is not None:
            return None
        return case.incident

    def advance(self, verdict: Verdict, now: float) -> Judged:
        """Take one verdict in.

        Args:
            verdict: The verdict.
            now: Unix time in seconds.
        """
        case = self._cases.get(verdict.participant_id)
        if case is None:
            case = self._cases[verdict.participant_id] = _Case(self._initial())
        step = self._step(case, verdict, now)
        case.state = step.state
        changes = self._changes(case, step, verdict, now)
        notifications = self._carry_incident(
            case,
            advance(case.incident, step, call_id=self._call.id, participant_id=verdict.participant_id, now=now),
        )
        return Judged(changes, notifications)

    def acknowledge(self, incident_id: str, at: float, by: str) -> bool:
        """Note who acknowledged an incident.

        Args:
            incident_id: Which.
            at: When.
            by: Who.

        Returns:
            Whether it is one of this call's, and news.
        """
        for case in self._cases.values():
            incident = case.incident
            if incident is not None and incident.id == incident_id and incident.acknowledged_at is None:
                case.incident = replace(incident, acknowledged_at=at, acknowledged_by=by)
                return True
        return False

    def end(self, now: float) -> list[Notification]:
        """Resolve what is open: the call is over.

        Args:
            now: Unix time in seconds.
        """
        notifications: list[Notification] = []
        for case in self._cases.values():
            notifications += self._carry_incident(case, end(case.incident, Resolution.CALL_ENDED, now))
        return notifications

    def _initial(self) -> Any:
        try:
            return self._policy.initial()
        except Exception:  # noqa: BLE001 - a policy is somebody else's code; the call must stay guarded
            self._fall_back()
            return self._policy.initial()

    def _step(self, case: _Case, verdict: Verdict, now: float) -> PolicyStep:
        try:
            step = self._policy.advance(case.state, verdict, now)
            _check(step)
        except Exception:  # noqa: BLE001 - a policy is somebody else's code; the call must stay guarded
            self._fall_back()
            return self._policy.advance(case.state, verdict, now)
        return step

    def _fall_back(self) -> None:
        logger.opt(exception=True).error(
            "The alert policy of call {} failed; the built-in policy takes over for this call", self._call.id
        )
        self.policy_failed = True
        policy = ThresholdPolicy(self._thresholds)
        for case in self._cases.values():
            # The levels stay: a policy that fails during an alert must not end the alert.
            case.state = policy.resume(case.tracks)
        self._policy = policy

    def _changes(self, case: _Case, step: PolicyStep, verdict: Verdict, now: float) -> list[LevelChanged]:
        changes = [
            LevelChanged(self._call.id, verdict.participant_id, source, before, after, now, step.cause)
            for source, after in step.tracks.items()
            if (before := case.tracks.get(source, Level.CLEAR)) != after
        ]
        if step.participant != case.level:
            changes.append(
                LevelChanged(self._call.id, verdict.participant_id, None, case.level, step.participant, now, step.cause)
            )
        case.tracks = dict(step.tracks)
        case.level = step.participant
        return changes

    def _carry_incident(self, case: _Case, step: IncidentStep) -> list[Notification]:
        incident = step.incident
        if incident is not None and step.kind is NotificationKind.OPENED:
            context: dict[str, str] = {}
            # pluggy gives the plugin that was loaded last first, and that one is to win.
            for added in reversed(self._hooks.collect("deepguard_enrich", incident=incident)):
                if isinstance(added, dict):
                    context.update({str(key): str(value) for key, value in added.items()})
            incident = replace(incident, context=context)
        case.incident = incident
        if incident is None or step.kind is None:
            return []
        return [incident_notification(incident, step.kind, detector=self._detector, simulated=self._simulated)]
