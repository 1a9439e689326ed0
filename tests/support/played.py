"""Recorded calls that are short enough to be counted by hand."""

from __future__ import annotations

from typing import Any

from deepguard.model import BlindReason, Call, Coverage, CoverageChanged, Judgement, Label, Labelled, Source, Verdict
from deepguard.policy.machine import ThresholdPolicy
from deepguard.replay.play import play
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.thresholds import Thresholds

AT = 1_795_000_000.0
EVERY = 10.0
SECONDS = 600.0
JUDGEMENTS = {"c": Judgement.CLEAR, "s": Judgement.SUSPICIOUS, "a": Judgement.ALERT, "e": Judgement.ERROR}
SCORES = {"c": 0.1, "s": 0.6, "a": 0.9, "e": None}


def call(
    call_id: str,
    judged: str,
    label: Label | None = None,
    *,
    who: str = "Ada",
    blind: tuple[float, float] | None = None,
    later: float = 0.0,
    **over: Any,
) -> Recording:
    """A call of ten minutes that a guard recorded with the default thresholds.

    Args:
        call_id: Its id.
        judged: A verdict each ten seconds, by its first letter.
        label: What somebody found out about the participant.
        who: The participant.
        blind: From when to when nobody watched the camera, in seconds.
        later: How much later than others it began.
        **over: Fields of the recording.
    """
    began = AT + later
    verdicts = tuple(
        Verdict(
            who, "t", Source.CAMERA, JUDGEMENTS[one], began + number * EVERY, "test", score=SCORES[one], message="said"
        )
        for number, one in enumerate(judged)
    )
    recording = Recording(
        call=Call(call_id, began),
        detector="test",
        ended_at=began + SECONDS,
        reason="ended",
        policy=RecordedPolicy("built in"),
        verdicts=verdicts,
    )
    outcome = play(recording, ThresholdPolicy(), Thresholds())
    fields: dict[str, Any] = {
        "call": recording.call,
        "detector": "test",
        "ended_at": recording.ended_at,
        "reason": "ended",
        "policy": recording.policy,
        "verdicts": verdicts,
        "transitions": (*outcome.changes, *_coverage(call_id, who, began, blind)),
        "incidents": tuple(StoredIncident(one, "test", False) for one in outcome.incidents),
        "labels": () if label is None else (Labelled(call_id, who, label, began + 999, "Zoë"),),
    }
    return Recording(**(fields | over))


def _coverage(call_id: str, who: str, began: float, blind: tuple[float, float] | None) -> list[CoverageChanged]:
    lost = Coverage(BlindReason.NO_FACE)
    changes = [(Coverage(BlindReason.STARTING), Coverage(), 0.0)]
    if blind is not None:
        changes += [(Coverage(), lost, blind[0]), (lost, Coverage(), blind[1])]
    return [CoverageChanged(call_id, who, Source.CAMERA, before, after, began + at) for before, after, at in changes]


__all__ = ["AT", "EVERY", "SECONDS", "call"]
