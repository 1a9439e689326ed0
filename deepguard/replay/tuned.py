"""What a search found, as programs read it: what `deepguard tune --json` prints."""

from __future__ import annotations

from typing import Any

from deepguard.replay.search import FEW_LABELS, FOLDS, Found, Goal, Score, Tried
from deepguard.replay.settings import settings_yaml, words


def document(found: Found, goal: Goal, *, calls: int, seed: int) -> dict[str, Any]:
    """The whole search. The same calls and the same seed give the same, byte for byte.

    Args:
        found: What was found.
        goal: What was asked for.
        calls: How many labelled calls there are.
        seed: Where chance began.
    """
    best = found.best.score
    return {
        "calls": calls,
        "call_hours": best.call_ms / 3_600_000,
        "fake": best.fake,
        "genuine": best.genuine,
        "tried": len(found.tried),
        "seed": seed,
        "folds": FOLDS,
        "goal": {"max_false_alarms": goal.max_false_alarms, "min_recall": goal.min_recall, "met": found.met},
        "best": _tried_dict(found.best),
        "held_out": score_dict(found.held_out),
        "present": _tried_dict(found.present),
        "curve": [_tried_dict(one) for one in found.front],
        "yaml": settings_yaml(found.best.thresholds),
        "warnings": warnings(found),
    }


def warnings(found: Found) -> list[str]:
    """What keeps the figures from being trusted, in words."""
    score = found.best.score
    told = [
        f"only {count} {'participant is' if count == 1 else 'participants are'} known to be {kind}; with fewer than "
        f"{FEW_LABELS} the figures say little about other calls"
        for count, kind in ((score.fake, "fake"), (score.genuine, "genuine"))
        if count < FEW_LABELS
    ]
    if score.recall - found.held_out.recall > 0.15:
        told.append("in calls that were held out far fewer fakes are found: the thresholds fit these calls too closely")
    return told


def score_dict(score: Score) -> dict[str, Any]:
    """How right thresholds were."""
    return {
        "recall": score.recall,
        "precision": score.precision,
        "false_alarms_per_call_hour": score.false_alarms_per_hour,
        "fake_alerted": score.fake_alerted,
        "genuine_alerted": score.genuine_alerted,
        "false_alarms": score.false_alarms,
        "time_to_alert": score.to_alert.quantile(0.5),
    }


def _tried_dict(one: Tried) -> dict[str, Any]:
    return {"thresholds": words(one.thresholds)} | score_dict(one.score)


__all__ = ["document", "score_dict", "warnings"]
