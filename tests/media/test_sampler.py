"""Which frames are due."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.config.models import VideoParams
from deepguard.media.sampler import VideoSampler

EPSILON = 1e-6
rates = st.floats(min_value=0.05, max_value=30)
gaps = st.lists(st.floats(min_value=0.001, max_value=20), min_size=1, max_size=200)


def taken(sampler: VideoSampler, times: list[float]) -> list[float]:
    return [now for now in times if sampler.due(now)]


def clock(steps: list[float], start: float = 1000.0) -> list[float]:
    times = [start]
    for step in steps:
        times.append(times[-1] + step)
    return times


def test_the_first_frame_is_due_at_once_and_only_once() -> None:
    sampler = VideoSampler(VideoParams(normal_fps=1))
    assert taken(sampler, [5.0, 5.0, 5.01]) == [5.0]


@pytest.mark.parametrize(("camera_fps", "fps"), [(30, 1), (30, 0.2), (25, 7), (29.97, 10), (15, 4)])
def test_the_cadence_does_not_drift(camera_fps: float, fps: float) -> None:
    sampler = VideoSampler(VideoParams(normal_fps=fps))
    times = taken(sampler, [n / camera_fps for n in range(int(camera_fps * 600))])
    for n, now in enumerate(times):
        assert n / fps - EPSILON <= now < n / fps + 1 / camera_fps + EPSILON
    assert len(times) == pytest.approx(600 * fps, abs=1)


@settings(deadline=None)
@given(steps=gaps, fps=rates)
def test_frames_are_never_taken_faster_than_the_rate(steps: list[float], fps: float) -> None:
    times = taken(VideoSampler(VideoParams(normal_fps=fps)), clock(steps))
    for first in range(len(times)):
        for last in range(first + 1, len(times)):
            # A frame may come late in its slot, by less than a period.
            assert last - first <= (times[last] - times[first]) * fps + 1 + EPSILON


@settings(deadline=None)
@given(steps=gaps, fps=rates)
def test_every_slot_with_a_frame_in_it_is_used(steps: list[float], fps: float) -> None:
    sampler = VideoSampler(VideoParams(normal_fps=fps))
    last_taken = None
    for now in clock(steps):
        due = sampler.due(now)
        if last_taken is None or now - last_taken >= 1 / fps + EPSILON:
            assert due
        if due:
            last_taken = now


def test_a_gap_is_not_caught_up() -> None:
    sampler = VideoSampler(VideoParams(normal_fps=1))
    times = [0.0, 0.5, 7.9] + [7.9 + n / 10 for n in range(1, 21)]
    assert taken(sampler, times) == pytest.approx([0.0, 7.9, 8.9, 9.9])


def test_burst_counts_from_the_last_sample() -> None:
    sampler = VideoSampler(VideoParams(burst_fps=2, normal_fps=0.1))
    assert sampler.due(0.0)
    sampler.burst = True
    assert not sampler.due(0.4)
    assert sampler.due(0.5)
    assert sampler.due(1.0)
    sampler.burst = False
    assert not sampler.due(10.9)
    assert sampler.due(11.0)


def test_burst_long_after_the_last_sample_is_due_at_once() -> None:
    sampler = VideoSampler(VideoParams(burst_fps=2, normal_fps=0.1))
    assert sampler.due(0.0)
    sampler.burst = True
    assert sampler.burst
    assert taken(sampler, [6.0, 6.1, 6.4, 6.5]) == [6.0, 6.5]


@settings(deadline=None)
@given(steps=gaps, flips=st.lists(st.booleans(), min_size=201, max_size=201))
def test_toggling_burst_never_beats_the_burst_rate(steps: list[float], flips: list[bool]) -> None:
    sampler = VideoSampler(VideoParams(burst_fps=2, normal_fps=0.5))
    times = clock(steps)
    count = 0
    for now, flip in zip(times, flips, strict=False):
        if flip:
            sampler.burst = not sampler.burst
        count += sampler.due(now)
    assert count <= (times[-1] - times[0]) * 2 + 1 + EPSILON


def test_new_rates_apply_live_and_the_same_ones_change_nothing() -> None:
    sampler = VideoSampler(VideoParams(normal_fps=0.1))
    assert sampler.due(0.0)
    sampler.update(VideoParams(normal_fps=1))
    assert taken(sampler, [0.9, 1.3]) == [1.3]
    # Its slot was 1.0: the same rates leave the next slot at 2.0.
    sampler.update(VideoParams(normal_fps=1, quality=50))
    assert taken(sampler, [1.9, 2.0]) == [2.0]


def test_new_rates_before_the_first_frame() -> None:
    sampler = VideoSampler(VideoParams(normal_fps=0.1))
    sampler.update(VideoParams(normal_fps=5))
    sampler.burst = True
    assert sampler.due(0.0)
