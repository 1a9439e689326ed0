"""Speech for tests, spoken by espeak-ng, as a microphone's samples and as its packets."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs import CODECS, get_encoder
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADState

from deepguard.density.media import encode_sound
from deepguard.pipeline.receive.frames import EncodedFrame

SENTENCE = "Good morning. I am calling about the transfer."
CODEC = {codec.name: codec for codec in CODECS["audio"]}
"""aiortc's audio codecs by name: opus, G722, PCMU, PCMA."""

Samples = NDArray[np.int16]


@cache
def speech(rate: int, voice: str = "en-us", text: str = SENTENCE) -> Samples:
    """Somebody speaks, with half a second of nothing before it and a second after it.

    Args:
        rate: Hz.
        voice: One of espeak-ng's.
        text: What is said.
    """
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng (Debian, Ubuntu: apt install espeak-ng)")
    spoken = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        frame = frame_of(samples, file.getframerate())
    resampler = AudioResampler("s16", "mono", rate)
    said = [out.to_ndarray()[0] for given in (frame, None) for out in resampler.resample(given)]
    return np.concatenate([np.zeros(rate // 2, np.int16), *said, np.zeros(rate, np.int16)]).astype(np.int16)


def frame_of(samples: Samples, rate: int, at: int = 0) -> AudioFrame:
    """Mono samples as a frame that begins ``at`` samples after the start."""
    frame = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame


def packets_of(name: str, samples: Samples, first: int = 0) -> list[EncodedFrame]:
    """Samples at 48 kHz as a sender's packets of 20 milliseconds.

    Args:
        name: The codec's.
        samples: Mono.
        first: The first one's timestamp.
    """
    codec, encoder = CODEC[name], get_encoder(CODEC[name])
    data: list[bytes] = []
    for at in range(0, len(samples) - 959, 960):
        data += encoder.encode(frame_of(samples[at : at + 960], 48000, at))[0]
    return numbered(codec, data, first)


def opus_of(samples: Samples, first: int = 0) -> list[EncodedFrame]:
    """The same as browsers send it: Opus, mono, 32 kbit/s."""
    return numbered(CODEC["opus"], list(encode_sound(samples).packets), first)


def numbered(codec: RTCRtpCodecParameters, data: list[bytes], first: int = 0) -> list[EncodedFrame]:
    """Payloads of 20 milliseconds with their timestamps."""
    step = codec.clockRate // 50
    return [EncodedFrame(codec, payload, (first + number * step) % 2**32) for number, payload in enumerate(data)]


async def as_pipecat(pcm: bytes) -> list[tuple[int, bool]]:
    """Where Pipecat's own analyzer finds that speech starts and stops, given 20 milliseconds at a time.

    Args:
        pcm: 16 kHz mono.

    Returns:
        After which window of 32 milliseconds (from 1), and whether it started.
    """
    analyzer = SileroVADAnalyzer(sample_rate=16_000)
    analyzer.set_sample_rate(16_000)
    changes: list[tuple[int, bool]] = []
    speaking = False
    for at in range(0, len(pcm), 640):
        piece = pcm[at : at + 640]
        if await analyzer.analyze_audio(piece) is (VADState.QUIET if speaking else VADState.SPEAKING):
            speaking = not speaking
            changes.append(((at + len(piece)) // 1024, speaking))
    await analyzer.cleanup()
    return changes


__all__ = ["CODEC", "SENTENCE", "Samples", "as_pipecat", "frame_of", "numbered", "opus_of", "packets_of", "speech"]
