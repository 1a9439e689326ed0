"""Which verdicts a change of level rests on."""

from __future__ import annotations

from deepguard.store.material import CallRow, ChangeRow, VerdictRow
from deepguard.story.evidence import Basis, Evidence
from support.materials import call, change, verdicts


def basis_of(change: ChangeRow, heard: list[VerdictRow], call: CallRow | None) -> Basis:
    return Evidence(heard, call).of(change)


def test_the_latest_so_many_of_the_track_that_are_evidence() -> None:
    heard = verdicts("alert", "unknown", "alert", "error", "alert", "clear")
    assert basis_of(change(5, "alert", verdicts=2), heard, call()).verdicts == (3, 5)
    assert basis_of(change(5, "alert", verdicts=3), heard, call()).verdicts == (1, 3, 5)


def test_a_clear_verdict_on_a_picture_that_shows_nothing_is_no_evidence() -> None:
    first, dark, last = verdicts("clear", "clear", "clear")
    heard = [first, dark._replace(blind="black_picture"), last]
    falls = change(3, "clear", before="alert", verdicts=2)
    assert basis_of(falls, heard, call()).verdicts == (1, 3)


def test_other_tracks_and_other_detectors_do_not_count() -> None:
    heard = [
        *verdicts("alert"),
        *verdicts("alert", source="microphone", first=2),
        *verdicts("alert", detector="second", first=3),
        *verdicts("alert", first=4),
    ]
    assert basis_of(change(4, "alert", verdicts=2), heard, call()).verdicts == (1, 4)
    # The participant's level rests on the track that was judged at that moment.
    assert basis_of(change(4, "alert", source="", verdicts=2), heard, call()).verdicts == (1, 4)


def test_where_a_time_decides_those_in_a_row() -> None:
    timed = call(thresholds={"alert_after": "3 s", "clear_after": "3 s"})
    heard = verdicts("alert", "suspicious", "alert", "unknown", "alert", "alert")
    assert basis_of(change(6, "alert", before="suspicious"), heard, timed).verdicts == (3, 5, 6)
    falls = change(4, "suspicious", before="alert", rule="thresholds.clear_after")
    assert basis_of(falls, verdicts("alert", "clear", "suspicious", "clear"), timed).verdicts == (2, 3, 4)
    # Where scores decide, what a verdict says need not be what it was taken for.
    scored = timed._replace(thresholds={**timed.thresholds, "scores": {"half_life": 0}})
    assert basis_of(change(6, "alert"), heard, scored).verdicts == (6,)


def test_what_is_not_in_the_store_any_more_is_counted() -> None:
    heard = verdicts("alert")
    assert basis_of(change(1, "alert", verdicts=3), heard, call()) == ((1,), 2)
    assert basis_of(change(9, "alert", verdicts=3), heard, call()) == ((), 3)
    # Two of the latest five may be there before there are five.
    of = call(thresholds={"alert_after": "2 of 5"})
    assert basis_of(change(2, "alert", verdicts=5), verdicts("alert", "alert"), of) == ((1, 2), 0)


def test_a_rule_that_counts_nothing_rests_on_the_verdict_of_that_moment() -> None:
    heard = verdicts("alert", "alert")
    assert basis_of(change(2, "alert", rule="thresholds.dwell"), heard, call()).verdicts == (2,)
    assert basis_of(change(2, "alert", rule=""), heard, None).verdicts == (2,)
