"""The detector that runs in this process."""

import asyncio
import itertools
import subprocess
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deepguard.contracts import Detector, DetectorEvent
from deepguard.detectors import local
from deepguard.detectors.embedded import EmbeddedConfig, deepguard_register_detectors
from deepguard.detectors.embedded.detector import WINDOW, EmbeddedDetector
from deepguard.model import (
    BlindReason,
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Sample,
    SampleEnded,
    SampleFormat,
    SampleOutcome,
    Source,
    Verdict,
)

CALL = Call("call-1", 1_700_000_000.0)
PORTRAIT = (Path(__file__).parent / "data" / "astronaut.jpg").read_bytes()
SPEECH = (8_000 * np.sin(np.arange(48_000) / 10)).astype("<i2").tobytes()
CAMERA, MICROPHONE, SCREEN = Source
numbers = itertools.count()


def sample(source: Source = CAMERA, data: bytes | None = None, track: str = "") -> Sample:
    return Sample(
        id=f"s{next(numbers)}",
        call_id=CALL.id,
        participant_id="alice",
        track_id=track or f"{source}-1",
        source=source,
        format=SampleFormat.PCM if source.is_audio else SampleFormat.JPEG,
        data=data if data is not None else SPEECH if source.is_audio else PORTRAIT,
        captured_at=1_700_000_001.0,
    )


async def opened() -> EmbeddedDetector:
    detector = EmbeddedDetector()
    await detector.open(CALL)
    return detector


async def events_of(detector: Detector) -> list[DetectorEvent]:
    return [event async for event in detector.events()]


def verdicts(events: list[DetectorEvent]) -> list[Verdict]:
    return [event for event in events if isinstance(event, Verdict)]


def ends(events: list[DetectorEvent]) -> list[SampleEnded]:
    return [event for event in events if isinstance(event, SampleEnded)]


def assert_each_ended_once(events: list[DetectorEvent], submitted: list[Sample]) -> None:
    assert Counter(end.sample_id for end in ends(events)) == Counter(each.id for each in submitted)
    judged = [end.sample_id for end in ends(events) if end.outcome is SampleOutcome.JUDGED]
    assert [verdict.sample_id for verdict in verdicts(events)] == judged


def test_importing_it_brings_no_heavy_library() -> None:
    code = (
        "import sys, deepguard.detectors.embedded as e, deepguard.detectors.scenario as s;"
        "e.deepguard_register_detectors()[0].factory(e.EmbeddedConfig());"
        "print(sorted({'cv2', 'numpy', 'PIL', 'pipecat', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_type_that_is_registered() -> None:
    (kind,) = deepguard_register_detectors()
    assert (kind.name, kind.config) == ("embedded", EmbeddedConfig)


async def test_the_factory_makes_a_detector_that_says_what_it_does_not_do() -> None:
    (kind,) = deepguard_register_detectors()
    detector = kind.factory(EmbeddedConfig())
    assert isinstance(detector, EmbeddedDetector)
    assert (detector.name, detector.assesses_deepfakes, detector.simulated) == ("embedded", False, False)
    await detector.close()


async def test_it_is_up_as_soon_as_it_is_open() -> None:
    detector = await opened()
    assert detector.health == DetectorHealth(HealthState.UP)
    await detector.close()


async def test_every_track_gets_a_verdict_that_claims_nothing() -> None:
    detector = await opened()
    submitted = [sample(CAMERA), sample(MICROPHONE), sample(SCREEN)]
    for each in submitted:
        detector.submit(each)
    await detector.close()
    events = await events_of(detector)
    assert_each_ended_once(events, submitted)
    answers = verdicts(events)
    assert [answer.source for answer in answers] == [CAMERA, MICROPHONE, SCREEN]
    for answer, asked in zip(answers, submitted, strict=True):
        assert answer.judgement is Judgement.UNKNOWN
        assert answer.blind is BlindReason.NOT_ASSESSED
        assert answer.message.startswith("deepfake: not assessed")
        assert answer.score is None
        assert (answer.detector, answer.track_id, answer.captured_at) == ("embedded", asked.track_id, asked.captured_at)
    assert answers[0].signals["face"] is True
    assert answers[1].signals["speech"] is True


async def test_a_picture_that_cannot_be_decoded_is_an_error_and_the_next_one_is_judged() -> None:
    detector = await opened()
    for data in (b"garbage", PORTRAIT):
        detector.submit(sample(CAMERA, data))
    detector.submit(sample(MICROPHONE, b"odd"))
    await detector.close()
    answers = verdicts(await events_of(detector))
    assert [answer.judgement for answer in answers] == [Judgement.ERROR, Judgement.UNKNOWN, Judgement.ERROR]


async def test_the_newest_samples_of_each_track_win() -> None:
    detector = await opened()
    submitted = [sample(CAMERA) for _ in range(5)] + [sample(MICROPHONE), sample(CAMERA, track="camera-2")]
    # Without a pause in between: the worker has no turn.
    for each in submitted:
        detector.submit(each)
    await detector.close()
    events = await events_of(detector)
    assert_each_ended_once(events, submitted)
    dropped = [end for end in ends(events) if end.outcome is SampleOutcome.DROPPED]
    assert [end.sample_id for end in dropped] == [each.id for each in submitted[: 5 - WINDOW]]
    assert {end.reason for end in dropped} == {"displaced by a newer sample"}
    assert len(verdicts(events)) == 4


async def test_a_flood_is_bounded_and_every_sample_ends() -> None:
    detector = await opened()
    reading = asyncio.create_task(events_of(detector))
    submitted = []
    for n in range(300):
        submitted.append(sample((CAMERA, MICROPHONE)[n % 2]))
        detector.submit(submitted[-1])
        assert len(detector._waiting) <= 2 * WINDOW
        await asyncio.sleep(0)
    await detector.close()
    assert_each_ended_once(await reading, submitted)


async def test_the_event_loop_goes_on_while_a_picture_is_measured() -> None:
    picture = BytesIO()
    Image.new("RGB", (3000, 2000), (90, 90, 90)).save(picture, "JPEG")
    detector = await opened()
    detector.submit(sample(CAMERA, picture.getvalue()))
    closing = asyncio.create_task(detector.close())
    turns = 0
    while not closing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100
    assert len(verdicts(await events_of(detector))) == 1


async def test_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CLOSE_SECONDS", 0)
    detector = await opened()
    submitted = [sample(), sample()]
    for each in submitted:
        detector.submit(each)
    await detector.close()
    events = await events_of(detector)
    assert_each_ended_once(events, submitted)
    assert {end.outcome for end in ends(events)} == {SampleOutcome.EXPIRED}
    worker = detector._worker
    assert worker is not None
    await asyncio.wait([worker])
    assert worker.cancelled()


async def test_nothing_is_left_running_after_close() -> None:
    before = asyncio.all_tasks()
    detector = await opened()
    detector.submit(sample())
    await detector.close()
    if left := asyncio.all_tasks() - before:
        # A cancelled task has its last turn after the one that cancelled it.
        await asyncio.wait(left, timeout=10)
    assert asyncio.all_tasks() == before
    await detector.close()


async def test_close_without_open() -> None:
    detector = EmbeddedDetector()
    await detector.close()
    assert await events_of(detector) == []


async def test_an_opencv_without_its_cascades_is_told_and_the_call_goes_on_blind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", f"{tmp_path}/")  # type: ignore[attr-defined]
    detector = await opened()
    stream = detector.events()
    early, late = sample(), sample()
    detector.submit(early)
    events = [await anext(stream) for _ in range(3)]
    down, end = events[1:]
    assert isinstance(down, DetectorHealth)
    assert down.state is HealthState.DOWN
    assert "OpenCV" in down.detail
    assert (end.sample_id, end.outcome) == (early.id, SampleOutcome.DROPPED)  # type: ignore[union-attr]
    detector.submit(late)
    assert await anext(stream) == SampleEnded(late.id, SampleOutcome.DROPPED, detector._broken)
    await detector.close()
