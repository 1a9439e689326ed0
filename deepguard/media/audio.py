"""Cutting of speech into chunks of a fixed length."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deepguard.config.models import AudioParams
from deepguard.media.pcm import OUT_RATE, PcmReader, Resampler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRE_ROLL = 0.3
"""Seconds before the start of speech that belong to the utterance: voice activity is told late."""

STALE = 1.0
"""Seconds before the start of speech beyond which audio is no pre-roll of it (the microphone was off in between)."""

# Seconds: shorter than any sample.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of speech, ready to be a sample.

    Attributes:
        data: Signed 16-bit little-endian mono at 16 kHz, ``sample_size`` samples. Never logged.
        captured_at: When its first sample was captured, on the clock of ``AudioCutter.feed``.
        speech: Seconds of real audio in it; the rest is padding.
        padded: Whether zeros fill it up.
    """

    data: bytes = field(repr=False)
    captured_at: float
    speech: float
    padded: bool


class _Block(NamedTuple):
    """Audio as it was fed."""

    samples: NDArray[np.int16]
    rate: int
    at: float

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def last(self, seconds: float) -> _Block:
        """Its end, of the given length at most."""
        skip = max(0, len(self.samples) - round(seconds * self.rate))
        return _Block(self.samples[skip:], self.rate, self.at + skip / self.rate)


class AudioCutter:
    """Cuts one microphone's speech into chunks of ``sample_size`` samples.

    Chunks of one utterance follow each other without a gap unless ``interval`` asks for one; no chunk holds audio of
    two utterances. The last one of an utterance is padded with zeros when it holds at least ``min_speech`` seconds.

    Attributes:
        discarded: Seconds of speech that were too short to be judged.
        burst: Whether ``burst_interval`` counts rather than ``interval``; also for the chunk being waited for.
    """

    def __init__(self, params: AudioParams) -> None:
        """Begin outside of speech.

        Args:
            params: Length of a chunk, intervals and the shortest tail.
        """
        self.discarded = 0.0
        self.burst = False
        self._params = params
        self._start_over()

    @property
    def due_at(self) -> float:
        """From when on speech begins a chunk, on the clock of ``feed``; in the past when it does already."""
        return self._last_at + (self._params.burst_interval if self.burst else self._params.interval)

    @property
    def cutting(self) -> bool:
        """Whether a chunk was begun and waits for its end."""
        return self._begun

    def update(self, params: AudioParams) -> None:
        """Cut by other parameters from now on."""
        self._params = params

    def reset(self) -> None:
        """Forget the utterance, the pre-roll and when the last chunk was taken, as for a new track."""
        self._discard()
        self._start_over()

    def feed(
        self, pcm: bytes | bytearray | memoryview | np.ndarray, sample_rate: int, channels: int, at: float
    ) -> list[AudioChunk]:
        """Take audio in; outside of speech only the last 0.3 seconds are kept.

        Args:
            pcm: Signed 16-bit little-endian samples, interleaved; any number of bytes.
            sample_rate: Hz; may change from feed to feed.
            channels: Mixed to one.
            at: When the first sample of ``pcm`` was captured, in seconds.

        Returns:
            The chunks that are complete now.

        Raises:
            MediaError: The audio cannot be what it is said to be; nothing of it was taken.
        """
        block = _Block(self._reader.read(pcm, sample_rate, channels), sample_rate, at)
        if not len(block.samples):
            return []
        if not self._speaking:
            self._remember(block)
            return []
        self._append(block)
        return self._cut()

    def speech_started(self, at: float) -> None:
        """Begin an utterance, with the pre-roll; nothing happens during one.

        Args:
            at: When it was told, in seconds on the clock of ``feed``.
        """
        if self._speaking:
            return
        self._speaking = True
        missing = PRE_ROLL
        recent: list[_Block] = []
        while self._pre_roll and missing > _TOLERANCE:
            block = self._pre_roll.pop()
            if block.at + block.seconds < at - STALE:
                break
            recent.append(block.last(missing))
            missing -= block.seconds
        self._pre_roll.clear()
        self._pre_roll_seconds = 0.0
        for block in reversed(recent):
            self._append(block)

    def speech_stopped(self, at: float) -> list[AudioChunk]:
        """End the utterance; nothing happens outside of one.

        Args:
            at: When it was told, in seconds on the clock of ``feed``.

        Returns:
            What was left of it, the last chunk padded, or nothing when that was too short.
        """
        if not self._speaking:
            return []
        self._pending += self._resampler.flush()
        chunks = self._cut()
        left = len(self._pending) // 2
        if left and left >= self._params.min_speech * OUT_RATE:
            chunks.append(self._take(left))
        else:
            self._discard()
        self._end_utterance()
        return chunks

    def _start_over(self) -> None:
        self._reader = PcmReader()
        self._pre_roll: deque[_Block] = deque()
        self._pre_roll_seconds = 0.0
        self._last_at = -math.inf
        self._end_utterance()

    def _end_utterance(self) -> None:
        self._speaking = False
        self._resampler = Resampler()
        self._pending = bytearray()
        # Positions count the utterance's samples at 16 kHz: where _pending begins, and where the next feed's will.
        self._position = 0
        self._fed = 0.0
        # (position, capture time) of each feed's first sample, from the feed that holds _position on.
        self._clock: deque[tuple[float, float]] = deque()
        # Whether _pending begins a chunk, and when that was captured; else nothing is pending, or nothing is due yet.
        self._begun = False
        self._begun_at = 0.0

    def _remember(self, block: _Block) -> None:
        block = block.last(PRE_ROLL)
        self._pre_roll.append(block)
        self._pre_roll_seconds += block.seconds
        while self._pre_roll_seconds - self._pre_roll[0].seconds >= PRE_ROLL:
            self._pre_roll_seconds -= self._pre_roll.popleft().seconds

    def _append(self, block: _Block) -> None:
        self._clock.append((self._fed, block.at))
        self._fed += len(block.samples) * OUT_RATE / block.rate
        self._pending += self._resampler.feed(block.samples, block.rate)

    def _cut(self) -> list[AudioChunk]:
        chunks: list[AudioChunk] = []
        while True:
            if not self._begun:
                self._skip_until_due()
            if not self._begun or len(self._pending) < 2 * self._params.sample_size:
                return chunks
            chunks.append(self._take(self._params.sample_size))

    def _skip_until_due(self) -> None:
        """Let go of what lies within the interval; the first sample after it begins a chunk."""
        due_at = self.due_at
        while self._pending:
            while len(self._clock) > 1 and self._clock[1][0] <= self._position:
                self._clock.popleft()
            start, at = self._clock[0]
            now = at + (self._position - start) / OUT_RATE
            wait = (due_at - now) * OUT_RATE
            # Times of day in floating point are good to a small part of a sample: less than half of one is no wait.
            if wait < 0.5:
                self._begun, self._begun_at = True, now
                return
            # Not beyond this feed: the next one has its own capture time.
            reach = self._clock[1][0] - self._position if len(self._clock) > 1 else math.inf
            count = max(1, math.ceil(min(wait - 0.5, reach, len(self._pending) // 2)))
            del self._pending[: 2 * count]
            self._position += count

    def _take(self, count: int) -> AudioChunk:
        """Make a chunk of the first ``count`` pending samples."""
        size = self._params.sample_size
        data = bytes(self._pending[: 2 * count])
        chunk = AudioChunk(data.ljust(2 * size, b"\0"), self._begun_at, count / OUT_RATE, padded=count < size)
        del self._pending[: 2 * count]
        self._position += count
        self._last_at, self._begun = self._begun_at, False
        return chunk

    def _discard(self) -> None:
        self.discarded += len(self._pending) / (2 * OUT_RATE)
        self._pending.clear()


__all__ = ["PRE_ROLL", "STALE", "AudioChunk", "AudioCutter"]
