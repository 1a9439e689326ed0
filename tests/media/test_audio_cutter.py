"""Cutting of speech into chunks."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepguard.config.models import AudioParams
from deepguard.errors import MediaError
from deepguard.media.audio import PRE_ROLL, AudioChunk, AudioCutter

RATE = 16_000
SIZE = 8_000
START = 1_700_000_000.0
HALF_A_SAMPLE = 0.5 / RATE + 1e-6


def params(**settings_: float) -> AudioParams:
    return AudioParams.model_validate({"sample_size": SIZE, "interval": 0, "min_speech": 0.1} | settings_)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-20_000, 20_000, count).astype("<i2")


def ramp(count: int, first: int = 0) -> np.ndarray:
    """Samples that each tell their own position."""
    return (np.arange(first, first + count) % 30_000).astype("<i2")


def feed_all(
    cutter: AudioCutter, samples: np.ndarray, sizes: Iterator[int], at: float, rate: int = RATE, channels: int = 1
) -> list[AudioChunk]:
    """Feed in pieces of so many bytes, cut without regard to samples."""
    data, offset, chunks = samples.tobytes(), 0, []
    while offset < len(data):
        piece = data[offset : offset + next(sizes)]
        chunks += cutter.feed(piece, rate, channels, at + offset / (2 * channels * rate))
        offset += len(piece)
    return chunks


def endless(sizes: list[int]) -> Iterator[int]:
    while True:
        yield from sizes


def pcm(chunks: list[AudioChunk]) -> np.ndarray:
    """What the chunks hold without the padding."""
    return np.concatenate(
        [np.frombuffer(chunk.data, "<i2")[: round(chunk.speech * RATE)] for chunk in chunks] or [np.empty(0, "<i2")]
    )


def one_shot(samples: np.ndarray, rate: int) -> np.ndarray:
    """The whole of it resampled at once."""
    return np.clip(soxr.resample(samples.astype(np.float32), rate, RATE), -32_768, 32_767)


# Ends in an ordinary size, so that an utterance is not fed byte by byte.
piece_sizes = st.lists(st.integers(1, 4_000), max_size=12).map(lambda sizes: [*sizes, 640])
laws = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@laws
@given(count=st.integers(0, 40_000), sizes=piece_sizes, sample_size=st.sampled_from([8_000, 9_999, 48_000]))
def test_no_sample_is_lost_or_doubled(count: int, sizes: list[int], sample_size: int) -> None:
    cutter = AudioCutter(params(sample_size=sample_size))
    cutter.speech_started(START)
    samples = noise(count)
    chunks = feed_all(cutter, samples, endless(sizes), START) + cutter.speech_stopped(START + count / RATE)
    whole, tail = divmod(count, sample_size)
    kept = count if tail >= 0.1 * RATE else whole * sample_size
    assert pcm(chunks).tobytes() == samples[:kept].tobytes()
    assert cutter.discarded == pytest.approx((count - kept) / RATE)
    for n, chunk in enumerate(chunks):
        assert len(chunk.data) == 2 * sample_size
        assert chunk.captured_at == pytest.approx(START + n * sample_size / RATE, abs=2 / RATE)
        assert chunk.padded == (n >= whole)
        assert not any(chunk.data[2 * round(chunk.speech * RATE) :])


@laws
@given(
    rate=st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]),
    seconds=st.floats(0.1, 2.0),
    sizes=piece_sizes,
    channels=st.sampled_from([1, 2]),
)
def test_any_rate_equals_resampling_the_whole_utterance(
    rate: int, seconds: float, sizes: list[int], channels: int
) -> None:
    count = int(rate * seconds) + rate // 10
    mono = noise(count)
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    fed = mono.repeat(channels)
    chunks = feed_all(cutter, fed, endless(sizes), START, rate, channels) + cutter.speech_stopped(START + 9)
    expected = one_shot(mono, rate)
    got = pcm(chunks)
    assert len(got) + round(cutter.discarded * RATE) == len(expected)
    np.testing.assert_allclose(got, expected[: len(got)], atol=1)
    for n, chunk in enumerate(chunks):
        assert chunk.captured_at == pytest.approx(START + n * SIZE / RATE, abs=2 / RATE)


@laws
@given(
    counts=st.lists(st.integers(1, 3 * SIZE), min_size=1, max_size=6),
    rates=st.lists(st.sampled_from([8_000, 16_000, 44_100, 48_000]), min_size=6, max_size=6),
)
def test_utterances_never_leak_into_each_other(counts: list[int], rates: list[int]) -> None:
    """Each utterance cut by one cutter equals the same utterance cut by a new one."""
    shared = AudioCutter(params())
    now = START
    for n, (count, rate) in enumerate(zip(counts, rates, strict=False)):
        results = []
        for cutter in (shared, AudioCutter(params())):
            cutter.speech_started(now)
            results.append(
                cutter.feed(noise(count, n).tobytes(), rate, 1, now) + cutter.speech_stopped(now + count / rate)
            )
        assert results[0] == results[1]
        now += count / rate


@laws
@given(
    interval=st.floats(0, 5),
    feeds=st.lists(
        st.tuples(st.integers(1, 12_000), st.floats(0, 2), st.sampled_from(["", "start", "stop"])), max_size=60
    ),
)
def test_the_interval_law(interval: float, feeds: list[tuple[int, float, str]]) -> None:
    """No chunk begins before the interval since the one before has passed, and one does begin once it has."""
    cutter = AudioCutter(params(interval=interval))
    now, speaking = START, False
    chunks: list[AudioChunk] = []
    waiting = 0.0
    for count, gap, event in feeds:
        now += gap
        if event == "start":
            cutter.speech_started(now)
            speaking = True
        elif event == "stop":
            chunks += cutter.speech_stopped(now)
            speaking, waiting = False, 0.0
        new = cutter.feed(ramp(count).tobytes(), RATE, 1, now)
        due_at = chunks[-1].captured_at + interval if chunks else START
        chunks += new
        seconds = count / RATE
        waiting = 0.0 if new or not speaking else waiting + max(0.0, now + seconds - max(now, due_at))
        # What was fed since then and lies past the interval must not amount to more than a chunk.
        assert waiting <= SIZE / RATE + 1e-3
        now += seconds
    for before, after in itertools.pairwise(chunks):
        assert after.captured_at >= before.captured_at + interval - HALF_A_SAMPLE


def test_the_interval_is_waited_out_in_the_middle_of_an_utterance() -> None:
    cutter = AudioCutter(params(interval=2.0))
    cutter.speech_started(START)
    samples = ramp(5 * RATE)
    chunks = feed_all(cutter, samples, endless([640]), START) + cutter.speech_stopped(START + 5)
    assert [chunk.captured_at - START for chunk in chunks] == pytest.approx([0, 2, 4], abs=1e-4)
    for chunk in chunks:
        first = round((chunk.captured_at - START) * RATE)
        assert chunk.data == samples[first : first + SIZE].tobytes()


def test_the_interval_goes_by_the_capture_clock_not_by_how_much_was_fed() -> None:
    cutter = AudioCutter(params(interval=60))
    cutter.speech_started(START)
    assert len(cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START)) == 1
    assert cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START + 50) == []
    (chunk,) = cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START + 100)
    assert chunk.captured_at == START + 100


def test_the_interval_outlasts_the_utterance() -> None:
    cutter = AudioCutter(params(interval=10))
    for at, expected in ((0, 1), (5, 0), (10, 1)):
        cutter.speech_started(START + at)
        chunks = cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START + at) + cutter.speech_stopped(START + at + 1)
        assert len(chunks) == expected
    assert cutter.discarded == 0


def test_burst_shortens_the_wait_at_once() -> None:
    cutter = AudioCutter(params(interval=60, burst_interval=2))
    cutter.speech_started(START)
    assert len(feed_all(cutter, ramp(RATE), endless([640]), START)) == 1
    cutter.burst = True
    chunks = feed_all(cutter, ramp(4 * RATE), endless([640]), START + 1)
    assert [chunk.captured_at - START for chunk in chunks] == pytest.approx([2, 4], abs=1e-4)


def test_new_parameters_apply_live() -> None:
    cutter = AudioCutter(params(interval=60))
    cutter.speech_started(START)
    assert len(feed_all(cutter, ramp(RATE), endless([640]), START)) == 1
    cutter.update(params(interval=1, sample_size=16_000))
    chunks = feed_all(cutter, ramp(2 * RATE), endless([640]), START + 1)
    assert [len(chunk.data) for chunk in chunks] == [32_000, 32_000]


@pytest.mark.parametrize(("seconds", "kept"), [(0.49, False), (0.5, True), (2.9, True)])
def test_a_tail_counts_from_half_a_second_on(seconds: float, kept: bool) -> None:
    cutter = AudioCutter(AudioParams(interval=0))
    cutter.speech_started(START)
    count = round(seconds * RATE)
    samples = noise(count)
    assert cutter.feed(samples.tobytes(), RATE, 1, START) == []
    chunks = cutter.speech_stopped(START + seconds)
    if kept:
        (chunk,) = chunks
        assert chunk.data == samples.tobytes() + bytes(2 * (48_000 - count))
        assert chunk.speech == pytest.approx(seconds)
        assert chunk.padded
    else:
        assert chunks == []
    assert cutter.discarded == pytest.approx(0 if kept else seconds)


def test_a_chunk_is_three_seconds_and_48000_samples() -> None:
    cutter = AudioCutter(AudioParams())
    cutter.speech_started(START)
    assert cutter.feed(ramp(47_999).tobytes(), RATE, 1, START) == []
    (chunk,) = cutter.feed(ramp(1, 47_999).tobytes(), RATE, 1, START + 47_999 / RATE)
    assert chunk.data == ramp(48_000).tobytes()
    assert (len(chunk.data), chunk.speech, chunk.padded) == (96_000, 3.0, False)


@laws
@given(sizes=piece_sizes, before=st.integers(0, 20_000))
def test_the_pre_roll_is_the_last_of_what_came_before(sizes: list[int], before: int) -> None:
    cutter = AudioCutter(params())
    samples = noise(before + SIZE)
    assert feed_all(cutter, samples[:before], endless(sizes), START) == []
    now = START + before / RATE
    cutter.speech_started(now)
    chunks = feed_all(cutter, samples[before:], endless(sizes), now) + cutter.speech_stopped(now + SIZE / RATE)
    pre_roll = min(before, round(PRE_ROLL * RATE))
    expected = samples[before - pre_roll :]
    got = pcm(chunks)
    assert got.tobytes() == expected[: len(got)].tobytes()
    assert len(got) + round(cutter.discarded * RATE) == len(expected)
    assert chunks[0].captured_at == pytest.approx(now - pre_roll / RATE, abs=2 / RATE)


def test_the_pre_roll_holds_nothing_of_the_utterance_before() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START)
    cutter.speech_stopped(START + 0.5)
    between, after = ramp(1_600, 20_000), ramp(SIZE, 21_600)
    cutter.feed(between.tobytes(), RATE, 1, START + 0.5)
    cutter.speech_started(START + 0.6)
    (chunk,) = cutter.feed(after.tobytes(), RATE, 1, START + 0.6)
    assert chunk.data == np.concatenate([between, after]).tobytes()[: 2 * SIZE]


def test_old_audio_is_no_pre_roll() -> None:
    cutter = AudioCutter(params())
    cutter.feed(ramp(RATE).tobytes(), RATE, 1, START)
    cutter.speech_started(START + 60)
    (chunk,) = cutter.feed(ramp(SIZE, 5).tobytes(), RATE, 1, START + 60)
    assert chunk.data == ramp(SIZE, 5).tobytes()


def test_a_rate_that_changes_during_an_utterance() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    pieces = [(48_000, 0.4), (16_000, 0.3), (8_000, 0.5), (48_000, 0.3)]
    tone = lambda rate, seconds: (8_000 * np.sin(2 * np.pi * 200 * np.arange(int(rate * seconds)) / rate)).astype("<i2")  # noqa: E731
    chunks, now, expected = [], START, []
    for rate, seconds in pieces:
        chunks += feed_all(cutter, tone(rate, seconds), endless([2 * rate // 50]), now, rate)
        expected.append(one_shot(tone(rate, seconds), rate))
        now += seconds
    chunks += cutter.speech_stopped(now)
    assert sum(chunk.speech for chunk in chunks) == pytest.approx(1.5)
    np.testing.assert_allclose(pcm(chunks), np.concatenate(expected), atol=1)
    assert [chunk.captured_at - START for chunk in chunks] == pytest.approx([0, 0.5, 1.0], abs=1e-3)


def test_stereo_is_mixed() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    left, right = noise(SIZE, 1), noise(SIZE, 2)
    (chunk,) = cutter.feed(np.stack([left, right], axis=1).tobytes(), RATE, 2, START)
    expected = (left.astype(int) + right) / 2
    np.testing.assert_allclose(np.frombuffer(chunk.data, "<i2"), expected, atol=1)


def test_loud_stereo_does_not_overflow() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    (chunk,) = cutter.feed(np.full((SIZE, 2), 32_767, "<i2").tobytes(), RATE, 2, START)
    assert chunk.data == np.full(SIZE, 32_767, "<i2").tobytes()


def test_a_torn_sample_of_another_format_is_not_put_together() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    cutter.feed(b"\x01", RATE, 2, START)
    (chunk,) = cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START)
    assert chunk.data == ramp(SIZE).tobytes()


def test_buffers_of_all_kinds_are_taken_and_not_kept() -> None:
    samples = ramp(SIZE)
    shared = bytearray(samples.tobytes())
    buffers: list[Any] = [samples.tobytes(), shared, memoryview(bytearray(shared)), samples.copy()]
    for buffer in buffers:
        cutter = AudioCutter(params())
        cutter.feed(buffer, RATE, 1, START)
        if not isinstance(buffer, bytes):
            memoryview(buffer).cast("B")[:] = bytes(2 * SIZE)
        cutter.speech_started(START + 0.5)
        (chunk,) = cutter.feed(samples.tobytes(), RATE, 1, START + 0.5)
        pre_roll = round(PRE_ROLL * RATE)
        assert chunk.data == np.concatenate([samples[-pre_roll:], samples]).tobytes()[: 2 * SIZE]


@pytest.mark.parametrize(
    ("buffer", "rate", "channels"),
    [(b"\0\0", 0, 1), (b"\0\0", -16_000, 1), (b"\0\0", 10**9, 1), (b"\0\0", RATE, 0), (b"\0\0", RATE, 33)],
)
def test_nonsense_is_refused(buffer: bytes, rate: int, channels: int) -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    with pytest.raises(MediaError):
        cutter.feed(buffer, rate, channels, START)
    assert cutter.speech_stopped(START) == []


def test_floating_point_audio_is_refused() -> None:
    with pytest.raises(MediaError, match="16-bit"):
        AudioCutter(params()).feed(np.zeros(10), RATE, 1, START)


def test_starts_and_stops_that_come_twice_change_nothing() -> None:
    cutter = AudioCutter(params())
    assert cutter.speech_stopped(START) == []
    cutter.speech_started(START)
    cutter.feed(ramp(4_000).tobytes(), RATE, 1, START)
    cutter.speech_started(START + 0.25)
    (chunk,) = cutter.feed(ramp(4_000, 4_000).tobytes(), RATE, 1, START + 0.25)
    assert chunk.data == ramp(8_000).tobytes()
    assert cutter.speech_stopped(START + 1) == []
    assert cutter.speech_stopped(START + 1) == []


def test_reset_forgets_everything() -> None:
    cutter = AudioCutter(params(interval=60))
    cutter.speech_started(START)
    cutter.feed(ramp(SIZE + 100).tobytes(), RATE, 1, START)
    cutter.reset()
    assert cutter.speech_stopped(START + 1) == []
    assert cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START + 1) == []
    cutter.reset()
    cutter.speech_started(START + 1.5)
    (chunk,) = cutter.feed(ramp(SIZE, 9).tobytes(), RATE, 1, START + 1.5)
    assert chunk.data == ramp(SIZE, 9).tobytes()


def test_reset_in_the_middle_of_an_utterance_leaks_nothing_into_the_next() -> None:
    used, new = AudioCutter(params()), AudioCutter(params())
    used.speech_started(START)
    used.feed(noise(30_000, 1).tobytes() + b"\x01", 48_000, 1, START)
    used.reset()
    results = []
    for cutter in (used, new):
        cutter.speech_started(START + 1)
        results.append(cutter.feed(noise(48_000, 2).tobytes(), 48_000, 1, START + 1))
    assert results[0] == results[1]


def test_hours_of_silence_and_of_speech_take_no_memory() -> None:
    """What is held back never exceeds a chunk and the pre-roll, in an utterance that never ends as well."""
    cutter = AudioCutter(params(interval=3600))
    second = ramp(RATE).tobytes()
    for n in range(600):
        cutter.feed(second, RATE, 1, START + n)
    assert sum(len(block.samples) for block in cutter._pre_roll) <= RATE * PRE_ROLL * 2
    cutter.speech_started(START + 600)
    for n in range(600, 1200):
        cutter.feed(second, RATE, 1, START + n)
    assert len(cutter._pending) <= 2 * SIZE
    assert len(cutter._clock) <= 2


def test_no_audio_in_a_repr() -> None:
    cutter = AudioCutter(params())
    cutter.speech_started(START)
    (chunk,) = cutter.feed(ramp(SIZE).tobytes(), RATE, 1, START)
    assert "data" not in repr(chunk)
