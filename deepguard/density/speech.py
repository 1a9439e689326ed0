"""Synthesised speech: vowels by their formants, in the rhythm and the melody of somebody who talks on and on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 48000

VOWELS = (
    (730.0, 1090.0, 2440.0, 3400.0),
    (530.0, 1840.0, 2480.0, 3500.0),
    (300.0, 2200.0, 2900.0, 3600.0),
    (570.0, 840.0, 2410.0, 3300.0),
    (440.0, 1020.0, 2240.0, 3300.0),
    (640.0, 1190.0, 2390.0, 3400.0),
)
"""Formants of vowels in Hz, of a grown-up voice."""

WIDTHS = (60.0, 90.0, 130.0, 180.0)
"""How wide each formant is, in Hz."""

PITCH = 125.0
SYLLABLE_SECONDS = 0.21
HIGHEST = 5000.0
"""Hz above which the voice has nothing."""

PEAK = 0.7
GRAIN = 240
"""Samples in which the sound of the vowel counts as constant: 5 ms."""

Signal = NDArray[np.float64]


def synthesise_speech(seconds: float) -> NDArray[np.int16]:
    """Speech without a pause, always the same.

    Args:
        seconds: How long.

    Returns:
        Mono samples at 48 kHz.
    """
    random = np.random.default_rng(17)
    count = round(seconds * RATE)
    syllables = max(1, round(seconds / SYLLABLE_SECONDS))
    place = np.linspace(0, syllables, count, endpoint=False)
    vowels = np.array(VOWELS)[random.integers(0, len(VOWELS), syllables + 1)]
    within = place % 1
    swell = 0.1 + 0.9 * np.sin(np.pi * within) ** 0.7
    voice = swell * _voice(_pitch(count, random), _formants(place[::GRAIN], vowels))
    # Every third syllable or so begins with a hiss.
    hissing = (random.integers(0, 3, syllables) == 0)[place.astype(int)]
    sound = voice + 0.3 * hissing * np.exp(-(((within - 0.08) / 0.08) ** 2)) * _hiss(count, random)
    return (sound / np.abs(sound).max() * PEAK * 32767).astype(np.int16)


def _pitch(count: int, random: np.random.Generator) -> Signal:
    """Hz: a sentence falls by a quarter in about two seconds, and no two periods of a voice are quite as long."""
    time = np.arange(count) / RATE
    melody = 1.15 - 0.3 * ((time / 2.1) % 1) + 0.05 * np.sin(2 * np.pi * 4.7 * time)
    steps = np.arange(0, count / RATE + 0.02, 0.01)
    return PITCH * melody * (1 + np.interp(time, steps, random.normal(0, 0.01, len(steps))))


def _formants(place: Signal, vowels: Signal) -> Signal:
    """Formants in Hz by grain: each syllable holds its vowel, and glides to the next one in its last quarter."""
    syllable = place.astype(int)
    gliding = np.clip((place % 1 - 0.75) / 0.25, 0, 1)
    mixed = (gliding**2 * (3 - 2 * gliding))[:, None]
    formants = vowels[syllable] * (1 - mixed) + vowels[syllable + 1] * mixed
    # A mouth that closes between two syllables lowers the first formant.
    from_edge = np.minimum(place % 1, 1 - place % 1)
    formants[:, 0] *= 1 - 0.5 * np.exp(-((from_edge / 0.12) ** 2))
    return formants


def _voice(pitch: Signal, formants: Signal) -> Signal:
    """The harmonics of a glottis, through the resonances of a mouth; 1 at its loudest."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros(len(pitch))
    for harmonic in range(1, int(HIGHEST / pitch.min())):
        tone = harmonic * pitch[::GRAIN]
        gain = np.where(tone < HIGHEST, 1 / harmonic, 0.0)
        for number, width in enumerate(WIDTHS):
            formant = formants[:, number]
            gain *= formant**2 / np.hypot(formant**2 - tone**2, tone * width)
        voice += np.repeat(gain, GRAIN)[: len(pitch)] * np.cos(harmonic * phase)
    return voice / np.abs(voice).max()


def _hiss(count: int, random: np.random.Generator) -> Signal:
    """Noise about 5 kHz, as in s and f; 1 at its loudest."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    spectrum *= np.exp(-(((np.fft.rfftfreq(count, 1 / RATE) - 5000) / 1800) ** 2))
    hiss = np.fft.irfft(spectrum, count)
    return hiss / np.abs(hiss).max()


__all__ = ["RATE", "synthesise_speech"]
