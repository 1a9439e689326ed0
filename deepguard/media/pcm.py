"""PCM as transports deliver it, made 16 kHz mono."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

from deepguard.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUT_RATE = 16_000
"""Hz: what detectors take."""

MIN_RATE, MAX_RATE = 4_000, 384_000
MAX_CHANNELS = 32

# What a buffer of bytes, or of 16-bit samples, calls its elements.
_FORMATS = frozenset({"B", "b", "c", "h", "<h"})


class PcmReader:
    """Makes mono samples of the raw bytes of one track; a sample that is torn between two feeds is put together."""

    def __init__(self) -> None:
        """Begin with no bytes left over."""
        self._torn = b""
        self._shape = (0, 0)

    def read(
        self, pcm: bytes | bytearray | memoryview | np.ndarray, sample_rate: int, channels: int
    ) -> NDArray[np.int16]:
        """Take raw audio in.

        Args:
            pcm: Signed 16-bit little-endian samples, interleaved; any number of bytes.
            sample_rate: Hz.
            channels: From 1; mixed to one.

        Returns:
            Mono samples at the same rate; a copy wherever the caller could still change ``pcm``.

        Raises:
            MediaError: The rate or the number of channels is absurd, or the buffer holds other numbers.
        """
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise MediaError(f"audio at {sample_rate} Hz is refused; {MIN_RATE} to {MAX_RATE} Hz are taken")
        if not 1 <= channels <= MAX_CHANNELS:
            raise MediaError(f"audio with {channels} channels is refused; 1 to {MAX_CHANNELS} are taken")
        if isinstance(pcm, bytes):
            data = pcm
        else:
            view = pcm.data if isinstance(pcm, np.ndarray) else memoryview(pcm)
            if view.format not in _FORMATS:
                raise MediaError(f"audio must be signed 16-bit samples, not a buffer of format {view.format!r}")
            data = view.tobytes()
        if (sample_rate, channels) != self._shape:
            self._shape = (sample_rate, channels)
            self._torn = b""
        if self._torn:
            data = self._torn + data
        extra = len(data) % (2 * channels)
        self._torn = data[len(data) - extra :] if extra else b""
        samples = np.frombuffer(data, "<i2", (len(data) - extra) // 2)
        if channels > 1:
            mixed = samples.reshape(-1, channels).sum(axis=1, dtype=np.int32) // channels
            return mixed.astype(np.int16)
        return samples


class Resampler:
    """Makes 16 kHz of one utterance. One utterance, one resampler: nothing leaks from one into the next."""

    def __init__(self) -> None:
        """Begin an utterance."""
        self._rate = OUT_RATE
        self._stream: soxr.ResampleStream | None = None

    def feed(self, samples: NDArray[np.int16], sample_rate: int) -> bytes:
        """Resample what follows; the filter's delay holds a few milliseconds back until ``flush``.

        Args:
            samples: Mono.
            sample_rate: Hz; where it changes, what was held back comes out first.

        Returns:
            Signed 16-bit little-endian samples at 16 kHz.
        """
        held_back = b""
        if sample_rate != self._rate:
            held_back = self.flush()
            self._rate = sample_rate
            if sample_rate != OUT_RATE:
                # Whole numbers inside would be dithered from a random seed; the same audio has to give the same chunks.
                self._stream = soxr.ResampleStream(sample_rate, OUT_RATE, 1, dtype="float32")
        if self._stream is None:
            return held_back + samples.tobytes()
        return held_back + _whole(self._stream.resample_chunk(samples.astype(np.float32)))

    def flush(self) -> bytes:
        """End the stream: what was held back, as ``feed`` returns it."""
        if self._stream is None:
            return b""
        rest = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        self._stream, self._rate = None, OUT_RATE
        return _whole(rest)


def _whole(samples: NDArray[np.float32]) -> bytes:
    """Round to 16 bits; the filter may overshoot what is near full scale."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


__all__ = ["MAX_CHANNELS", "MAX_RATE", "MIN_RATE", "OUT_RATE", "PcmReader", "Resampler"]
