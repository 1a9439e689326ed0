"""Streams are written in a line, and what is not written like one is named."""

from __future__ import annotations

import pytest

from deepguard import Judgement, Source
from deepguard.testing import stream


def said(text: str, **options) -> list[tuple[float, str, str, float | None]]:
    return [
        (round(one.received_at - 1_700_000_000, 3), one.source.value, one.judgement.value, one.score)
        for one in stream(text, **options)
    ]


def test_verdicts_come_one_after_the_other() -> None:
    assert said("camera: clear*2 alert=0.93 error", every=2) == [
        (0, "camera", "clear", None),
        (2, "camera", "clear", None),
        (4, "camera", "alert", 0.93),
        (6, "camera", "error", None),
    ]


def test_tracks_stand_side_by_side() -> None:
    assert said("camera: clear*3; microphone every 7s from 1s: alert*2") == [
        (0, "camera", "clear", None),
        (1, "microphone", "alert", None),
        (5, "camera", "clear", None),
        (8, "microphone", "alert", None),
        (10, "camera", "clear", None),
    ]


def test_lines_part_tracks_as_well_and_those_of_one_time_keep_their_order() -> None:
    text = """
        microphone: clear
        camera: alert
    """
    assert [source for _, source, _, _ in said(text)] == ["microphone", "camera"]
    assert [source for _, source, _, _ in said("camera: alert; microphone: clear")] == ["camera", "microphone"]


def test_gaps_and_pauses() -> None:
    assert [at for at, *_ in said("camera: clear - clear -*3 clear 30s clear 0.5s clear")] == [0, 10, 30, 65, 70.5]


def test_who_and_by_whom() -> None:
    first, second = stream("Ann Lee/screen@other: alert; camera: unknown", participant="bob", detector="mine")
    assert (first.participant_id, first.source, first.detector) == ("Ann Lee", Source.SCREEN, "other")
    assert (second.participant_id, second.judgement, second.detector) == ("bob", Judgement.UNKNOWN, "mine")
    assert first.sample_id != second.sample_id


def test_a_delay_lies_between_capture_and_verdict() -> None:
    (one,) = stream("camera: clear", start=100.0, delay=1.5)
    assert (one.captured_at, one.received_at) == (98.5, 100.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the stream is empty; a stream is written like 'camera: clear"),
        (" ; \n", "the stream is empty"),
        ("clear alert", "'clear alert' has no colon behind its track"),
        ("camera:", "'camera:' says nothing behind its colon"),
        ("camra: clear", "there is no source 'camra'; did you mean 'camera'"),
        ("door: clear", "there is no source 'door'; it is one of camera, microphone, screen"),
        ("camera: claer", "there is no verdict 'claer'; did you mean 'clear'"),
        ("camera: alert=1.5", "'alert=1.5' in 'camera: alert=1.5': a score is from 0"),
        ("camera: alert*0", r"'alert\*0' in .*: a count is from 1 to 100000"),
        ("camera: -*0", r"'-\*0' in .*: a count is from 1"),
        ("camera: alert x3", "there is no verdict 'x3'|'x3' in 'camera: alert x3' is neither a verdict"),
        ("camera: Alert", "'Alert' in 'camera: Alert' is neither a verdict .* nor a pause"),
        ("camera each 5s: clear", r"'camera each 5s' is no track; write \[PARTICIPANT/\]SOURCE"),
        ("camera every 0s: clear", "'every' must be above 0 s"),
        ("camera: clear*90000 alert*90000", "the stream has 180000 verdicts; at most 100000"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        stream(text)


@pytest.mark.parametrize("options", [{"every": 0}, {"every": float("nan")}, {"delay": -1}])
def test_times_that_make_no_sense_are_refused(options) -> None:
    with pytest.raises(ValueError, match="every must be above 0 seconds, and delay at least 0"):
        stream("camera: clear", **options)
