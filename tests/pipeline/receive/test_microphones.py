"""Sound: what is silent is not decoded, what is said is heard whole, and between two samples nothing is let through."""

from __future__ import annotations

import re
import time
import wave
from collections.abc import Callable, Sequence
from contextlib import closing
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
from deepguard.pipeline.receive import listening, silence
from deepguard.pipeline.receive.counts import ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.hearing import Batch, Heard, Packet, hear_all
from support.browser import make_voice
from support.lossy import LossyPath
from support.opus import LeavingOut, Stretching, encode_by
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


def without_levels(sdp: str) -> str:
    assert "ssrc-audio-level" in sdp
    return re.sub(r"a=extmap:\d+ \S*ssrc-audio-level\r\n", "", sdp)


async def test_silence_is_not_decoded_and_no_word_is_cut(voice: Samples) -> None:
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


def heard_of(packets: Sequence[EncodedFrame]) -> tuple[bytes, int]:
    """What aiortc and Pipecat make of packets, with silence where some are missing; and how many samples that is."""
    decoder, resampler = get_decoder(packets[0].codec), AudioResampler("s16", "mono", SECOND)
    pcm, due, missing = b"", packets[0].timestamp, 0

    def take(frame: AudioFrame) -> None:
        nonlocal pcm
        pcm += b"".join(out.to_ndarray().tobytes() for out in resampler.resample(frame))

    for packet in packets:
        gap = packet.timestamp - due
        if gap < 0:
            continue  # too late: what came after it was heard
        for begin in range(0, gap, VOICE_RATE // 50):
            silence_then = AudioFrame.from_ndarray(np.zeros((1, 2 * VOICE_RATE // 50), np.int16), "s16", "stereo")
            silence_then.sample_rate, silence_then.pts = VOICE_RATE, due + begin
            take(silence_then)
        missing += gap
        due = packet.timestamp
        for frame in decoder.decode(JitterFrame(packet.data, packet.timestamp)):
            assert isinstance(frame, AudioFrame)
            due += frame.samples
            take(frame)
    return pcm, missing


@pytest.mark.parametrize("level", [ReceiveLevel.KERNEL, ReceiveLevel.PACKET])
@pytest.mark.parametrize("share", [0, 0.1])
async def test_what_is_sampled_is_to_the_byte_what_aiortc_and_pipecat_make_of_the_packets(
    level: ReceiveLevel, share: float, voice: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets: list[Packet] = []

    def noting(batches: Sequence[Batch]) -> list[list[Heard] | Exception]:
        for batch in batches:
            packets.extend(batch.packets)
        return hear_all(batches)

    monkeypatch.setattr(listening, "hear_all", noting)
    # Without a pause: after one in which nothing comes an ear begins anew, and when that is depends on the clock.
    loud = np.flatnonzero(np.abs(voice) > 300)
    speech = np.tile(voice[loud[0] : loud[-1]], 8)
    with closing(LossyPath(7, share)) as path:
        async with receiving(level, audio=ALWAYS, prepare=lambda scene: scene.voice.say(speech), over=path) as scene:
            samples = await scene.samples(3 if share else 1, Source.MICROPHONE)
    pcm, missing = heard_of(encoded(packets))
    assert not share or (missing and path.late)
    said = [sample.data.rstrip(b"\0") for sample in samples]  # a chunk that speech ends in is filled up
    assert sum(map(len, said)) > SECOND, "half a second at least"
    for each in said:
        assert each[: len(each) // 2 * 2] in pcm


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


async def left_out(
    voice: Samples,
    level: ReceiveLevel = ReceiveLevel.KERNEL,
    *,
    levels: bool = False,
    sends_all: bool = False,
    noise: int = 0,
) -> Samples:
    """What is heard of a sentence after a pause that the sender leaves out (DTX); nothing of that is decoded."""

    def prepare(scene: Scene) -> None:
        scene.voice.noise = np.random.default_rng(7).normal(0, noise, 5 * VOICE_RATE).astype(np.int16)
        # What is no speech the encoder only knows once there was some.
        scene.voice.say(voice[:VOICE_RATE])
        encode_by(encoder, scene.peer.sender(Source.MICROPHONE))

    encoder = LeavingOut(sends_all=sends_all)
    edit = without_levels if not levels else lambda sdp: sdp
    async with receiving(level, audio=ALWAYS, edit=edit, prepare=prepare) as scene:
        counts = scene.counts
        await scene.until(lambda: counts.packets_held[Source.MICROPHONE])
        taken, sent = counts.packets_taken[Source.MICROPHONE], encoder.sent
        await scene.until(lambda: encoder.sent >= sent + (100 if sends_all else 10))
        assert counts.packets_taken[Source.MICROPHONE] == taken, "nothing of it is decoded"
        scene.voice.say(voice)
        said = await scene.samples(round(len(voice) / VOICE_RATE) - 1, Source.MICROPHONE)
        assert not counts.lied
        return np.frombuffer(b"".join(sample.data for sample in said), np.int16)


async def test_a_sender_that_leaves_silence_out_is_held_as_silent_and_no_word_is_cut(voice: Samples) -> None:
    each = await at_once(
        left_out(voice),
        left_out(voice, sends_all=True),
        left_out(voice, ReceiveLevel.PACKET, noise=100),
        left_out(voice, levels=True, noise=100),
        left_out(voice, levels=True),
    )
    sent = np.concatenate([np.zeros(SECOND, np.int16), at_16_khz(voice)])
    for said in each:
        assert abs(where(said[: SECOND // 2], sent) - SECOND) < 0.1 * SECOND, "it begins with the first word"
        # After the pause that follows on "Good morning", which is no speech, there is none in it.
        assert 1.7 * SECOND < where(said[SECOND : 5 * SECOND], sent) < 2 * SECOND


async def test_who_sends_speech_as_what_tells_how_silence_sounds_is_heard_from_then_on(
    voice: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "CHECK_EVERY", (1.0, 1.5))

    def prepare(scene: Scene) -> None:
        encode_by(Stretching(), scene.peer.sender(Source.MICROPHONE))
        scene.voice.say(np.tile(voice, 3))

    async with receiving(audio=ALWAYS, edit=without_levels, prepare=prepare) as scene:
        await scene.until(lambda: scene.counts.lied)
        held = scene.counts.packets_held[Source.MICROPHONE]
        await scene.samples(1, Source.MICROPHONE)
        assert scene.counts.packets_held[Source.MICROPHONE] == held
        assert scene.counts.lied == len(scene.logged("is not silent, though its sender says so")) == 1


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
