"""What `deepguard explain --json` prints."""

from __future__ import annotations

from typing import Any

from deepguard.cli.incidents import incident_dict
from deepguard.cli.label import label_dict
from deepguard.story.settings import Setting
from deepguard.story.telling import Told, Way
from deepguard.story.timeline import Began, Changed, Ended, Found, Heard, Lost, Moment, Other, Story


def story_dict(story: Story) -> dict[str, Any]:
    """A story as programs read it; nothing in it is folded. Times are Unix times in seconds."""
    material, call = story.material, story.call
    return {
        "incident": incident_dict(material.stored, material.label),
        "call": None
        if call is None
        else {
            "id": call.id,
            "started_at": call.started_at,
            "ended_at": call.ended_at,
            "reason": call.reason or None,
            "imported_at": call.imported_at,
        },
        "policy": None
        if call is None
        else {
            "origin": call.policy or None,
            "thresholds": dict(call.thresholds),
            "failed": call.policy_failed or None,
        },
        "configuration": None
        if call is None or not call.config_hash
        else {
            "hash": call.config_hash,
            "file": material.configuration.file if material.configuration else None,
            "known": material.configuration is not None,
        },
        "timeline": [
            {"at": one.at, "seconds": round(one.at - story.began_at, 3)} | _moment(one) for one in story.moments
        ],
    }


def _moment(one: Moment) -> dict[str, Any]:
    match one:
        case Began():
            return {"what": "began"}
        case Ended():
            return {"what": "ended", "reason": one.reason or None}
        case Heard(verdict=verdict):
            return {
                "what": "verdict",
                "number": verdict.number,
                "source": verdict.source,
                "judgement": verdict.judgement,
                "score": verdict.score,
                "detector": verdict.detector,
                "model": verdict.model or None,
                "message": verdict.message or None,
                "captured_at": verdict.captured_at,
                "blind": verdict.blind or None,
                "counts": one.counts,
            }
        case Lost(sample=sample):
            return {
                "what": "sample",
                "source": sample.source,
                "outcome": sample.outcome,
                "reason": sample.reason or None,
            }
        case Changed():
            return _changed(one)
        case Told():
            return {
                "what": "told",
                "kind": one.kind,
                "notification_id": one.notification_id or None,
                "title": one.title or None,
                "notifiers": [_way(way) for way in one.ways],
            }
        case Other():
            return {"what": "other", "incident_id": one.stored.incident.id, "over": one.is_over}
        case Found():
            return {"what": "label", "label": label_dict(one.label)}


def _changed(one: Changed) -> dict[str, Any]:
    change = one.change
    told: dict[str, Any] = {
        "what": change.what,
        "source": change.source or None,
        "before": change.before,
        "after": change.after,
        "cause": change.cause or None,
    }
    if change.what != "level":
        return told
    return told | {
        "rule": change.rule or None,
        "setting": _setting(one.rule),
        "verdicts": list(one.basis.verdicts),
        "missing": one.basis.missing,
        "blind": one.blind or None,
    }


def _way(way: Way) -> dict[str, Any]:
    row = way.delivery
    return {
        "notifier": way.notifier,
        "result": way.result.replace(" ", "_"),
        "why": way.why or None,
        "setting": _setting(way.setting),
        "delivery_id": row.id if row else None,
        "attempts": row.attempts if row else 0,
        "ended_at": row.ended_at if row else None,
        "by": None if way.by is None else way.by if isinstance(way.by, int) else way.by.id,
    }


def _setting(says: Setting | None) -> dict[str, Any] | None:
    if says is None:
        return None
    return {"path": says.path, "value": says.value, "origin": says.origin, "where": says.where or None}


__all__ = ["story_dict"]
