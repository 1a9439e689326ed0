"""The JSON objects of the live stream (docs/live-events.md)."""

from __future__ import annotations

import math
from typing import Any

from deepguard.config.models import AudioParams, VideoParams
from deepguard.contracts import Detector
from deepguard.detectors.several import SeveralDetector
from deepguard.guard.live import LiveEvent
from deepguard.guard.track import Participant, Track
from deepguard.model import (
    Coverage,
    CoverageChanged,
    Delivery,
    DetectorHealth,
    DisagreementChanged,
    Incident,
    LevelChanged,
    Notification,
    Verdict,
)
from deepguard.policy.engine import Engine
from deepguard.store.entry import PolicyUsed
from deepguard.text import BLIND_WORDS, one_line

MAX_MESSAGE = 500

ADVISORY_EMBEDDED = (
    "Deepfake: not assessed. The built-in detector reports picture and sound quality only; it is advisory. "
    "Set DATASPIKE_API_KEY to have the call judged by Dataspike."
)
ADVISORY_SIMULATION = "This is a simulation: verdicts are scripted in the configuration, nothing is detected."


def advisory(*, assesses_deepfakes: bool, simulated: bool) -> str:
    """What people must know about a detector before they trust what it says; empty for a real one."""
    if simulated:
        return ADVISORY_SIMULATION
    return "" if assesses_deepfakes else ADVISORY_EMBEDDED


def detector_dict(detector: Detector) -> dict[str, Any]:
    """Who judges."""
    advice = advisory(assesses_deepfakes=detector.assesses_deepfakes, simulated=detector.simulated)
    if isinstance(detector, SeveralDetector) and detector.scripted:
        names = ", ".join(one_line(name) for name in detector.scripted)
        advice = f"A part of this is a simulation. Scripted in the configuration are the verdicts of: {names}."
    return {
        "type": detector.name,
        "label": detector.label or detector.name,
        "simulated": detector.simulated,
        "assesses_deepfakes": detector.assesses_deepfakes,
        "local": detector.local,
        "advisory": advice,
    }


def health_dict(health: DetectorHealth) -> dict[str, str]:
    """How the detector is."""
    return {"state": health.state.value, "detail": health.detail}


def coverage_dict(coverage: Coverage) -> dict[str, Any]:
    """Whether a track is being watched, with words for people."""
    if coverage.blind is None:
        return {"covered": True, "reason": None, "text": "Watched"}
    text = BLIND_WORDS[coverage.blind]
    if coverage.detail:
        text = f"{text}: {coverage.detail}"
    return {"covered": False, "reason": coverage.blind.value, "text": text}


def json_number(value: Any) -> float | int | None:
    """A number that JSON can hold: detectors are other people's code, and numpy's numbers and NaN are none."""
    if value is None or isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _json_signal(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    return value if isinstance(value, bool) else json_number(value)


def verdict_event(verdict: Verdict) -> LiveEvent:
    """A verdict came."""
    return {
        "type": "verdict",
        "at": verdict.received_at,
        "participant": verdict.participant_id,
        "source": verdict.source.value,
        "judgement": verdict.judgement.value,
        "score": json_number(verdict.score),
        "message": one_line(verdict.message, MAX_MESSAGE),
        "detector": verdict.detector,
        "model": verdict.model,
        "captured_at": json_number(verdict.captured_at),
        "signals": {str(name): _json_signal(value) for name, value in verdict.signals.items()},
        "blind": verdict.blind.value if verdict.blind else None,
    }


def level_event(change: LevelChanged, *, covered: bool) -> LiveEvent:
    """A level changed.

    Args:
        change: What changed.
        covered: Whether the track, or any of the participant's, is being watched.
    """
    return {
        "type": "level",
        "at": change.at,
        "participant": change.participant_id,
        "source": change.source.value if change.source else None,
        "before": str(change.before),
        "after": str(change.after),
        "cause": change.cause,
        "rule": change.rule,
        "covered": covered,
    }


def disagreement_event(change: DisagreementChanged) -> LiveEvent:
    """The detectors of a track began to disagree, disagree otherwise, or agree again."""
    return {
        "type": "disagreement",
        "at": change.at,
        "participant": change.participant_id,
        "source": change.source.value,
        "text": one_line(change.after, MAX_MESSAGE),
    }


def policy_dict(used: PolicyUsed, failure: str) -> dict[str, Any]:
    """Which policy decides, and why the built-in one does if another should."""
    return {"origin": used.origin, "failed": bool(failure), "reason": one_line(failure, MAX_MESSAGE)}


def policy_event(at: float, used: PolicyUsed, failure: str) -> LiveEvent:
    """The call's own policy failed, and the built-in one took over."""
    return {"type": "policy", "at": at, "policy": policy_dict(used, failure)}


def coverage_event(change: CoverageChanged) -> LiveEvent:
    """A coverage changed."""
    return {
        "type": "coverage",
        "at": change.at,
        "participant": change.participant_id,
        "source": change.source.value,
        "coverage": coverage_dict(change.after),
    }


def notification_event(notification: Notification) -> LiveEvent:
    """Somebody is being told."""
    return {
        "type": "notification",
        "at": notification.at,
        "id": notification.id,
        "kind": notification.kind.value,
        "title": notification.title,
        "detail": notification.detail,
        "level": str(notification.level),
        "covered": notification.covered,
        "participant": notification.participant_id,
        "source": notification.source.value if notification.source else None,
        "incident_id": notification.incident.id if notification.incident else None,
        "simulated": notification.simulated,
    }


def delivery_event(delivery: Delivery) -> LiveEvent:
    """An attempt to deliver a notification ended; ``pending``: it failed, and there will be another."""
    return {
        "type": "delivery",
        "at": delivery.at,
        "notification_id": delivery.notification_id,
        "notifier": delivery.notifier,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "detail": delivery.detail,
        "seconds": round(delivery.seconds, 4),
    }


def acknowledged_event(incident_id: str, at: float, by: str) -> LiveEvent:
    """Somebody took an incident over."""
    return {"type": "acknowledged", "at": at, "incident_id": incident_id, "by": one_line(by)}


def shadow_dict(used: PolicyUsed, engine: Engine, failure: str, opened: int) -> dict[str, Any]:
    """A policy that runs beside the one that decides: what it would have done."""
    return {
        "name": used.name,
        "origin": used.origin,
        "failed": bool(failure),
        "reason": one_line(failure, MAX_MESSAGE),
        "opened": opened,
        "participants": [
            {
                "id": participant_id,
                "level": str(case.level),
                "is_open": engine.open_incident(participant_id) is not None,
            }
            for participant_id, case in engine.cases.items()
        ],
    }


def samples_event(at: float, participant_id: str, track: Track) -> LiveEvent:
    """The counts of a track's samples changed."""
    return {
        "type": "samples",
        "at": at,
        "participant": participant_id,
        "source": track.source.value,
        "samples": track.ledger.counts.as_dict(),
    }


def sampling_dict(video: VideoParams, audio: AudioParams) -> dict[str, Any]:
    """The sampling parameters that can be changed during a call."""
    return {
        "video": video.model_dump(include={"burst_fps", "normal_fps", "quality"}),
        "audio": audio.model_dump(include={"interval", "burst_interval"}),
    }


def track_dict(track: Track) -> dict[str, Any]:
    """A track of this moment."""
    last = track.facts.last_verdict
    return {
        "source": track.source.value,
        "level": str(track.level),
        "coverage": coverage_dict(track.coverage),
        "disagreement": one_line(track.disagreement, MAX_MESSAGE),
        "last_verdict": verdict_event(last) if last else None,
        "samples": track.ledger.counts.as_dict(),
    }


def participant_dict(participant: Participant, incident: Incident | None) -> dict[str, Any]:
    """A participant of this moment, with the incident that is open."""
    acknowledged = None
    if incident is not None and incident.acknowledged_at is not None:
        acknowledged = {"at": incident.acknowledged_at, "by": one_line(incident.acknowledged_by)}
    return {
        "id": participant.id,
        "level": str(participant.level),
        "covered": participant.covered,
        "incident_id": incident.id if incident else None,
        "acknowledged": acknowledged,
        "tracks": [track_dict(track) for track in participant.tracks.values()],
    }
