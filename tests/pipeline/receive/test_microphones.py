"""Sound: what is silent is not decoded, what is said is heard whole, and between two samples nothing is let through."""

from __future__ import annotations

import re
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import aiortc.rtp
import numpy as np
import pytest
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from deepguard.config.models import AudioParams
from deepguard.model import Source
from deepguard.pipeline.receive import silence
from deepguard.pipeline.receive.counts import ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.hearing import Ear, Heard, Packet
from support.browser import make_voice
from support.receiving import VOICE_RATE, Scene, at_once, receiving

SECOND = 16_000
ALWAYS = AudioParams(sample_size=SECOND, interval=0, burst_interval=0)

Samples = NDArray[np.int16]


@pytest.fixture
async def voice(tmp_path: Path) -> Samples:
    """A sentence of some seconds, at 48 kHz, and a second after it."""
    with wave.open(str(await make_voice(tmp_path))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def heard(scene: Scene) -> Samples:
    """All that was sampled of the microphone."""
    return np.frombuffer(b"".join(sample.data for sample in scene.detector.of(Source.MICROPHONE)), np.int16)


def at_16_khz(samples: Samples) -> Samples:
    frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = VOICE_RATE
    resampler = AudioResampler("s16", "mono", SECOND)
    return np.concatenate([out.to_ndarray()[0] for given in (frame, None) for out in resampler.resample(given)])


def encoded(packets: Sequence[Packet]) -> list[EncodedFrame]:
    return [packet for packet in packets if isinstance(packet, EncodedFrame)]


def where(part: Samples, whole: Samples) -> int:
    """Where in ``whole`` a part of it is that came through an encoder."""
    one, other = part.astype(float), whole.astype(float)
    size = 1 << (len(one) + len(other)).bit_length()
    product = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    found = int(np.argmax(product[: len(other)]))
    there = other[found : found + len(one)]
    assert np.dot(there, one[: len(there)]) > 0.8 * np.linalg.norm(there) * np.linalg.norm(one)
    return found


async def spoken(
    voice: Samples,
    level: ReceiveLevel = ReceiveLevel.KERNEL,
    edit: Callable[[str], str] = lambda sdp: sdp,
    quiet_packets: int = 100,
) -> tuple[Scene, ReceiveCounts]:
    """A scene in which first nothing is said, and then a sentence; and what was counted until that."""
    async with receiving(level, audio=ALWAYS, edit=edit) as scene:
        sent = scene.peer.sent_of(Source.MICROPHONE)
        await scene.until(lambda: scene.peer.sent_of(Source.MICROPHONE) >= sent + quiet_packets)
        before = ReceiveCounts(
            packets_taken=scene.counts.packets_taken.copy(), packets_held=scene.counts.packets_held.copy()
        )
        scene.voice.say(voice)
        # The sentence, and the end of it: after that everything is quiet again.
        await scene.samples(round(len(voice) / VOICE_RATE) - 1, Source.MICROPHONE)
        return scene, before


async def test_silence_is_not_decoded_and_no_word_is_cut(voice: Samples) -> None:
    def without_levels(sdp: str) -> str:
        assert "ssrc-audio-level" in sdp
        return re.sub(r"a=extmap:\d+ \S*ssrc-audio-level\r\n", "", sdp)

    kernel, packet, untold, decoded = await at_once(
        spoken(voice),
        spoken(voice, ReceiveLevel.PACKET),
        spoken(voice, edit=without_levels),
        spoken(voice, ReceiveLevel.DECODED),
    )
    for scene, before in (kernel, packet):
        # The first second passes, and nothing after it.
        assert before.packets_taken[Source.MICROPHONE] < 60
        assert before.packets_held[Source.MICROPHONE] > 0
        assert not scene.counts.lied
    assert untold[1].packets_taken[Source.MICROPHONE] >= 95
    assert not untold[1].packets_held[Source.MICROPHONE]
    said = np.concatenate([np.zeros(SECOND, np.int16), at_16_khz(voice)])
    begins = [where(heard(scene)[: SECOND // 2], said) for scene, _ in (kernel, packet, untold, decoded)]
    # Of what is decoded anyway the same is sampled, but for how voice activity happens to be cut into windows.
    assert max(begins) - min(begins) < 0.1 * SECOND, begins


@pytest.mark.parametrize("level", [ReceiveLevel.KERNEL, ReceiveLevel.PACKET])
async def test_what_is_sampled_is_to_the_byte_what_aiortc_and_pipecat_make_of_the_packets(
    level: ReceiveLevel, voice: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets: list[Packet] = []
    hear = Ear.hear

    def noting(self: Ear, batch: Sequence[Packet], until: float) -> list[Heard]:
        packets.extend(batch)
        return hear(self, batch, until)

    monkeypatch.setattr(Ear, "hear", noting)
    async with receiving(level, audio=ALWAYS, prepare=lambda scene: scene.voice.say(voice)) as scene:
        (sample,) = await scene.samples(1, Source.MICROPHONE)
    decoder, resampler = get_decoder(encoded(packets)[0].codec), AudioResampler("s16", "mono", SECOND)
    pcm = b""
    for packet in encoded(packets):
        for frame in decoder.decode(JitterFrame(packet.data, packet.timestamp)):
            assert isinstance(frame, AudioFrame)
            pcm += b"".join(out.to_ndarray().tobytes() for out in resampler.resample(frame))
    said = sample.data.rstrip(b"\0")  # a chunk that speech ends in is filled up
    said = said[: len(said) // 2 * 2]
    assert len(said) > SECOND, "half a second at least"
    assert said in pcm


async def test_who_is_not_silent_though_they_say_so_is_heard_from_then_on(
    voice: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "CHECK_EVERY", (1.0, 1.5))
    monkeypatch.setattr(aiortc.rtp, "compute_audio_level_dbov", lambda _frame: -127)
    async with receiving(audio=ALWAYS) as scene:
        await scene.until(lambda: scene.counts.packets_held[Source.MICROPHONE])
        scene.voice.say(np.tile(voice, 3))
        await scene.samples(2, Source.MICROPHONE)
        assert scene.counts.lied == 1
        assert len(scene.logged("is not silent, though its sender says so")) == 1
        held = scene.counts.packets_held[Source.MICROPHONE]
        await scene.samples(1, Source.MICROPHONE)
        assert scene.counts.packets_held[Source.MICROPHONE] == held


def every(seconds: float) -> AudioParams:
    return AudioParams(sample_size=SECOND, interval=seconds, burst_interval=seconds)


async def between_two_samples(voice: Samples) -> None:
    """Nothing is let through, and numbers may roll over three times meanwhile."""
    async with receiving(audio=every(3600)) as scene:
        scene.voice.say(np.tile(voice, 8))
        (first,) = await scene.samples(1, Source.MICROPHONE)
        await scene.until(lambda: not scene.is_open(Source.MICROPHONE))
        sender = scene.peer.sender(Source.MICROPHONE)
        sender.replaceTrack(None)
        reports = len(scene.peer.reports)
        await scene.until(lambda: len(scene.peer.reports) > reports)
        await scene.peer.flood(Source.MICROPHONE, 3 * 65_536)
        sender.replaceTrack(scene.voice)
        assert scene.counts.packets_held[Source.MICROPHONE] > 0.9 * 3 * 65_536
        # Due some seconds from now, however long all of that took.
        interval = time.time() - first.captured_at + 3
        scene.guard.update_sampling(scene.guard.sampling[0], every(interval))
        (second,) = await scene.samples(1, Source.MICROPHONE)
        # As in the cutter's own tests: it begins when it is due, and not a chunk later.
        assert interval - 0.1 < second.captured_at - first.captured_at < interval + 3


async def taken_off_and_put_back(voice: Samples) -> None:
    """A microphone that is."""
    async with receiving(audio=ALWAYS) as scene:
        scene.voice.say(np.tile(voice, 8))
        await scene.samples(1, Source.MICROPHONE)
        sender, reports = scene.peer.sender(Source.MICROPHONE), len(scene.peer.reports)
        sender.replaceTrack(None)
        await scene.until(lambda: len(scene.peer.reports) >= reports + 3)
        sender.replaceTrack(scene.voice)
        await scene.samples(2, Source.MICROPHONE)


async def test_microphones_that_are_not_let_through_or_off_for_a_while(voice: Samples) -> None:
    await at_once(between_two_samples(voice), taken_off_and_put_back(voice))
