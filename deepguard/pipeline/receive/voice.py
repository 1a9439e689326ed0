"""Voice activity as Pipecat decides it, with one speech model for all calls of the process.

Pipecat's analyzer holds a model of its own, and is asked from a pipeline. Here its own code decides, but in the thread
that asks, and what a call holds is only the model's state. That touches what Pipecat does not promise to keep:
``load_model`` finds out whether it still is so, and all that depends on it is in this file.
"""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from loguru import logger
from pipecat.audio.vad.silero import SileroOnnxModel, SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADState
from pipecat.audio.volume import VOLUME_WINDOW_SECS, AudioVolumeTracker

from deepguard.errors import DeepguardError
from deepguard.media.pcm import OUT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 512
"""Samples at 16 kHz that the model is asked about at once: 32 milliseconds."""

# The model also sees the end of the window before.
_CONTEXT = 64

# Loudness below -70 LUFS counts as nothing. Its filter makes no sound more than 4.2 dB stronger, so that samples of
# at most this size stay below -72, whatever they are.
_SURELY_NOTHING = 5

# How many windows of nothing after a reset of the model are known by heart: more than lie between two resets.
_KNOWN_WINDOWS = 80

_model: SpeechModel | None = None
_loading = threading.Lock()
_ordinary = False


class VoiceActivityError(DeepguardError):
    """Pipecat's voice activity is not what it was: it cannot be heard with one model for all calls."""


class SpeechModel(NamedTuple):
    """What all microphones share. It holds nothing of theirs, and threads may use it at the same time.

    Attributes:
        session: The ONNX session.
        nothing: What it says to a window of zeros, and its state then, by how many such windows came before since it
            was reset. A muted microphone sends nothing else.
    """

    session: Any
    nothing: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]


class Change(NamedTuple):
    """Speech began or ended.

    Attributes:
        after: Samples of what was fed until it was decided, from 1.
        speaking: Whether it began.
    """

    after: int
    speaking: bool


class VoiceActivity:
    """Hears in one microphone's sound when speech starts and stops.

    Decides as ``SileroVADAnalyzer`` does with Pipecat's default parameters when it is given 20 milliseconds at a time.
    Used by one thread at a time; nothing is loaded before the first sound.
    """

    def __init__(self, *, after_silence: bool = False) -> None:
        """Begin quiet.

        Args:
            after_silence: Whether nobody spoke before the first sound. Else it takes Pipecat 0.4 seconds to know how
                loud anything is, and who begins to speak with the first sound is noticed so much later.
        """
        self._after_silence = after_silence
        self.reset()

    @property
    def speaking(self) -> bool:
        """Whether speech has started and has not stopped."""
        return self._speaking

    def reset(self) -> None:
        """Forget everything, as for another microphone: it is quiet, and nobody was told that speech stopped."""
        self._analyzer: _Analyzer | _Ordinary | None = None
        self._waiting = b""
        self._speaking = False

    def feed(self, pcm: bytes) -> list[Change]:
        """Listen to what follows. The first feed of the process loads the model: not for an event loop.

        Args:
            pcm: Signed 16-bit little-endian samples, mono, at 16 kHz; however cut, the decisions are the same.

        Returns:
            Where speech started and stopped, in order.
        """
        if self._analyzer is None:
            self._analyzer = _new_analyzer(after_silence=self._after_silence)
        before = len(self._waiting) // 2
        sound = self._waiting + pcm
        changes: list[Change] = []
        end = 0
        while len(sound) - end >= 2 * WINDOW:
            state = self._analyzer.decide(sound[end : end + 2 * WINDOW])
            end += 2 * WINDOW
            if state is (VADState.QUIET if self._speaking else VADState.SPEAKING):
                self._speaking = not self._speaking
                changes.append(Change(end // 2 - before, self._speaking))
        self._waiting = sound[end:]
        return changes


def load_model() -> SpeechModel:
    """The process's speech model, loaded when first asked for: tens of milliseconds, not for an event loop.

    Raises:
        VoiceActivityError: This version of Pipecat cannot be used in this way.
    """
    global _model
    with _loading:
        if _model is None:
            theirs = SileroVADAnalyzer(sample_rate=OUT_RATE)
            try:
                theirs.set_sample_rate(OUT_RATE)
                model = SpeechModel(theirs._model.session, {})
                _check(theirs, _Analyzer(model))
            except (AttributeError, TypeError, ValueError) as error:
                raise VoiceActivityError(f"this version of Pipecat hears voices in another way: {error}") from error
            _model = model
        return _model


def _new_analyzer(*, after_silence: bool) -> _Analyzer | _Ordinary:
    global _ordinary
    if not _ordinary:
        try:
            return _Analyzer(load_model(), after_silence=after_silence)
        except VoiceActivityError as error:
            # It is not tried again: that would load one more model, in vain, each time that somebody begins to speak.
            _ordinary = True
            logger.warning("{}: each call loads a model of its own", error)
    return _Ordinary(after_silence=after_silence)


class _Ordinary:
    """Pipecat's analyzer as it promises to be: with a model of its own, and asked from an event loop."""

    def __init__(self, *, after_silence: bool) -> None:
        self._analyzer = SileroVADAnalyzer(sample_rate=OUT_RATE)
        self._analyzer.set_sample_rate(OUT_RATE)
        if after_silence:
            for _ in range(math.ceil(VOLUME_WINDOW_SECS * OUT_RATE / WINDOW)):
                self.decide(bytes(2 * WINDOW))

    def decide(self, window: bytes) -> VADState:
        return asyncio.run(self._analyzer.analyze_audio(window))


class _Analyzer(SileroVADAnalyzer):
    """Pipecat's analyzer with everyone's model."""

    def __init__(self, model: SpeechModel, *, after_silence: bool = False) -> None:
        # Not Silero's own, which would load the model once more.
        VADAnalyzer.__init__(self, sample_rate=OUT_RATE)
        self._model = _Model(model)
        self._windows_since_reset = 0
        self._low_confidence_windows = 0
        self._volume_tracker = _Volume()
        self.set_sample_rate(OUT_RATE)
        if after_silence:
            self._volume_tracker.update(bytes(2 * math.ceil(VOLUME_WINDOW_SECS * OUT_RATE)), OUT_RATE)

    def decide(self, window: bytes) -> VADState:
        """What is known after one more window, in the thread that asks."""
        return self._run_analyzer(window)


class _Model(SileroOnnxModel):
    """One microphone's state of the model; the windows are laid where the model reads them."""

    def __init__(self, shared: SpeechModel) -> None:
        self._shared = shared
        self._rate = np.array(OUT_RATE, np.int64)
        self.reset_states()

    def reset_states(self, batch_size: int = 1) -> None:
        self._state = np.zeros((2, batch_size, 128), np.float32)
        self._input = np.zeros((batch_size, _CONTEXT + WINDOW), np.float32)
        # Windows of zeros since the reset; None when there was anything else.
        self._zeros: int | None = 0

    def __call__(self, x: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        if self._zeros is None or self._zeros >= _KNOWN_WINDOWS or x.any():
            self._zeros = None
            confidence, self._state = self._run(x)
            return confidence
        known = self._shared.nothing.get(self._zeros)
        if known is None:
            known = self._shared.nothing[self._zeros] = self._run(x)
        self._zeros += 1
        confidence, self._state = known
        return confidence

    def _run(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._input[:, :_CONTEXT] = self._input[:, -_CONTEXT:]
        self._input[:, _CONTEXT:] = x
        inputs = {"input": self._input, "state": self._state, "sr": self._rate}
        confidence, state = self._shared.session.run(None, inputs)
        return confidence, state


class _Volume(AudioVolumeTracker):
    """Pipecat's loudness, not measured where it is sure to be nothing: microphones are silent for long."""

    def __init__(self) -> None:
        super().__init__()
        self._nothing_for = 0

    def update(self, audio: bytes, sample_rate: int) -> None:
        super().update(audio, sample_rate)
        samples = np.frombuffer(audio, "<i2")
        if samples.max() <= _SURELY_NOTHING and samples.min() >= -_SURELY_NOTHING:
            self._nothing_for += len(samples)
        else:
            self._nothing_for = 0

    @property
    def volume(self) -> float:
        return 0.0 if self._nothing_for >= VOLUME_WINDOW_SECS * OUT_RATE else super().volume


def _check(theirs: SileroVADAnalyzer, ours: _Analyzer) -> None:
    """Hold ours against Pipecat's own, on a little noise."""
    if vars(theirs).keys() != vars(ours).keys():
        raise AttributeError("its analyzer has other attributes")
    if theirs.num_frames_required() != WINDOW:
        raise ValueError("its model takes windows of another length")
    noise = np.random.default_rng(1).integers(-9000, 9000, (4, WINDOW), np.int16)
    for window in noise:
        sound = window.tobytes()
        if theirs.voice_confidence(sound) != ours.voice_confidence(sound):
            raise ValueError("its model is asked in another way")
    if theirs._run_analyzer(noise.tobytes()) is not ours.decide(noise.tobytes()):
        raise ValueError("its analyzer decides in another way")


__all__ = ["WINDOW", "Change", "SpeechModel", "VoiceActivity", "VoiceActivityError", "load_model"]
