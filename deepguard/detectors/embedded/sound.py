"""What can be heard in a chunk of audio."""

from __future__ import annotations

import math

import numpy as np

from deepguard.detectors.embedded.finding import NOT_ASSESSED, Finding, unreadable
from deepguard.model import BlindReason, Sample

FULL_SCALE = 32_768
FLOOR_DBFS = -96.0
"""What 16 bits can hold; also said of digital silence."""

FRAME = 320
"""Samples, 20 ms at 16 kHz: the pieces that count as loud or silent."""

SILENT_BELOW_DBFS = -55.0
SPEECH_SECONDS = 0.2
CLIPPED_FROM = 32_735
"""Full scale but for what a resampler's ripple takes."""


def assess_sound(sample: Sample) -> Finding:
    """Measure one chunk of audio; the zeros that fill it up are left out.

    That there is speech in it was found by whoever cut the chunk; here only silence is told from sound. The signals
    are ``speech`` (0.2 seconds or more are louder than -55 dBFS), ``speech_level_dbfs`` (root mean square of those
    parts), ``peak_dbfs`` (both from -96 to 0) and ``clipping`` (share of the samples that are at full scale, 0 to 1).

    Args:
        sample: Signed 16-bit little-endian mono at 16 kHz.
    """
    if not sample.data or len(sample.data) % 2:
        return unreadable(f"{len(sample.data)} bytes are not 16-bit audio")
    samples = np.trim_zeros(np.frombuffer(sample.data, "<i2"), "b").astype(np.float64)
    # Whole pieces: the last one is filled with silence, which only counts where nothing is loud.
    pieces = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)
    powers = np.square(pieces).mean(axis=1)
    loud = powers[powers > (FULL_SCALE * 10 ** (SILENT_BELOW_DBFS / 20)) ** 2]
    speech = len(loud) * FRAME / 16_000 >= SPEECH_SECONDS
    level = _dbfs(math.sqrt(loud.mean())) if speech else FLOOR_DBFS
    loudest = np.abs(samples)
    clipping = float((loudest >= CLIPPED_FROM).mean()) if len(samples) else 0.0
    heard = f"speech at {level:.0f} dBFS" if speech else "silence"
    if clipping >= 0.001:
        heard += f", {clipping:.1%} of it clipped"
    return Finding(
        message=f"{NOT_ASSESSED}; {heard}",
        blind=BlindReason.NOT_ASSESSED if speech else BlindReason.NO_SPEECH,
        signals={
            "speech": speech,
            "speech_level_dbfs": round(level, 1),
            "peak_dbfs": round(_dbfs(float(loudest.max(initial=0))), 1),
            "clipping": round(clipping, 4),
        },
    )


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude / FULL_SCALE)) if amplitude > 0 else FLOOR_DBFS


__all__ = ["assess_sound"]
