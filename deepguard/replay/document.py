"""A comparison as programs read it: what `deepguard replay --json` prints."""

from __future__ import annotations

from typing import Any

from deepguard.model import Incident
from deepguard.replay.compare import Changed, Comparison, words_for
from deepguard.replay.timeline import Lane, pairs


def document(comparison: Comparison, *, before: str, after: str, again: int = 0) -> dict[str, Any]:
    """The whole comparison. The same calls give the same, byte for byte, however they were shared out.

    Args:
        comparison: What was found.
        before: What the one side is, for people.
        after: What the other side is, for people.
        again: How many calls were left out because they came twice.
    """
    return {
        "before": {"what": before} | comparison.before.as_dict(),
        "after": {"what": after} | comparison.after.as_dict(),
        "participants": {
            "newly_alerted": comparison.newly_alerted,
            "no_longer_alerted": comparison.no_longer_alerted,
            "earlier": comparison.earlier,
            "later": comparison.later,
        },
        "changed_calls": comparison.changed_ids(),
        "shown": [changed_dict(changed) for changed in comparison.shown],
        "failures": [{"call": failure.call_id, "reason": failure.reason} for failure in comparison.failures],
        "calls_given_twice": again,
        "unreadable_rows": comparison.unreadable,
    }


def changed_dict(changed: Changed) -> dict[str, Any]:
    """One call that changed. Times within it are seconds since it began."""
    return {
        "call": changed.call.id,
        "started_at": changed.call.started_at,
        "seconds": changed.seconds,
        "simulated": changed.simulated,
        "what": words_for(changed),
        "participants": [
            {
                "id": pair.participant_id,
                "label": changed.truth[pair.participant_id].value if pair.participant_id in changed.truth else None,
                "before": _lane_dict(pair.before),
                "after": _lane_dict(pair.after),
            }
            for pair in pairs(changed)
        ],
        "incidents": {
            "before": [_incident_dict(incident) for incident in changed.before.incidents],
            "after": [_incident_dict(incident) for incident in changed.after.incidents],
        },
        "coverage_alerts": {"before": changed.coverage[0], "after": changed.coverage[1]},
    }


def _lane_dict(lane: Lane) -> list[dict[str, Any]]:
    return [
        {
            "at": event.at,
            "level": str(event.level),
            "cause": event.cause,
            "rule": event.rule,
            "incident": event.incident,
        }
        for event in lane.events
    ]


def _incident_dict(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "participant": incident.participant_id,
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "resolution": incident.resolution.value if incident.resolution else None,
        "peak": str(incident.peak),
        "sources": [source.value for source in incident.sources],
    }


__all__ = ["changed_dict", "document"]
