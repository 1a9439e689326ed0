from __future__ import annotations

import time

import numpy as np
import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    TextFrame,
    UserImageRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.tests.utils import SleepFrame, run_test

from deepguard.config.models import AudioParams, VideoParams
from deepguard.model import Judgement, Level, SampleFormat, Source
from deepguard.pipeline.processor import DeepfakeGuardProcessor
from support.detectors import AnsweringDetector, new_guard


def picture(source: str | None = "camera") -> UserImageRawFrame:
    frame = UserImageRawFrame(user_id="peer", image=bytes(64 * 48 * 3), size=(64, 48), format="RGB")
    frame.transport_source = source
    return frame


def speech(seconds: float, rate: int = 16000, channels: int = 1) -> list[Frame]:
    """20 ms frames of a tone."""
    count = rate // 50
    tone = (np.sin(np.arange(int(seconds * rate)) * 0.05) * 8000).astype(np.int16)
    return [
        InputAudioRawFrame(
            audio=np.repeat(tone[start : start + count], channels).tobytes(), sample_rate=rate, num_channels=channels
        )
        for start in range(0, len(tone) - count + 1, count)
    ]


async def test_every_frame_passes_unchanged_and_in_order() -> None:
    frames: list[Frame] = [picture(), *speech(0.1), TextFrame("hello"), picture("screenVideo"), picture(None)]
    guard = new_guard(AnsweringDetector())
    await guard.start()
    down, _ = await run_test(DeepfakeGuardProcessor(guard), frames_to_send=frames)
    await guard.stop()
    # Pipecat lets system frames (media) overtake data frames (text); of each kind the order stays.
    for kind in (InputImageRawFrame, InputAudioRawFrame, TextFrame):
        passed = [frame for frame in down if isinstance(frame, kind)]
        assert [frame.id for frame in passed] == [frame.id for frame in frames if isinstance(frame, kind)]


async def test_without_a_guard_frames_pass() -> None:
    await run_test(DeepfakeGuardProcessor(), frames_to_send=[picture()], expected_down_frames=[UserImageRawFrame])


@pytest.mark.parametrize(("started", "stopped"), [
    (VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame),
    (UserStartedSpeakingFrame, UserStoppedSpeakingFrame),
])  # fmt: skip
@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (48000, 2)])
async def test_speech_is_cut_into_chunks_whoever_tells_of_it(
    started: type[Frame], stopped: type[Frame], rate: int, channels: int
) -> None:
    detector = AnsweringDetector()
    guard = new_guard(detector, audio=AudioParams(interval=0))
    await guard.start()
    before = time.time()
    frames = [started(), *speech(4, rate, channels), stopped(), *speech(4, rate, channels), SleepFrame(0.1)]
    await run_test(DeepfakeGuardProcessor(guard, participant_id="Ada"), frames_to_send=frames)
    await guard.stop()
    assert [(sample.source, sample.format) for sample in detector.samples] == [
        (Source.MICROPHONE, SampleFormat.PCM)
    ] * 2
    assert {len(sample.data) for sample in detector.samples} == {96_000}  # 48,000 samples, not bytes
    assert detector.samples[1].data.rstrip(b"\0") != b""  # the tail's second of speech
    assert detector.samples[1].data.endswith(bytes(48_000))  # padded with silence
    assert all(before - 5 < sample.captured_at < time.time() for sample in detector.samples)
    assert {sample.participant_id for sample in detector.samples} == {"Ada"}


async def test_a_turn_that_ends_late_does_not_lengthen_the_speech_that_a_vad_saw() -> None:
    detector = AnsweringDetector()
    guard = new_guard(detector, audio=AudioParams(interval=0))
    await guard.start()
    frames: list[Frame] = [
        VADUserStartedSpeakingFrame(),
        UserStartedSpeakingFrame(),
        *speech(1),
        VADUserStoppedSpeakingFrame(),
        *speech(6),
        UserStoppedSpeakingFrame(),
        SleepFrame(0.1),
    ]
    await run_test(DeepfakeGuardProcessor(guard), frames_to_send=frames)
    await guard.stop()
    assert len(detector.samples) == 1


async def test_only_the_camera_is_sampled_unless_the_screen_is_asked_for() -> None:
    sources = []
    for screen in (False, True):
        detector = AnsweringDetector()
        guard = new_guard(detector)
        await guard.start()
        await run_test(
            DeepfakeGuardProcessor(guard, screen=screen),
            frames_to_send=[picture("screenVideo"), picture("camera"), SleepFrame(0.3)],
        )
        await guard.stop()
        sources.append({sample.source for sample in detector.samples})
    assert sources == [{Source.CAMERA}, {Source.CAMERA, Source.SCREEN}]


async def test_an_alert_raises_the_rate_and_keeps_it() -> None:
    detector = AnsweringDetector(lambda _sample: Judgement.ALERT)
    guard = new_guard(detector, video=VideoParams(normal_fps=0.01, burst_fps=20))
    await guard.start()
    frames: list[Frame] = []
    for _ in range(20):
        frames += [picture(), SleepFrame(0.05)]
    await run_test(DeepfakeGuardProcessor(guard), frames_to_send=frames)
    assert len(detector.samples) > 5
    state = guard.live.snapshot()
    assert state["participants"][0]["level"] == str(Level.ALERT)
    assert state["sampling"]["burst"] is True
    await guard.stop()


async def test_a_picture_that_cannot_be_encoded_is_counted_and_the_next_is_taken() -> None:
    detector = AnsweringDetector()
    guard = new_guard(detector, video=VideoParams(normal_fps=30))
    await guard.start()
    broken = UserImageRawFrame(user_id="peer", image=b"too short", size=(64, 48), format="RGB")
    broken.transport_source = "camera"
    await run_test(DeepfakeGuardProcessor(guard), frames_to_send=[broken, SleepFrame(0.2), picture(), SleepFrame(0.2)])
    await guard.stop()
    counts = guard.live.snapshot()["participants"][0]["tracks"][0]["samples"]
    assert counts == {"taken": 2, "judged": 1, "expired": 0, "dropped": 1, "waiting": 0}
