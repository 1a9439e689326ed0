"""Recordings to be sent to others: without names, without words, with everything that a policy counts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from deepguard.model import Coverage, CoverageChanged, DisagreementChanged, LevelChanged, Transition, Verdict
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording

BUILT_IN = "built in"
"""The origin of a policy that says nothing about whoever uses it."""


class Pseudonyms:
    """The same pseudonym for the same name, until this is forgotten. Nobody can compute the name from it."""

    def __init__(self) -> None:
        """Begin with pseudonyms that nobody has seen before."""
        self._key = secrets.token_bytes(32)

    def of(self, recording: Recording) -> Recording:
        """The call under pseudonyms: participants, tracks, values of metadata, and who acknowledged or labelled.

        Whatever may hold words of people, detectors, plugins or hooks is left out.
        """
        return replace(
            recording,
            call=replace(recording.call, metadata=self._values(recording.call.metadata)),
            policy=self._policy(recording.policy),
            verdicts=tuple(map(self._verdict, recording.verdicts)),
            transitions=tuple(map(self._transition, recording.transitions)),
            samples=tuple(
                replace(
                    one,
                    participant_id=self._name("participant", one.participant_id),
                    track_id=self._name("track", one.track_id),
                    reason="",
                )
                for one in recording.samples
            ),
            incidents=tuple(map(self._incident, recording.incidents)),
            labels=tuple(
                replace(
                    one,
                    participant_id=self._name("participant", one.participant_id),
                    by=self._name("person", one.by),
                    comment="",
                )
                for one in recording.labels
            ),
            shadows=tuple(replace(self._policy(one), name=self._name("policy", one.name)) for one in recording.shadows),
            shadow_changes=tuple(
                replace(one, shadow=self._name("policy", one.shadow), change=self._level(one.change))
                for one in recording.shadow_changes
            ),
        )

    def _name(self, kind: str, name: str) -> str:
        if not name:
            return ""
        told = blake2b(f"{kind}:{name}".encode("utf-8", "surrogatepass"), digest_size=6, key=self._key)
        return f"{kind}-{told.hexdigest()}"

    def _values(self, texts: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._name("value", str(value)) for name, value in texts.items()}

    def _policy(self, policy: RecordedPolicy) -> RecordedPolicy:
        origin = policy.origin if policy.origin == BUILT_IN else self._name("policy", policy.origin)
        # Numbers are thresholds; what else is in there may be names.
        numbers = {name: value for name, value in policy.thresholds.items() if isinstance(value, int | float)}
        return replace(policy, origin=origin, thresholds=numbers, failed="it failed" if policy.failed else "")

    def _verdict(self, verdict: Verdict) -> Verdict:
        signals = {
            name: self._name("value", value) if isinstance(value, str) else value
            for name, value in verdict.signals.items()
        }
        return replace(
            verdict,
            participant_id=self._name("participant", verdict.participant_id),
            track_id=self._name("track", verdict.track_id),
            message="",
            signals=signals,
        )

    def _transition(self, change: Transition) -> Transition:
        match change:
            case LevelChanged():
                return self._level(change)
            case CoverageChanged():
                participant = self._name("participant", change.participant_id)
                return replace(change, participant_id=participant, after=Coverage(change.after.blind))
            case DisagreementChanged():
                return replace(change, participant_id=self._name("participant", change.participant_id))

    def _level(self, change: LevelChanged) -> LevelChanged:
        return replace(change, participant_id=self._name("participant", change.participant_id), cause="")

    def _incident(self, stored: StoredIncident) -> StoredIncident:
        incident = stored.incident
        return replace(
            stored,
            incident=replace(
                incident,
                participant_id=self._name("participant", incident.participant_id),
                detail="",
                context=self._values(incident.context),
                acknowledged_by=self._name("person", incident.acknowledged_by),
            ),
        )


__all__ = ["BUILT_IN", "Pseudonyms"]
