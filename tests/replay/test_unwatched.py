"""Where nobody watched, a time line does not look clear."""

from __future__ import annotations

from deepguard.model import BlindReason, Call, Coverage, CoverageChanged, Level, Source
from deepguard.replay.coverage import seen_in
from deepguard.replay.timeline import Lane, Span, strip
from deepguard.store.recording import Recording

BLIND, WATCHED = Coverage(BlindReason.NO_MEDIA), Coverage()


def covered(source: Source, *changes: tuple[float, Coverage, Coverage]) -> list[CoverageChanged]:
    return [CoverageChanged("c", "Ada", source, before, after, 1000.0 + at) for at, before, after in changes]


def test_one_track_that_is_watched_is_enough() -> None:
    camera = covered(Source.CAMERA, (2, BLIND, WATCHED), (10, WATCHED, BLIND))
    microphone = covered(Source.MICROPHONE, (5, BLIND, WATCHED), (15, WATCHED, BLIND))
    transitions = tuple(sorted([*camera, *microphone], key=lambda change: change.at))
    recording = Recording(call=Call("c", 1000.0), ended_at=1020.0, transitions=transitions)
    assert seen_in(recording).unwatched(1000.0, 1020.0) == {"Ada": ((0.0, 2.0), (15.0, 20.0))}


def test_nothing_is_said_of_whom_nothing_is_known() -> None:
    recording = Recording(call=Call("c", 1000.0), ended_at=1020.0)
    assert seen_in(recording).unwatched(1000.0, 1020.0) == {}


def test_what_is_suspected_is_seen_also_where_nobody_watches() -> None:
    spans = (Span(4.0, 6.0, Level.SUSPICIOUS), Span(6.0, 8.0, Level.ALERT))
    lane = Lane(spans, (), 0, (), unwatched=((0.0, 5.0),))
    assert strip(lane, 10.0, 10, ".:#-") == "----::###."
    assert strip(Lane((), (), 0, ()), 10.0, 5, ".:#-") == "....."
