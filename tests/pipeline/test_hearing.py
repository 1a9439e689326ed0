"""What is heard in a microphone's packets: the same sound as through aiortc and Pipecat's transport, and when."""

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame, AudioResampler
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.hearing import (
    LONGEST_SILENCE,
    MOST_SECONDS,
    Batch,
    Ear,
    Heard,
    Packet,
    Sound,
    SpeechStarted,
    SpeechStopped,
    hear_all,
    loudness,
)
from support.speech import CODEC, as_pipecat, frame_of, numbered, opus_of, packets_of, speech

RATE = 16_000
NOW = 1_800_000_000.0
CODECS = ["opus", "browser's opus", "PCMU", "PCMA", "G722"]


@cache
def said(name: str) -> list[EncodedFrame]:
    """A sentence, encoded; timestamps start anew in it."""
    first = 2**32 - 48_000
    return opus_of(speech(48_000), first) if name == "browser's opus" else packets_of(name, speech(48_000), first)


def same(heard: list[Heard], expected: list[Heard]) -> bool:
    """Whether two ears heard the same, at the same time but for how floating point rounds."""
    return [type(one) for one in heard] == [type(one) for one in expected] and all(
        abs(one.at - other.at) < 1e-5
        and (one.pcm == other.pcm if isinstance(one, Sound) and isinstance(other, Sound) else True)
        for one, other in zip(heard, expected, strict=True)
    )


def decoded(packets: list[EncodedFrame]) -> list[AudioFrame]:
    """The packets as aiortc's receiver gives them to a track."""
    decoder = get_decoder(packets[0].codec)
    frames: list[AudioFrame] = []
    for number, packet in enumerate(packets):
        timestamp = number * packet.codec.clockRate // 50
        for frame in decoder.decode(JitterFrame(packet.data, timestamp)):
            assert isinstance(frame, AudioFrame)
            frames.append(frame)
    return frames


def through_pipecat(packets: list[EncodedFrame]) -> bytes:
    """The packets as Pipecat's WebRTC transport makes audio of them."""
    resampler = AudioResampler("s16", "mono", RATE)
    resampled = [out for frame in decoded(packets) for out in resampler.resample(frame)]
    return b"".join(out.to_ndarray().astype(np.int16).tobytes() for out in resampled)


def hear(ear: Ear, packets: list[EncodedFrame] | list[AudioFrame], size: int = 10, until: float = NOW) -> list[Heard]:
    """Hear packets of 20 milliseconds in batches, of which the last comes at ``until``."""
    heard: list[Heard] = []
    for at in range(0, len(packets), size):
        batch = packets[at : at + size]
        heard += ear.hear(batch, until - 0.02 * (len(packets) - at - len(batch)))
    return heard


def pcm_of(heard: list[Heard]) -> bytes:
    return b"".join(one.pcm for one in heard if isinstance(one, Sound))


def changes_of(heard: list[Heard]) -> list[tuple[float, bool]]:
    """Where in the sound, in samples, speech was said to start and stop."""
    changes: list[tuple[float, bool]] = []
    samples = 0
    for one in heard:
        if isinstance(one, Sound):
            samples += len(one.pcm) // 2
        else:
            changes.append((samples, isinstance(one, SpeechStarted)))
    return changes


def counts(ear: Ear) -> tuple[int, int, int]:
    return ear.undecodable, ear.late, ear.dropped


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=10))
@pytest.mark.parametrize("name", CODECS)
def test_it_is_the_same_sound_however_it_comes(name: str, cuts: list[int]) -> None:
    packets, ear = said(name), Ear()
    heard: list[Heard] = []
    at = turn = 0
    while at < len(packets):
        batch = packets[at : at + cuts[turn % len(cuts)]]
        at, turn = at + len(batch), turn + 1
        heard += ear.hear(batch, NOW + 0.02 * at)
    assert pcm_of(heard) == through_pipecat(packets)
    assert changes_of(heard) == changes_of(hear(Ear(), packets))
    assert counts(ear) == (0, 0, 0)


@pytest.mark.parametrize("name", CODECS)
async def test_speech_starts_and_stops_where_pipecat_finds_it(name: str) -> None:
    heard = hear(Ear(), said(name))
    expected = [(512 * window, started) for window, started in await as_pipecat(through_pipecat(said(name)))]
    assert changes_of(heard) == expected
    assert len(expected) >= 2


@pytest.mark.parametrize("name", CODECS)
def test_what_aiortc_has_decoded_is_heard_too(name: str) -> None:
    packets = said(name)
    assert same(hear(Ear(), decoded(packets)), hear(Ear(), packets))


def test_ears_that_hear_together_hear_what_each_hears_alone() -> None:
    ears, heard = {name: Ear() for name in CODECS}, {name: list[Heard]() for name in CODECS}
    # Some begin later.
    parts = {
        name: [[]] * late + [said(name)[at : at + 10] for at in range(0, len(said(name)), 10)]
        for late, name in enumerate(CODECS)
    }
    for turn in range(max(map(len, parts.values()))):
        batches = {name: of_it[turn] for name, of_it in parts.items() if turn < len(of_it)}
        together = hear_all([Batch(ears[name], batch, NOW) for name, batch in batches.items()])
        for name, each in zip(batches, together, strict=True):
            assert not isinstance(each, Exception)
            heard[name] += each
    for name in CODECS:
        alone = hear(Ear(), said(name))
        assert pcm_of(heard[name]) == pcm_of(alone)
        assert changes_of(heard[name]) == changes_of(alone)


def test_an_ear_that_fails_fails_alone() -> None:
    broken: list[Packet] = [None]  # type: ignore[list-item]
    first, failed, last = hear_all(
        [Batch(Ear(), said("opus")[:10], NOW), Batch(Ear(), broken, NOW), Batch(Ear(), said("PCMU")[:10], NOW)]
    )
    assert isinstance(failed, AttributeError)
    assert first == hear(Ear(), said("opus")[:10])
    assert last == hear(Ear(), said("PCMU")[:10])


@pytest.mark.parametrize("name", CODECS)
def test_what_is_no_louder_than_is_said_is_taken_in_and_not_listened_to(name: str) -> None:
    packets = said(name)[:200]
    listened_to = Ear().hear(packets, NOW)
    passed_over = Ear().hear(packets, NOW, quiet=1.0)
    assert changes_of(passed_over) == []
    assert pcm_of(passed_over) == pcm_of(listened_to)
    assert changes_of(listened_to)
    assert Ear().hear(packets, NOW, quiet=loudness(pcm_of(listened_to)) / 2) == listened_to, "it is louder"


def test_speech_ends_with_what_is_not_listened_to_and_begins_anew_after_it() -> None:
    ear, packets = Ear(), said("opus")
    start = changes_of(hear(Ear(), packets))[0][0]
    until = int(start) // 320 + 20
    assert changes_of(ear.hear(packets[:until], NOW)) == [(start, True)]
    heard = ear.hear(packets[until : until + 10], NOW + 0.2, quiet=1.0)
    assert [type(one) for one in heard] == [SpeechStopped, Sound]
    assert changes_of(ear.hear(packets[until + 10 :], NOW + 0.4))[0][1]


def test_an_ear_may_be_handed_from_thread_to_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        heard = list(threads.map(lambda name: hear(Ear(), said(name)), CODECS * 2))
    assert heard == [hear(Ear(), said(name)) for name in CODECS] * 2


@pytest.mark.parametrize("name", CODECS)
def test_times_are_counted_back_from_when_the_last_packet_came(name: str) -> None:
    heard = hear(Ear(), said(name), until=NOW)
    sounds = [one for one in heard if isinstance(one, Sound)]
    begins = NOW - 0.02 * len(said(name))
    assert sounds[0].at == pytest.approx(begins, abs=1e-5)
    for one, following in pairwise(sounds):
        assert following.at == pytest.approx(one.at + len(one.pcm) / (2 * RATE), abs=1e-5)
    at = [one.at for one in heard if not isinstance(one, Sound)]
    assert at == pytest.approx([begins + samples / RATE for samples, _ in changes_of(heard)], abs=1e-5)


def test_one_late_batch_moves_its_own_times_only() -> None:
    packets, ear = said("opus"), Ear()
    ear.hear(packets[:10], NOW)
    first = ear.hear(packets[10:20], NOW + 0.7)[0]
    assert isinstance(first, Sound)
    assert first.at == pytest.approx(NOW + 0.5, abs=0.002)


def test_a_lost_packet_is_silence_of_its_length() -> None:
    packets = said("PCMU")
    heard = hear(Ear(), packets[:50] + packets[51:])
    whole, got = (np.frombuffer(pcm, np.int16).astype(int) for pcm in (through_pipecat(packets), pcm_of(heard)))
    assert len(got) == len(whole)
    differs = np.flatnonzero(got != whole)
    assert 50 * 320 - 32 <= differs[0] <= differs[-1] < 51 * 320 + 32
    assert np.abs(got[50 * 320 + 32 : 51 * 320 - 32]).max() <= 1


def test_silence_that_is_not_sent_is_silence() -> None:
    samples = np.concatenate([speech(48_000), np.zeros(2 * 48_000, np.int16), speech(48_000)])
    packets = opus_of(samples)
    # As Opus' discontinuous transmission: in silence one packet in 0.4 s says that it goes on.
    quiet = [not samples[960 * number : 960 * (number + 1)].any() for number in range(len(packets))]
    sent = [
        one
        for number, one in enumerate(packets)
        if not all(quiet[max(0, number - 10) : number + 1]) or number % 20 == 0
    ]
    assert len(sent) < len(packets) - 100
    assert max(b.timestamp - a.timestamp for a, b in pairwise(sent)) == 0.4 * 48_000
    ear = Ear()
    heard: list[Heard] = []
    for packet in sent:
        heard += ear.hear([packet], NOW + packet.timestamp / 48_000 + 0.02)
    assert counts(ear) == (0, 0, 0)
    assert len(pcm_of(heard)) // 2 == pytest.approx(sent[-1].timestamp // 3 + 320, abs=20)
    whole = hear(Ear(), packets, until=NOW + 0.02 * len(packets))
    assert len(changes_of(whole)) >= 4
    assert changes_of(heard) == changes_of(whole)


def during_speech(packets: list[EncodedFrame]) -> int:
    """The number of a packet at which somebody has been speaking for a while."""
    start = changes_of(hear(Ear(), packets))[0][0]
    return int(start) // 320 + 8


@pytest.mark.parametrize("name", CODECS)
def test_after_a_break_everything_begins_anew(name: str) -> None:
    packets = said(name)
    middle = during_speech(packets)
    on, later = packets[:middle], packets[middle + 50 :]
    ear = Ear()
    before = hear(ear, on, until=NOW)
    assert isinstance(before[-1], Sound)
    assert [started for _, started in changes_of(before)][-1] is True
    after = hear(ear, later, until=NOW + 1 + 0.02 * len(later))
    stopped, *rest = after
    assert isinstance(stopped, SpeechStopped)
    assert stopped.at == pytest.approx(NOW, abs=0.05)
    assert same(rest, hear(Ear(), later, until=NOW + 1 + 0.02 * len(later)))


def test_a_break_within_a_batch_is_no_longer_than_the_wait_for_the_batch() -> None:
    packets = said("opus")
    ear = Ear()
    ear.hear(packets[:10], NOW)
    first, second = ear.hear([*packets[10:15], *packets[90:95]], NOW + 0.9)
    assert isinstance(first, Sound)
    assert isinstance(second, Sound)
    assert second.at == pytest.approx(NOW + 0.8)
    assert first.at == pytest.approx(NOW - 0.2, abs=0.002)


def test_a_gap_as_long_as_any_silence_is_filled_and_a_longer_one_is_not() -> None:
    packets = said("PCMA")
    for missing, filled in ((round(50 * LONGEST_SILENCE), True), (round(50 * LONGEST_SILENCE) + 1, False)):
        heard = hear(Ear(), packets[:10] + packets[10 + missing : 20 + missing], size=100)
        samples = len(pcm_of(heard)) // 2
        assert samples == pytest.approx(320 * (20 + missing * filled), abs=70)


def test_when_nothing_comes_any_more_speech_is_over() -> None:
    packets = said("opus")
    middle = during_speech(packets)
    ear = Ear()
    hear(ear, packets[:middle], until=NOW)
    assert ear.hear([], NOW + 0.9) == []
    assert same(ear.hear([], NOW + 1.0), [SpeechStopped(NOW)])
    assert ear.hear([], NOW + 9.0) == []
    assert same(hear(ear, packets), hear(Ear(), packets))


def test_before_anything_came_there_is_nothing_to_hear() -> None:
    assert Ear().hear([], NOW) == []


def test_for_another_track_it_begins_anew() -> None:
    packets = said("opus")
    ear = Ear()
    hear(ear, packets[: during_speech(packets)])
    ear.reset()
    assert same(hear(ear, packets), hear(Ear(), packets))


def test_another_codec_begins_anew() -> None:
    opus, pcmu = said("opus"), said("PCMU")
    ear = Ear()
    middle = during_speech(opus)
    heard = hear(ear, opus[:middle] + pcmu, size=1000)
    assert pcm_of(heard) == through_pipecat(opus[:middle]) + through_pipecat(pcmu)
    assert any(isinstance(one, SpeechStopped) for one in heard)
    assert counts(ear) == (0, 0, 0)


@pytest.mark.parametrize("name", ["opus", "G722"])
def test_what_comes_twice_or_too_late_is_left_out(name: str) -> None:
    packets = said(name)
    ear = Ear()
    given = [*packets[:20], packets[19], packets[3], *packets[20:]]
    assert pcm_of(hear(ear, given)) == through_pipecat(packets)
    assert counts(ear) == (0, 2, 0)


def test_timestamps_a_few_milliseconds_off_make_no_silence() -> None:
    off = np.random.default_rng(5).integers(-60, 60, len(said("PCMU")))
    packets = [
        packet._replace(timestamp=(packet.timestamp + int(by)) % 2**32)
        for packet, by in zip(said("PCMU"), off // 2, strict=True)
    ]
    ear = Ear()
    assert pcm_of(hear(ear, packets)) == through_pipecat(packets)
    assert counts(ear) == (0, 0, 0)


BROKEN = [b"", b"\xff", b"\xff\xff\xff", bytes([3, 63])]
UNKNOWN = RTCRtpCodecParameters("audio/telephone-event", clockRate=48_000, payloadType=101)


@pytest.mark.parametrize("data", BROKEN)
def test_broken_packets_are_counted_and_the_rest_is_heard(data: bytes) -> None:
    packets = said("opus")
    ear = Ear()
    given = [packet._replace(data=data) if number in {0, 40, 41} else packet for number, packet in enumerate(packets)]
    heard = hear(ear, given)
    assert counts(ear) == (3, 0, 0)
    # As if those three had been lost.
    assert pcm_of(heard) == pcm_of(hear(Ear(), [packet for packet in given if packet.data != data]))


def test_packets_of_no_sound_are_counted_and_disturb_nothing() -> None:
    packets = said("opus")
    ear = Ear()
    given = [*packets[:30], EncodedFrame(UNKNOWN, b"\x05\x00\x00\xa0", packets[30].timestamp), *packets[30:]]
    assert pcm_of(hear(ear, given)) == through_pipecat(packets)
    assert counts(ear) == (1, 0, 0)
    assert Ear().hear(given[30:31], NOW) == []


def test_frames_that_are_no_pcm_are_counted() -> None:
    ear = Ear()
    planar = AudioFrame.from_ndarray(np.zeros((2, 960), np.float32), format="fltp", layout="stereo")
    planar.sample_rate = 48_000
    assert ear.hear([planar], NOW) == []
    assert counts(ear) == (1, 0, 0)


@settings(max_examples=60, deadline=None)
@given(
    packets=st.lists(
        st.builds(
            EncodedFrame,
            st.sampled_from([*CODEC.values(), UNKNOWN]),
            st.binary(max_size=200),
            st.integers(0, 2**32 - 1) | st.integers(0, 3000),
        ),
        max_size=30,
    ),
    size=st.integers(1, 30),
)
def test_anything_may_come(packets: list[EncodedFrame], size: int) -> None:
    ear = Ear()
    heard: list[Heard] = []
    for at in range(0, len(packets), size):
        batch = ear.hear(packets[at : at + size], NOW + at)
        # One packet of any of these codecs that has 200 bytes lasts 0.12 s at most; before it may be silence.
        assert len(pcm_of(batch)) / (2 * RATE) <= MOST_SECONDS + LONGEST_SILENCE + 0.12
        heard += batch
    heard += ear.hear([], NOW + 1000)
    started = [isinstance(one, SpeechStarted) for one in heard if not isinstance(one, Sound)]
    assert started == [True, False] * (len(started) // 2)
    assert sum(counts(ear)) <= len(packets)


def test_one_batch_is_only_so_much_work() -> None:
    packets = said("PCMU")
    many = numbered(CODEC["PCMU"], [packets[0].data] * 1000)
    ear = Ear()
    seconds = len(pcm_of(ear.hear(many, NOW))) / (2 * RATE)
    assert MOST_SECONDS - 0.2 < seconds <= MOST_SECONDS
    assert ear.dropped == pytest.approx(1000 - seconds * 50, abs=1)
    # Timestamps that ask for as much silence as they can, and for as many breaks.
    for step in (int(0.49 * 8000), 3 * 8000):
        ear = Ear()
        spread = [EncodedFrame(CODEC["PCMU"], b"\xff", number * step) for number in range(1000)]
        assert len(pcm_of(ear.hear(spread, NOW))) / (2 * RATE) <= MOST_SECONDS + LONGEST_SILENCE
        assert ear.dropped > 900


def test_an_ear_that_hears_nothing_is_small() -> None:
    packets = said("opus")
    hear(Ear(), packets)
    tracemalloc.start()
    try:
        ears = [Ear() for _ in range(100)]
        fresh = tracemalloc.get_traced_memory()[0] / len(ears)
        for ear in ears:
            hear(ear, packets[:20])
        used = tracemalloc.get_traced_memory()[0] / len(ears)
        for ear in ears:
            ear.hear([], NOW + 60)
        gc.collect()
        rested = tracemalloc.get_traced_memory()[0] / len(ears)
    finally:
        tracemalloc.stop()
    assert fresh < 4_000
    assert used < 60_000
    assert rested < 4_000


def test_frames_without_times_follow_each_other() -> None:
    samples = speech(48_000)
    frames: list[Packet] = []
    for at in range(0, len(samples) - 959, 960):
        frame = frame_of(samples[at : at + 960], 48_000)
        frame.pts = None
        frames.append(frame)
    assert len(pcm_of(Ear().hear(frames[:100], NOW))) // 2 == pytest.approx(32_000, abs=20)
