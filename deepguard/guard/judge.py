"""Runs the verdicts of one call through its policy and the incident life cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from loguru import logger

from deepguard.contracts import PolicyStep
from deepguard.guard.asking import Asking
from deepguard.model import (
    Call,
    DisagreementChanged,
    Incident,
    LevelChanged,
    Notification,
    NotificationKind,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.policy.choosing import choose
from deepguard.policy.engine import Decision, Engine
from deepguard.policy.notifications import incident_notification
from deepguard.store.entry import PolicyUsed
from deepguard.thresholds import Thresholds, as_plain

TIME_LIMIT = 1.0
"""Seconds that somebody else's policy may take for one verdict, where the configuration does not say."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What followed from a verdict.

    Attributes:
        changes: What changed: the track's level first, then the participant's, then what detectors disagree about.
        notifications: What is to be told.
    """

    changes: tuple[LevelChanged | DisagreementChanged, ...]
    notifications: list[Notification]


class Judge:
    """The policy of one call, applied to each participant.

    Attributes:
        used: The policy that decides, for people.
        failure: Why the call's own policy was replaced by the built-in one, for people; empty while it was not.
    """

    def __init__(
        self,
        call: Call,
        *,
        thresholds: Thresholds,
        hooks: PluginHost,
        detector: str,
        simulated: bool,
        time_limit: float = TIME_LIMIT,
        on_failure: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """Resolve thresholds and policy through the hooks, once for the call.

        Args:
            call: The call.
            thresholds: What the configuration says.
            hooks: Where hooks are called.
            detector: The detector's name, for notifications.
            simulated: Whether the verdicts are scripted, for notifications.
            time_limit: Seconds that somebody else's policy may take for one verdict.
            on_failure: Told when the built-in policy takes over, with the reason.
        """
        self.failure = ""
        self._call = call
        self._hooks = hooks
        self._detector = detector
        self._simulated = simulated
        self._on_failure = on_failure
        chosen = choose(hooks, call, thresholds)
        self.used = PolicyUsed(chosen.origin, as_plain(chosen.thresholds))
        self._thresholds = chosen.thresholds
        self._engine = Engine(call.id, chosen.policy)
        self._asking = Asking(self._engine, chosen, f"deepguard-policy-{call.id}", time_limit)
        self._problems = chosen.problems

    def start(self) -> None:
        """Tell what was wrong with the hooks, if anything was."""
        if self._problems:
            self._failed("; ".join(self._problems))

    def open_incident(self, participant_id: str) -> Incident | None:
        """The participant's open incident, if there is one."""
        return self._engine.open_incident(participant_id)

    async def advance(self, verdict: Verdict, now: float) -> Judged:
        """Take one verdict in.

        Args:
            verdict: The verdict.
            now: Unix time in seconds.
        """
        decision = self._engine.take(verdict, now, await self._ask(verdict, now))
        return Judged(decision.changes, self._told(decision))

    def acknowledge(self, incident_id: str, at: float, by: str) -> bool:
        """Note who acknowledged an incident.

        Args:
            incident_id: Which.
            at: When.
            by: Who.

        Returns:
            Whether it is one of this call's, and news.
        """
        return self._engine.acknowledge(incident_id, at, by)

    def end(self, now: float) -> list[Notification]:
        """Resolve what is open: the call is over.

        Args:
            now: Unix time in seconds.
        """
        self._asking.close()
        return [told for decision in self._engine.end(now) for told in self._told(decision)]

    async def _ask(self, verdict: Verdict, now: float) -> PolicyStep:
        try:
            return await self._asking.ask(verdict, now)
        except Exception as error:
            if not self._asking.may_fail:
                raise
            reason = self._asking.reason(error)
        self._asking.close()
        self._engine.fall_back(self._thresholds)
        self._failed(reason)
        return await self._asking.ask(verdict, now)

    def _failed(self, reason: str) -> None:
        logger.error("The alert policy of call {} failed, deepguard's own is used instead: {}", self._call.id, reason)
        self.failure = reason
        self._on_failure(reason)

    def _told(self, decision: Decision) -> list[Notification]:
        incident = decision.incident
        if incident is None or decision.kind is None:
            return []
        if decision.kind is NotificationKind.OPENED:
            incident = replace(incident, context=self._context(incident))
            self._engine.cases[decision.participant_id].incident = incident
        return [incident_notification(incident, decision.kind, detector=self._detector, simulated=self._simulated)]

    def _context(self, incident: Incident) -> dict[str, str]:
        context: dict[str, str] = {}
        # pluggy gives the plugin that was loaded last first, and that one is to win.
        for added in reversed(self._hooks.collect("deepguard_enrich", incident=incident)):
            if isinstance(added, dict):
                context.update({str(key): str(value) for key, value in added.items()})
        return context


__all__ = ["TIME_LIMIT", "Judge", "Judged"]
