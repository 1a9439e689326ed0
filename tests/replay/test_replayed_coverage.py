"""What a replay tells of coverage is what a guard tells, which looks again and again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepguard.config.coverage import CoverageNotify
from deepguard.config.models import CoverageParams
from deepguard.model import BlindReason, Source
from deepguard.policy.blindness import Blindness, threshold_of
from deepguard.replay.coverage import Piece, Seen, Told, told

PARAMS = CoverageParams(notify_after=3, notify=CoverageNotify(no_face=7, black_picture=0, frozen_picture="off"))

pieces = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([None, None, *BlindReason])), min_size=1, max_size=12)


@given(spans=pieces, source=st.sampled_from(Source))
def test_a_guard_that_looks_each_second_tells_as_much(
    spans: list[tuple[int, BlindReason | None]], source: Source
) -> None:
    made: list[Piece] = []
    blindness, lost, regained, now = Blindness(), 0, 0, 0
    for seconds, blind in spans:
        made.append(Piece(now, now + seconds, blind))
        for _ in range(seconds):
            if blind is None:
                regained += blindness.ends()
            else:
                lost += blindness.goes_on(blind, threshold_of(PARAMS, source, blind), float(now))
            now += 1
    assert told(Seen({("Ada", source): tuple(made)}), PARAMS) == Told(lost, regained)


def test_nobody_is_missed_who_has_not_spoken_and_no_share_that_ended() -> None:
    speech, media, face = BlindReason.NO_SPEECH, BlindReason.NO_MEDIA, BlindReason.NO_FACE
    seen = Seen(
        {
            ("Ada", Source.MICROPHONE): (Piece(0, 100, speech), Piece(100, 130, None)),
            ("Ada", Source.SCREEN): (Piece(0, 20, None), Piece(20, 130, media)),
            ("Ada", Source.CAMERA): (Piece(0, 5, face), Piece(5, 10, media), Piece(10, 50, None)),
        }
    )
    assert seen.blind_seconds() == {face: 5.0, media: 5.0}
    assert seen.seconds() == 30 + 20 + 50
