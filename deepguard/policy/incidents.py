"""The life of an incident: pure functions."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from deepguard.contracts import PolicyStep
from deepguard.model import Incident, Level, NotificationKind, Resolution
from deepguard.policy.ids import incident_id


class IncidentStep(NamedTuple):
    """What became of a participant's incident.

    Attributes:
        incident: The latest incident, also once it is resolved; None while there has been none.
        kind: What is to be told now; None when nothing changed.
    """

    incident: Incident | None
    kind: NotificationKind | None = None


def advance(
    incident: Incident | None,
    step: PolicyStep,
    *,
    call_id: str,
    participant_id: str,
    now: float,
) -> IncidentStep:
    """Carry a participant's incident on, after the policy took a verdict in.

    It opens when the participant reaches ALERT, is updated when the level changes or another track reaches ALERT, and
    is resolved when the participant is CLEAR. At most one is open; one that was resolved stays so, and the next ALERT
    opens another.

    Args:
        incident: What the last step returned, None at first.
        step: The policy's answer.
        call_id: The call.
        participant_id: The participant.
        now: Unix time in seconds.
    """
    # An incident is about the participant, whose level may have another reason than the track's.
    cause = step.participant_cause or step.cause
    alerting = tuple(source for source, level in step.tracks.items() if level == Level.ALERT)
    if incident is None or incident.resolved_at is not None:
        if step.participant < Level.ALERT:
            return IncidentStep(incident)
        # Two verdicts may come at the same moment of a clock.
        before = incident.id if incident is not None and incident.opened_at == now else ""
        opened = Incident(
            id=incident_id(call_id, participant_id, now, before),
            call_id=call_id,
            participant_id=participant_id,
            opened_at=now,
            level=step.participant,
            peak=step.participant,
            sources=alerting,
            updated_at=now,
            detail=cause,
        )
        return IncidentStep(opened, NotificationKind.OPENED)

    if step.participant == Level.CLEAR:
        return _resolved(incident, Resolution.CLEARED, now, Level.CLEAR, cause or incident.detail)

    sources = incident.sources + tuple(source for source in alerting if source not in incident.sources)
    if step.participant == incident.level and sources == incident.sources:
        return IncidentStep(incident)
    updated = replace(
        incident,
        level=step.participant,
        peak=max(incident.peak, step.participant),
        sources=sources,
        updated_at=now,
        detail=cause or incident.detail,
    )
    return IncidentStep(updated, NotificationKind.UPDATED)


def end(incident: Incident | None, resolution: Resolution, now: float) -> IncidentStep:
    """Resolve an incident; nothing happens when there is none or it has been resolved.

    Args:
        incident: The participant's latest incident.
        resolution: Why it ends.
        now: Unix time in seconds.
    """
    if incident is None or incident.resolved_at is not None:
        return IncidentStep(incident)
    return _resolved(incident, resolution, now, incident.level, incident.detail)


def _resolved(incident: Incident, resolution: Resolution, now: float, level: Level, detail: str) -> IncidentStep:
    resolved = replace(incident, level=level, detail=detail, updated_at=now, resolved_at=now, resolution=resolution)
    return IncidentStep(resolved, NotificationKind.RESOLVED)


__all__ = ["IncidentStep", "advance", "end"]
