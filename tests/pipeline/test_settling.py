"""When the frames after a keyframe are enough, when to ask for one, and when keyframes are no way to get pictures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.pipeline.receive.keyframes import CODECS
from deepguard.pipeline.receive.settling import MOST, WORTH, Pace, frames_to_settle

PIXELS = 1280 * 720

# Bytes of a keyframe and the frames after it, as measured, and after how many they came within 1 dB of the stream.
CHROMIUM_VP8_1200 = [4900, 1300, 4900, 9700, 3500, 2800, 3300, *[4700] * 30]
CHROMIUM_VP8_600 = [4900, 1300, 4700, 1800, 1800, 2700, *[2400] * 40]
CHROMIUM_H264_600 = [9900, 1200, *[1500] * 6, *[2400] * 40]
CHROMIUM_H264_2500 = [44500, 5900, 5300, 6100, *[9500] * 30]
X264_600 = [55500, 800, 1100, *[1300] * 20]


def test_every_codec_whose_keyframes_are_known_has_its_worth() -> None:
    assert WORTH.keys() == CODECS


@pytest.mark.parametrize(
    ("codec", "sizes", "measured"),
    [
        ("VP8", CHROMIUM_VP8_1200, 20),
        ("VP8", CHROMIUM_VP8_600, 28),
        ("H264", CHROMIUM_H264_600, 23),
        ("H264", CHROMIUM_H264_2500, 0),
        ("H264", X264_600, 0),
    ],
)
def test_a_picture_has_settled_no_earlier_than_measured_and_not_much_later(
    codec: str, sizes: list[int], measured: int
) -> None:
    count = frames_to_settle(codec, sizes, PIXELS)
    assert count is not None
    assert measured <= count <= 1.5 * measured


@given(
    codec=st.sampled_from(sorted(CODECS)),
    sizes=st.lists(st.integers(1, 200_000), max_size=2 * MOST),
    more=st.lists(st.integers(1, 200_000), max_size=5),
)
def test_what_has_settled_stays_so(codec: str, sizes: list[int], more: list[int]) -> None:
    count = frames_to_settle(codec, sizes, PIXELS)
    if count is None:
        assert len(sizes) <= MOST
    else:
        assert count < len(sizes)
        assert frames_to_settle(codec, sizes + more, PIXELS) == count
        assert frames_to_settle(codec, sizes, 2 * PIXELS) in (None, *range(count, MOST + 1))


def test_after_many_frames_even_a_starved_stream_is_as_good_as_it_gets() -> None:
    assert frames_to_settle("VP8", [100] * (MOST + 1), PIXELS) == MOST
    assert frames_to_settle("VP8", [100] * MOST, PIXELS) is None


@pytest.mark.parametrize(
    ("codec", "sizes"), [("VP8", CHROMIUM_VP8_600), ("H264", CHROMIUM_H264_600), ("H264", CHROMIUM_H264_2500)]
)
def test_pictures_are_asked_for_so_early_that_they_have_settled_when_they_are_due(codec: str, sizes: list[int]) -> None:
    pace = Pace()
    count = frames_to_settle(codec, sizes, PIXELS)
    assert count is not None
    for _ in range(10):
        seen = sizes[: count + 1]
        pace.note_frames(codec, seen, (len(seen) - 1) / 30)
        pace.note_answer(0.2)
    assert pace.lead == pytest.approx(0.2 + count / 30, rel=0.05)


def test_frames_that_there_was_no_time_for_are_made_up_for() -> None:
    pace = Pace()
    for _ in range(10):
        # As long as asked for, and a little more.
        count = min(int(pace.settling) + 9, len(CHROMIUM_VP8_600))
        pace.note_frames("VP8", CHROMIUM_VP8_600[: count + 1], count / 30)
    needed = frames_to_settle("VP8", CHROMIUM_VP8_600, PIXELS)
    assert needed is not None
    assert pace.settling == pytest.approx(needed, rel=0.1)


def test_keyframes_carry_the_rate_as_long_as_they_leave_the_pictures_time_and_bits() -> None:
    coarse, fine, dear = Pace(), Pace(), Pace()
    for _ in range(20):
        coarse.note_frames("VP8", CHROMIUM_VP8_600[:36], 35 / 30)
        fine.note_frames("H264", CHROMIUM_H264_2500[:1], 0.0)
        dear.note_frames("H264", X264_600[:6], 5 / 30)
    assert [coarse.carries(period) for period in (5, 2, 1)] == [True, True, False]
    assert [fine.carries(period) for period in (5, 1, 0.5, 0.1)] == [True, True, True, False]
    assert [dear.carries(period) for period in (5, 1, 0.5)] == [True, True, False]
