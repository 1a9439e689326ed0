"""Voice activity with a shared model decides as Pipecat's own analyzer does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.pipeline.receive.voice import WINDOW, VoiceActivity, load_model
from support.speech import Samples, as_pipecat, speech

RATE = 16_000


def changes_of(
    pcm: bytes, voice: VoiceActivity | None = None, sizes: list[int] | None = None
) -> list[tuple[int, bool]]:
    """Where speech starts and stops, by window from 1; ``sizes`` are those of the pieces, in bytes, over and over."""
    voice = voice or VoiceActivity()
    changes: list[tuple[int, bool]] = []
    at = turn = 0
    sizes = sizes or [640]
    while at < len(pcm):
        piece = pcm[at : at + sizes[turn % len(sizes)]]
        turn += 1
        for change in voice.feed(piece):
            assert 0 < change.after <= len(piece) // 2
            window, rest = divmod(at // 2 + change.after, WINDOW)
            assert rest == 0
            changes.append((window, change.speaking))
            assert window <= (at + len(piece)) // (2 * WINDOW)
        at += len(piece)
    assert voice.speaking is (len(changes) % 2 == 1)
    return changes


def in_noise(samples: Samples, loudness: float, noise: int) -> bytes:
    """The samples ``loudness`` dB louder, with noise of at most ``noise``."""
    mixed = samples * 10 ** (loudness / 20) + np.random.default_rng(7).integers(-noise, noise + 1, len(samples))
    return np.clip(np.rint(mixed), -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb+m3", "de+f2"])
@pytest.mark.parametrize(
    ("loudness", "noise"), [(0, 0), (-12, 5), (-12, 300), (-30, 6), (-30, 40), (-42, 0), (8, 2000)]
)
async def test_speech_starts_and_stops_where_pipecat_finds_it(voice: str, loudness: float, noise: int) -> None:
    pcm = in_noise(speech(RATE, voice), loudness, noise)
    assert changes_of(pcm) == await as_pipecat(pcm)


async def test_those_voices_are_heard_and_whispers_are_not() -> None:
    assert len(changes_of(in_noise(speech(RATE), -12, 5))) >= 2
    assert changes_of(in_noise(speech(RATE), -60, 0)) == await as_pipecat(in_noise(speech(RATE), -60, 0)) == []


@pytest.mark.parametrize("between", [0, 5, 6, 20])
async def test_after_a_long_time_muted_speech_is_found_where_pipecat_finds_it(between: int) -> None:
    said = in_noise(speech(RATE), 0, 0)
    muted = np.random.default_rng(3).integers(-between, between + 1, 7 * RATE, np.int16).tobytes()
    pcm = said + muted + said
    found = changes_of(pcm)
    assert found == await as_pipecat(pcm)
    assert any(window * WINDOW * 2 > len(said) + len(muted) for window, _ in found)


async def test_silence_from_the_start_and_pieces_of_it_change_nothing() -> None:
    said = in_noise(speech(RATE), 0, 0)
    nothing = [bytes(2 * samples) for samples in (5 * RATE, 4321, 2 * RATE + 7, 3 * RATE)]
    pcm = nothing[0] + said + nothing[1] + said + nothing[2] + said[: len(said) // 4 * 2] + nothing[3] + said
    found = changes_of(pcm)
    assert found == changes_of(pcm) == await as_pipecat(pcm)
    assert len(found) >= 8


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000).map(lambda samples: 2 * samples), min_size=1, max_size=8))
def test_it_does_not_matter_how_sound_is_cut(sizes: list[int]) -> None:
    pcm = in_noise(speech(RATE), -12, 5)
    assert changes_of(pcm, sizes=sizes) == changes_of(pcm)


def test_microphones_do_not_disturb_each_other() -> None:
    first, second = (in_noise(speech(RATE, voice), -12, 20) for voice in ("en-us", "en-gb+m3"))
    alone = changes_of(first), changes_of(second)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(changes_of, [first, second] * 4)) == list(alone) * 4


def test_after_a_reset_it_is_as_new() -> None:
    pcm = in_noise(speech(RATE), -12, 5)
    voice = VoiceActivity()
    first = changes_of(pcm, voice)
    start = first[0][0] * WINDOW * 2
    voice.reset()
    changes_of(pcm[:start], voice)
    assert voice.speaking
    voice.reset()
    assert not voice.speaking
    assert changes_of(pcm, voice) == first


def test_all_threads_get_one_model() -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len({id(model) for model in threads.map(lambda _: load_model(), range(16))}) == 1


OTHER_PIPECAT = """
from contextlib import contextmanager
import numpy
from pipecat.audio.vad.silero import SileroOnnxModel, SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer
from deepguard.pipeline.receive.voice import VoiceActivity, VoiceActivityError, load_model

@contextmanager
def other(owner, name, value):
    had = getattr(owner, name)
    if value is None:
        delattr(owner, name)
    else:
        setattr(owner, name, value)
    yield
    setattr(owner, name, had)

init, call = SileroVADAnalyzer.__init__, SileroOnnxModel.__call__

def more(self, **given):
    init(self, **given)
    self._something_new = 1

for change in (
    other(VADAnalyzer, "_run_analyzer", None),
    other(SileroVADAnalyzer, "__init__", more),
    other(SileroVADAnalyzer, "num_frames_required", lambda self: 480),
    other(SileroOnnxModel, "__call__", lambda self, x, sr: call(self, numpy.float32(0.5) * x, sr)),
):
    with change:
        try:
            load_model()
        except VoiceActivityError as error:
            print(error)
assert VoiceActivity().feed(bytes(6400)) == []
print("as it is")
"""


def test_another_pipecat_is_found_out_at_first_use() -> None:
    done = subprocess.run([sys.executable, "-c", OTHER_PIPECAT], capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert len(told) == 5
    assert all(line.startswith("this version of Pipecat hears voices in another way: ") for line in told[:-1])
    assert "_run_analyzer" in told[0]
    assert told[-1] == "as it is"


ORDINARY = """
import sys
from pathlib import Path
from pipecat.audio.vad.silero import SileroVADAnalyzer
from deepguard.pipeline.receive.voice import VoiceActivity

pcm = Path(sys.argv[1]).read_bytes()
known = VoiceActivity().feed(pcm)
said = pcm[2 * (known[0].after - 3200) :]
at_once = VoiceActivity(after_silence=True).feed(said)[0]
init = SileroVADAnalyzer.__init__

def more(self, **given):
    init(self, **given)
    self._something_new = 1

import deepguard.pipeline.receive.voice as room
room._model = None
SileroVADAnalyzer.__init__ = more
assert known and VoiceActivity().feed(pcm) == known == VoiceActivity().feed(pcm)
assert at_once == VoiceActivity(after_silence=True).feed(said)[0]
assert at_once.after < VoiceActivity().feed(said)[0].after
"""


def test_another_pipecat_is_asked_in_the_way_that_it_promises(tmp_path: Path) -> None:
    (tmp_path / "pcm").write_bytes(in_noise(speech(RATE), -12, 5))
    command = [sys.executable, "-c", ORDINARY, str(tmp_path / "pcm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("each call loads a model of its own") == 1
