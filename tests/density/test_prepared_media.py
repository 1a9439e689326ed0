"""What callers send: a clip that decodes, speech that is heard as speech, payloads that go together again."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest
from aiortc.codecs import h264, vpx
from pipecat.audio.vad.silero import SileroVADAnalyzer

from deepguard.density.media import Clip, Codec, Sound, level_of, make_clip, make_silence, make_speech
from deepguard.density.packets import PAYLOAD_BYTES, payloads_of, vp8_descriptor

SECONDS = 1.0


@pytest.fixture(scope="module", params=["vp8", "h264"])
def clip(request: pytest.FixtureRequest) -> Clip:
    return make_clip(request.param, SECONDS)


@pytest.fixture(scope="module")
def speech() -> Sound:
    return make_speech(4)


def pictures(codec: Codec, frames: list[bytes]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(codec, "r")
    found = [picture for frame in frames for picture in decoder.decode(av.Packet(frame))]
    return [picture for picture in [*found, *decoder.decode(None)] if isinstance(picture, av.VideoFrame)]


def heard(sound: Sound) -> np.ndarray:
    """Samples of a sound at 16 kHz, decoded."""
    decoder = av.CodecContext.create("libopus", "r")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    frames = [frame for packet in sound.packets for frame in decoder.decode(av.Packet(packet))]
    parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]  # pyright: ignore[reportArgumentType]
    return np.concatenate(parts)


def test_a_clip_is_lively_and_has_one_keyframe_at_its_beginning(clip: Clip) -> None:
    shown = pictures(clip.codec, list(clip.frames))
    assert len(shown) == len(clip.frames) == 30
    assert [picture.key_frame for picture in shown] == [True] + [False] * 29
    assert {(picture.width, picture.height) for picture in shown} == {(1280, 720)}
    grey = [picture.to_ndarray(format="gray").astype(int) for picture in shown]
    assert all(np.abs(after - before).mean() > 1 for before, after in pairwise(grey))
    assert 500_000 < 8 * sum(map(len, clip.frames)) / SECONDS < 4_000_000


def test_payloads_go_together_again(clip: Clip) -> None:
    for number, (frame, payloads) in enumerate(zip(clip.frames, payloads_of(clip), strict=True)):
        assert max(map(len, payloads)) <= PAYLOAD_BYTES
        if clip.codec == "vp8":
            told = [vp8_descriptor(40_000 + number, start=at == 0) + payload for at, payload in enumerate(payloads)]
            parsed = [vpx.VpxPayloadDescriptor.parse(one) for one in told]
            assert [descriptor.partition_start for descriptor, _ in parsed] == [1] + [0] * (len(payloads) - 1)
            assert {descriptor.picture_id for descriptor, _ in parsed} == {(40_000 + number) % 0x8000}
            assert b"".join(rest for _, rest in parsed) == frame
        else:
            units = b"".join(h264.H264PayloadDescriptor.parse(payload)[1] for payload in payloads)
            assert units.replace(b"\0\0\0\1", b"\0\0\1") == frame.replace(b"\0\0\0\1", b"\0\0\1")


def test_speech_is_heard_as_speech(speech: Sound) -> None:
    analyzer = SileroVADAnalyzer(sample_rate=16000)
    analyzer.set_sample_rate(16000)
    samples = heard(speech)
    size = analyzer.num_frames_required()
    blocks = [samples[at : at + size].tobytes() for at in range(0, len(samples) - size, size)]
    confident = [float(np.ravel(analyzer.voice_confidence(block))[0]) >= analyzer.params.confidence for block in blocks]
    # It takes a few blocks at the beginning; from there on nothing is a pause.
    assert np.mean(confident) > 0.9
    assert all(confident[8:])


def test_levels_are_those_of_the_packets(speech: Sound) -> None:
    assert len(speech.levels) == len(speech.packets) == 200
    assert max(speech.levels) < 60
    silence = make_silence()
    assert len(silence.packets) == 50
    assert set(silence.levels) == {127}
    assert np.abs(heard(silence)).max() < 10


@pytest.mark.parametrize(("peak", "level"), [(32767, 0), (3277, 20), (33, 60), (0, 127)])
def test_a_level_counts_decibels_below_the_loudest(peak: int, level: int) -> None:
    assert level_of(np.full(960, peak, dtype=np.int16)) == level
