"""Random verdicts and thresholds, and calls that a real guard judged by them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hypothesis import strategies as st

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector
from deepguard.guard.guard import Guard
from deepguard.model import BlindReason, Call, DetectorHealth, HealthState, Judgement, Sample, Source, Verdict
from deepguard.plugins import PluginHost
from deepguard.replay.outcome import Outcome
from deepguard.store.entry import Entry
from deepguard.thresholds import CombineDetectors, CombineTracks, ScoreBand, Scores, Thresholds

AT = 1_795_000_000.0

PEOPLE = ("Ada", "Bo", "Zoë\u202e")
DETECTORS = ("first", "second", "third")


@st.composite
def streams(draw: Any, most: int = 60) -> list[Verdict]:
    """Verdicts of a call: now and then late, blind, or without evidence; no two at the same moment."""
    steps = draw(st.lists(st.floats(0.001, 30), max_size=most))
    at, found = AT, []
    for step in steps:
        at += step
        found.append(
            Verdict(
                draw(st.sampled_from(PEOPLE)),
                "track",
                draw(st.sampled_from(Source)),
                draw(st.sampled_from([*Judgement, Judgement.ALERT, Judgement.ALERT, Judgement.SUSPICIOUS])),
                at,
                draw(st.sampled_from(DETECTORS)),
                score=draw(st.none() | st.floats(0, 1)),
                message=draw(st.sampled_from(["", "genuine", "boom"])),
                captured_at=draw(st.none() | st.floats(0, 20).map(lambda age, now=at: now - age)),
                blind=draw(st.sampled_from([None, None, None, None, BlindReason.NO_FACE])),
            )
        )
    return found


_after = st.one_of(
    st.integers(1, 4),
    st.sampled_from(["2 of 3", "3 of 5", "1 of 4", "4 s", "0.5 s"]),
)


@st.composite
def thresholds(draw: Any) -> Thresholds:
    """Thresholds, odd ones too."""
    rise, fall, below = draw(st.floats(0.3, 1)), draw(st.floats(0, 0.2)), draw(st.floats(0, 0.1))
    scores = Scores(
        ScoreBand(round(rise - below, 4), round(rise - below - fall, 4)),
        ScoreBand(round(rise, 4), round(rise - fall, 4)),
        draw(st.sampled_from([0.0, 5.0, 30.0])),
    )
    return Thresholds(
        draw(_after),
        draw(_after),
        draw(_after),
        scores=draw(st.sampled_from([None, scores])),
        dwell=draw(st.sampled_from([0.0, 0.0, 3.0, 20.0])),
        max_age=draw(st.sampled_from([None, None, 10.0, 60.0])),
        tracks=draw(
            st.sampled_from(
                [CombineTracks(), CombineTracks("both"), CombineTracks("weighted", {Source.CAMERA: 2.0}, 0.5)]
            )
        ),
        detectors=draw(
            st.sampled_from(
                [
                    CombineDetectors(),
                    CombineDetectors("quorum", 2),
                    CombineDetectors("weighted", 2, {"first": 3.0}, 0.6),
                ]
            )
        ),
    )


class StreamDetector(Detector):
    """Says what it is told to, whatever it sees."""

    name = "stream"

    async def open(self, call: Call) -> None:
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample: Sample) -> None:
        pass

    async def close(self) -> None:
        self.finish()


async def guarded(call_id: str, verdicts: Sequence[Verdict], limits: Thresholds, host: PluginHost) -> list[Entry]:
    """What a guard writes down of a call with these verdicts."""
    detector, entries = StreamDetector(), list[Entry]()
    guard = Guard(
        Call(call_id, AT),
        detector,
        video=VideoParams(),
        audio=AudioParams(),
        coverage=CoverageParams(),
        thresholds=limits,
        hooks=host,
        record=entries.append,
        policy_seconds=30,
    )
    await guard.start()
    for person in PEOPLE:
        for source in Source:
            guard.media.expect(person, source, "track")
    for verdict in verdicts:
        detector.emit(verdict)
    await guard.stop()
    assert guard.ignored_verdicts == 0
    return entries


def as_bytes(outcome: Outcome) -> bytes:
    """All changes of level and all incidents, with everything that is known of them."""
    told = {
        "changes": [asdict(change) for change in outcome.changes],
        "incidents": [asdict(incident) for incident in outcome.incidents],
    }
    return json.dumps(told, default=str).encode()


__all__ = ["AT", "DETECTORS", "StreamDetector", "as_bytes", "guarded", "streams", "thresholds"]
