"""Voice activity as Pipecat decides it, with one speech model for all calls of the process.

Pipecat's analyzer holds a model of its own, and is asked from a pipeline. Here its own code decides, but in the thread
that asks, and what a call holds is only the model's state. That touches what Pipecat does not promise to keep:
``load_model`` finds out whether it still is so, and all that depends on it is in this file.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence
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

_RATE = np.array(OUT_RATE, np.int64)

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
        return feed_all([(self, pcm)])[0]

    def _begin(self, pcm: bytes) -> _Feed | None:
        """What there is to be decided; None when a window is not full yet."""
        sound, before = self._waiting + pcm, len(self._waiting) // 2
        if len(sound) < 2 * WINDOW:
            self._waiting = sound
            return None
        if self._analyzer is None:
            self._analyzer = _new_analyzer(after_silence=self._after_silence)
        return _Feed(self._analyzer, sound, before, self._speaking)

    def _end(self, feed: _Feed) -> list[Change]:
        self._waiting, self._speaking = feed.rest, feed.speaking
        return feed.changes


def feed_all(feeds: Sequence[tuple[VoiceActivity, bytes]]) -> list[list[Change]]:
    """Listen to several microphones, as ``feed`` listens to each; their windows are shown to the model together.

    Eight windows take it as long together as three one after the other.

    Args:
        feeds: Different microphones, each with what follows, as ``feed`` takes it.

    Returns:
        What ``feed`` returns, of each.
    """
    begun = [voice._begin(pcm) for voice, pcm in feeds]
    going = [feed for feed in begun if feed is not None]
    while going := [feed for feed in going if feed.has_window]:
        _show_at_once([(feed.model, feed.window) for feed in going if feed.model is not None])
        for feed in going:
            feed.decide()
    return [[] if feed is None else voice._end(feed) for (voice, _), feed in zip(feeds, begun, strict=True)]


class _Feed:
    """One microphone's sound, window by window."""

    def __init__(self, analyzer: _Analyzer | _Ordinary, sound: bytes, before: int, speaking: bool) -> None:
        self.changes: list[Change] = []
        self.speaking = speaking
        self.model = analyzer._model if isinstance(analyzer, _Analyzer) else None
        self._analyzer = analyzer
        self._sound = sound
        self._before = before
        self._at = 0

    @property
    def has_window(self) -> bool:
        return len(self._sound) - self._at >= 2 * WINDOW

    @property
    def rest(self) -> bytes:
        return self._sound[self._at :]

    def decide(self) -> None:
        state = self._analyzer.decide(self.window)
        self._at += 2 * WINDOW
        if state is (VADState.QUIET if self.speaking else VADState.SPEAKING):
            self.speaking = not self.speaking
            self.changes.append(Change(self._at // 2 - self._before, self.speaking))

    @property
    def window(self) -> bytes:
        return self._sound[self._at : self._at + 2 * WINDOW]


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
            except (AttributeError, TypeError, ValueError, RuntimeError) as error:  # the last is ONNX's
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
        self.shared = shared
        self.reset_states()

    def reset_states(self, batch_size: int = 1) -> None:
        self.state = np.zeros((2, batch_size, 128), np.float32)
        self.input = np.zeros((batch_size, _CONTEXT + WINDOW), np.float32)
        self.answer: NDArray[np.float32] | None = None
        # Windows of zeros since the reset; None when there was anything else.
        self._zeros: int | None = 0

    def is_to_be_asked(self, window: bytes) -> bool:
        """Take the next window in; whether the model has to be asked about it, and gives ``answer`` and ``state``."""
        x = np.frombuffer(window, np.int16)
        if self._zeros is None or self._zeros >= _KNOWN_WINDOWS or x.any():
            self._zeros = None
        else:
            known = self.shared.nothing.get(self._zeros)
            self._zeros += 1
            if known is not None:
                self.answer, self.state = known
                return False
        self.input[:, :_CONTEXT] = self.input[:, -_CONTEXT:]
        self.input[:, _CONTEXT:] = x
        self.input[:, _CONTEXT:] /= 32768
        return True

    def note(self, confidence: NDArray[np.float32], state: NDArray[np.float32]) -> None:
        """Take the model's answer."""
        self.answer, self.state = confidence, state
        if self._zeros is not None:
            self.shared.nothing[self._zeros - 1] = confidence, state

    def __call__(self, x: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        answer, self.answer = self.answer, None
        if answer is None:
            raise ValueError("the model was not asked about this window")
        return answer


def _show_at_once(shown: Sequence[tuple[_Model, bytes]]) -> None:
    """Show the model a window of each of these microphones, where its answer is not known."""
    models = [each for each, window in shown if each.is_to_be_asked(window)]
    if not models:
        return
    windows = np.concatenate([each.input for each in models])
    states = np.concatenate([each.state for each in models], axis=1)
    confidences, states = models[0].shared.session.run(None, {"input": windows, "state": states, "sr": _RATE})
    for at, each in enumerate(models):
        each.note(confidences[at : at + 1], states[:, at : at + 1].copy())


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
        _show_at_once([(ours._model, sound)])
        if theirs.voice_confidence(sound) != ours.voice_confidence(sound):
            raise ValueError("its model is asked in another way")
    for window in noise:
        sound = window.tobytes()
        _show_at_once([(ours._model, sound)])
        if theirs._run_analyzer(sound) is not ours.decide(sound):
            raise ValueError("its analyzer decides in another way")
    alone, together = (_answers(ours, noise, at_once) for at_once in (1, len(noise)))
    if not np.allclose(alone, together, atol=1e-3):
        raise ValueError("its model answers otherwise when it is asked about several at once")


def _answers(ours: _Analyzer, windows: NDArray[np.int16], at_once: int) -> list[float]:
    """What the model says of windows that are each some microphone's first, asked about so many at once."""
    shown = [(_Model(ours._model.shared), window.tobytes()) for window in windows]
    for at in range(0, len(shown), at_once):
        _show_at_once(shown[at : at + at_once])
    return [float(model(window, OUT_RATE)[0, 0]) for (model, _), window in zip(shown, windows, strict=True)]


__all__ = ["WINDOW", "Change", "SpeechModel", "VoiceActivity", "VoiceActivityError", "feed_all", "load_model"]
