"""The guard against detectors, policies and ends that go wrong."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from deepguard.config.models import CoverageParams
from deepguard.contracts import DetectorEvent
from deepguard.guard.guard import Guard
from deepguard.guard.live import LiveEvent
from deepguard.model import (
    BlindReason,
    Call,
    DetectorHealth,
    HealthState,
    Judgement,
    Notification,
    NotificationKind,
    Sample,
    Source,
    Verdict,
)
from support.detectors import AnsweringDetector, new_guard

PICTURE = bytes([128]) * (16 * 16 * 3)


def show(guard: Guard) -> None:
    guard.media.offer_picture("Ada", Source.CAMERA, PICTURE, (16, 16), "RGB", "track-1")


async def until(guard: Guard, type_: str, /, **wanted: Any) -> LiveEvent:
    """The first event from now on, or the recent one, that looks like this."""

    def fits(event: LiveEvent) -> bool:
        return event["type"] == type_ and all(event.get(name) == value for name, value in wanted.items())

    async with asyncio.timeout(10):
        with guard.live.reader() as reader:
            async for event in reader.events():
                for one in [*event.get("recent", []), event]:
                    if fits(one):
                        return one
    raise AssertionError(f"the stream ended without {type_} {wanted}")


def coverage_of(guard: Guard, source: Source = Source.CAMERA) -> str | None:
    tracks = guard.live.snapshot()["participants"][0]["tracks"]
    return next(track["coverage"]["reason"] for track in tracks if track["source"] == source.value)


class NeverClosing(AnsweringDetector):
    def __init__(self) -> None:
        super().__init__(lambda _sample: Judgement.ALERT)
        self.closing = asyncio.Event()

    async def close(self) -> None:
        self.closing.set()
        await asyncio.Event().wait()


async def test_an_end_that_is_cut_off_still_resolves_what_is_open() -> None:
    told: list[Notification] = []
    detector = NeverClosing()
    guard = new_guard(detector, notifications=told)
    await guard.start()
    show(guard)
    await until(guard, "notification", kind="incident.opened")
    stopping = asyncio.create_task(guard.stop())
    await detector.closing.wait()
    stopping.cancel()
    with suppress(asyncio.CancelledError):
        await stopping
    assert [one.kind for one in told] == [NotificationKind.OPENED, NotificationKind.RESOLVED]
    with guard.live.reader() as late:
        assert [event["call"]["ended_reason"] async for event in late.events()] == ["ended"]
    await guard.stop()
    assert guard.live.snapshot()["participants"][0]["tracks"][0]["samples"]["waiting"] == 0


class EndsEarly(AnsweringDetector):
    async def open(self, call: Call) -> None:
        await super().open(call)
        self.finish()


class Cancels(AnsweringDetector):
    async def events(self) -> AsyncIterator[DetectorEvent]:
        raise asyncio.CancelledError
        yield


class Raises(AnsweringDetector):
    async def events(self) -> AsyncIterator[DetectorEvent]:
        raise RuntimeError("a fault in somebody's detector")
        yield


@pytest.mark.parametrize("detector", [EndsEarly, Cancels, Raises])
async def test_a_detector_whose_events_end_leaves_the_call_blind(detector: type[AnsweringDetector]) -> None:
    guard = new_guard(detector())
    await guard.start()
    guard.media.speech_started("Ada", "track-2")
    guard.media.offer_audio("Ada", bytes(640), 16000, 1, "track-2")
    event = await until(guard, "detector", health={"state": "down", "detail": guard_detail(detector)})
    assert event
    assert coverage_of(guard, Source.MICROPHONE) == "detector_down"
    await guard.stop()


def guard_detail(detector: type[AnsweringDetector]) -> str:
    return "failed (RuntimeError)" if detector is Raises else "ended before the call"


class NeverOpens(AnsweringDetector):
    async def open(self, call: Call) -> None:
        await asyncio.Event().wait()


async def test_a_detector_that_never_opens_does_not_hold_up_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepguard.guard.guard.OPEN_SECONDS", 0.05)
    guard = new_guard(NeverOpens())
    await guard.start()
    assert guard.live.snapshot()["detector"]["health"] == {"state": "down", "detail": "did not open within 0.05 s"}
    await guard.stop()


class Talks(AnsweringDetector):
    """Answers as asked, and says what makes no sense before."""

    def say(self, sample: Sample, judgement: Judgement) -> None:
        self.emit("nonsense")  # pyright: ignore[reportArgumentType]
        self.emit(Verdict(["unhashable"], "", sample.source, judgement, 0.0, "odd"))  # pyright: ignore[reportArgumentType]
        self.emit(DetectorHealth("odd", ""))  # pyright: ignore[reportArgumentType]
        self.emit(DetectorHealth(HealthState.UP))
        self.emit(
            Verdict(
                sample.participant_id,
                sample.track_id,
                sample.source,
                judgement,
                received_at=time.time(),
                detector=self.name,
                score=math.nan,
                message="\x1b[31mred\u202eder",
                signals={"sharpness": np.float32(0.5), "odd": object(), "infinite": math.inf, "face": True},  # pyright: ignore[reportArgumentType]
            )
        )


async def test_what_a_detector_says_cannot_break_the_stream() -> None:
    guard = new_guard(Talks())
    await guard.start()
    show(guard)
    verdict = await until(guard, "verdict")
    assert verdict["signals"] == {"sharpness": 0.5, "odd": None, "infinite": None, "face": True}
    assert (verdict["score"], verdict["message"]) == (None, "[31mred der")
    json.dumps(guard.live.snapshot(), allow_nan=False)
    assert coverage_of(guard) is None
    assert guard.ignored_verdicts == 2
    await guard.stop()


class Counts(AnsweringDetector):
    def __init__(self) -> None:
        super().__init__()
        self.second = asyncio.Event()

    def submit(self, sample: Sample) -> None:
        super().submit(sample)
        if len(self.samples) == 2:
            self.second.set()


async def test_a_participant_who_connects_anew_is_not_covered_by_what_was_judged_before() -> None:
    detector = Counts()
    guard = new_guard(detector)
    await guard.start()
    show(guard)
    await until(guard, "verdict")
    assert coverage_of(guard) is None
    guard.media.set_enabled("Ada", Source.CAMERA, False)
    guard.media.expect("Ada", Source.CAMERA, "track-1")
    assert coverage_of(guard) == "starting"
    show(guard)
    # The first picture of the new track is due at once, however recently one of the old track was taken.
    await asyncio.wait_for(detector.second.wait(), 10)
    await guard.stop()
    assert coverage_of(guard) is None


async def test_a_camera_that_comes_back_is_not_covered_before_it_is_judged() -> None:
    answers = [Judgement.CLEAR]
    guard = new_guard(
        AnsweringDetector(lambda _sample: answers.pop() if answers else None), coverage=CoverageParams(media_timeout=5)
    )
    await guard.start()
    show(guard)
    await until(guard, "verdict")
    guard.media.set_enabled("Ada", Source.CAMERA, False)
    assert coverage_of(guard) == "no_media"
    guard.media.set_enabled("Ada", Source.CAMERA, True)
    assert coverage_of(guard) == "starting"
    await guard.stop()


async def test_a_watch_that_fails_shows_the_call_as_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = new_guard(AnsweringDetector())
    await guard.start()
    show(guard)
    await until(guard, "verdict")
    assert coverage_of(guard) is None

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("deepguard.guard.watch.judge_coverage", fails)
    await until(guard, "detector", health={"state": "down", "detail": "the guard failed (RuntimeError)"})
    assert coverage_of(guard) == BlindReason.DETECTOR_DOWN
    monkeypatch.undo()
    await guard.stop()


async def test_a_start_after_the_end_does_nothing() -> None:
    guard = new_guard(AnsweringDetector())
    await guard.stop()
    before = asyncio.all_tasks()
    await guard.start()
    assert asyncio.all_tasks() == before
