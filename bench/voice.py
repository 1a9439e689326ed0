"""A voice for benches, made of a buzz and some noise: the speech model takes it for speech."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.codecs import CODECS
from av import AudioCodecContext, AudioFrame

from deepguard.pipeline.receive.frames import EncodedFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 48_000
PACKET = RATE // 50
VOWELS = ((700, 1200, 2500), (300, 2300, 3000), (500, 900, 2400), (400, 1900, 2600))
"""Hz that the mouth lets through best, for each sound."""


def voice(seconds: float) -> NDArray[np.int16]:
    """Vowels one after the other, in syllables, at 48 kHz."""
    times = np.arange(round(RATE * seconds)) / RATE
    pitch = 120 * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * times))
    buzz = np.random.default_rng(1).normal(0, 0.003, len(times))
    buzz[np.flatnonzero(np.diff(np.floor(np.cumsum(pitch) / RATE)))] += 1
    step, tail = RATE // 5, RATE // 10
    frequencies = np.fft.rfftfreq(step + tail, 1 / RATE)
    spoken = np.zeros(len(times) + step + tail)
    for number, at in enumerate(range(0, len(times), step)):
        formants = zip(VOWELS[number % len(VOWELS)], (1, 0.6, 0.25), strict=True)
        mouth = sum(gain / (1 + 1j * (frequencies - formant) / 60) for formant, gain in formants)
        spoken[at : at + step + tail] += np.fft.irfft(
            np.fft.rfft(buzz[at : at + step], step + tail) * mouth, step + tail
        )
    spoken = spoken[: len(times)] * np.clip(np.sin(2 * np.pi * 2.3 * times) + 0.6, 0, 1)
    return (spoken / np.abs(spoken).max() * 12_000).astype(np.int16)


def packets_of(samples: NDArray[np.int16]) -> list[EncodedFrame]:
    """Samples as browsers send them: Opus, mono, 32 kbit/s, 20 milliseconds each."""
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.bit_rate, encoder.format, encoder.layout, encoder.sample_rate = 32_000, "s16", "mono", RATE
    encoder.time_base, encoder.options = Fraction(1, RATE), {"application": "voip"}
    packets: list[EncodedFrame] = []
    for at in range(0, len(samples) - PACKET + 1, PACKET):
        frame = AudioFrame.from_ndarray(samples[np.newaxis, at : at + PACKET], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, encoder.time_base
        for packet in encoder.encode(frame):
            packets.append(EncodedFrame(CODECS["audio"][0], bytes(packet), len(packets) * PACKET))
    return packets
