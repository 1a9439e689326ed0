"""What can be heard in a chunk of audio."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.detectors.embedded.finding import Finding
from deepguard.detectors.embedded.sound import assess_sound
from deepguard.model import BlindReason, Judgement, Sample, SampleFormat, Source

RATE = 16_000
CHUNK = 48_000
NOT_ASSESSED = "deepfake: not assessed"


def assess(samples: np.ndarray | bytes) -> Finding:
    data = samples if isinstance(samples, bytes) else samples.clip(-32_768, 32_767).astype("<i2").tobytes()
    return assess_sound(Sample("s", "c", "alice", "mic-1", Source.MICROPHONE, SampleFormat.PCM, data, 1.7e9))


def tone(dbfs_rms: float, seconds: float = 3.0) -> np.ndarray:
    amplitude = 32_768 * 10 ** (dbfs_rms / 20) * math.sqrt(2)
    return amplitude * np.sin(2 * np.pi * 220 * np.arange(int(RATE * seconds)) / RATE)


@pytest.mark.parametrize("level", [-6, -20, -40, -50])
def test_the_level_of_what_is_loud(level: float) -> None:
    finding = assess(tone(level))
    assert finding.judgement is Judgement.UNKNOWN
    assert finding.blind is BlindReason.NOT_ASSESSED
    assert finding.signals["speech"] is True
    assert finding.signals["speech_level_dbfs"] == pytest.approx(level, abs=0.2)
    assert finding.signals["peak_dbfs"] == pytest.approx(level + 3, abs=0.2)
    assert finding.signals["clipping"] == 0
    assert finding.message == f"{NOT_ASSESSED}; speech at {level} dBFS"


def test_pauses_and_padding_do_not_lower_the_level() -> None:
    speech = tone(-20, 1.0)
    with_pause = np.concatenate([speech, np.zeros(RATE // 2), speech])
    padded = np.concatenate([with_pause, np.zeros(CHUNK - len(with_pause))])
    assert assess(padded).signals["speech_level_dbfs"] == pytest.approx(-20, abs=0.2)


@pytest.mark.parametrize("sound", [np.zeros(CHUNK), np.random.default_rng(0).normal(0, 10, CHUNK), tone(-70)])
def test_silence(sound: np.ndarray) -> None:
    finding = assess(sound)
    assert finding.blind is BlindReason.NO_SPEECH
    assert finding.signals["speech"] is False
    assert finding.signals["speech_level_dbfs"] == -96
    assert finding.message == f"{NOT_ASSESSED}; silence"


def test_digital_silence_has_a_finite_peak() -> None:
    assert assess(np.zeros(CHUNK)).signals["peak_dbfs"] == -96


def test_a_click_is_not_speech() -> None:
    click = np.zeros(CHUNK)
    click[20_000:20_400] = 20_000
    finding = assess(click)
    assert finding.blind is BlindReason.NO_SPEECH
    assert finding.signals["peak_dbfs"] == pytest.approx(-4.3, abs=0.1)


def test_clipping_is_the_share_at_full_scale() -> None:
    loud = tone(-20)
    loud[:4_800] = 40_000
    loud[4_800:9_600] = -40_000
    finding = assess(loud)
    assert finding.signals["clipping"] == pytest.approx(0.2, abs=1e-3)
    assert "20.0% of it clipped" in finding.message
    half = np.concatenate([np.full(RATE, 32_767.0), np.zeros(CHUNK - RATE)])
    assert assess(half).signals["clipping"] == 1, "what fills the chunk up is no sound"


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x02\x03"])
def test_what_is_no_audio_is_an_error(data: bytes) -> None:
    finding = assess(data)
    assert finding.judgement is Judgement.ERROR
    assert finding.message.startswith(NOT_ASSESSED)


@settings(deadline=None)
@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=1000), st.integers(0, 1000))
def test_any_audio_has_finite_signals_within_their_ranges(values: list[int], zeros: int) -> None:
    signals = assess(np.array([*values, *([0] * zeros)])).signals
    for name in ("speech_level_dbfs", "peak_dbfs"):
        value = signals[name]
        assert isinstance(value, float)
        assert -96 <= value <= 0
    assert 0 <= float(signals["clipping"]) <= 1
