"""Black and frozen pictures, of which a detector says that all is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from typing import Any

import numpy as np

from deepguard.config.models import CoverageParams, VideoParams
from deepguard.guard.guard import Guard
from deepguard.guard.live import LiveEvent
from deepguard.model import Judgement, Notification, NotificationKind, Sample, Source
from deepguard.text import level_words
from support.detectors import AnsweringDetector, new_guard

SIZE = (320, 180)
VIDEO = VideoParams(normal_fps=30)
FRAME_SECONDS = 0.01


def living() -> Iterator[bytes]:
    """A bar that moves over a grey wall."""
    for n in count():
        picture = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        picture[:, 10 * n % 300 : 10 * n % 300 + 20] = 230
        yield picture.tobytes()


def still() -> Iterator[bytes]:
    frame = next(living())
    while True:
        yield frame


def black() -> Iterator[bytes]:
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8).tobytes()
    while True:
        yield frame


@asynccontextmanager
async def filming(guard: Guard, frames: Iterator[bytes], source: Source = Source.CAMERA) -> AsyncIterator[None]:
    """A camera that runs."""

    async def run() -> None:
        for frame in frames:
            guard.media.offer_picture("Ada", source, frame, SIZE, "RGB", "track-1")
            await asyncio.sleep(FRAME_SECONDS)

    camera = asyncio.create_task(run())
    try:
        yield
    finally:
        camera.cancel()
        with suppress(asyncio.CancelledError):
            await camera


async def until(events: Any, fits: Callable[[LiveEvent], bool]) -> list[LiveEvent]:
    """The events up to and with the first that fits."""
    passed = []
    async with asyncio.timeout(20):
        async for event in events:
            passed.append(event)
            if fits(event):
                return passed
    raise AssertionError("the stream ended")


def is_reason(reason: str | None) -> Callable[[LiveEvent], bool]:
    return lambda event: event["type"] == "coverage" and event["coverage"]["reason"] == reason


def is_clear_of(reason: str) -> Callable[[LiveEvent], bool]:
    return lambda event: event["type"] == "verdict" and (event["judgement"], event["blind"]) == ("clear", reason)


def is_told(kind: str) -> Callable[[LiveEvent], bool]:
    return lambda event: event["type"] == "notification" and event["kind"] == kind


def reasons(events: list[LiveEvent]) -> list[str | None]:
    return [event["coverage"]["reason"] for event in events if event["type"] == "coverage"]


@contextmanager
def following(guard: Guard) -> Iterator[Any]:
    """The guard's events from now on."""
    with guard.live.reader() as reader:
        yield reader.events()


async def test_a_black_and_a_frozen_picture_are_not_watched_whatever_the_detector_says() -> None:
    told: list[Notification] = []
    params = CoverageParams.model_validate(
        {"frozen_after": 0.5, "notify_after": 300, "notify": {"black_picture": 0, "frozen_picture": 0.5}}
    )
    detector = AnsweringDetector()
    guard = new_guard(detector, video=VIDEO, coverage=params, notifications=told)
    await guard.start()
    with following(guard) as events:
        async with filming(guard, black()):
            passed = await until(events, is_told("coverage.lost"))
        async with filming(guard, living()):
            passed += await until(events, is_reason(None))
        async with filming(guard, still()):
            frozen = await until(events, is_told("coverage.lost"))
        async with filming(guard, living()):
            rest = await until(events, is_reason(None))
    # It was blind from the first picture on: no sample of the black ones, judged clear, has made it covered.
    assert reasons(passed) == ["black_picture", "starting", None]
    assert reasons(frozen) == ["frozen_picture"]
    assert reasons(rest) == ["starting", None]
    assert any(event["type"] == "verdict" and event["judgement"] == "clear" for event in passed)
    began = next(event["at"] for event in frozen if event["type"] == "coverage")
    # The two are told by clocks that differ by less than this.
    assert frozen[-1]["at"] - began >= 0.5 - 0.05
    await guard.stop()
    lost, regained = NotificationKind.COVERAGE_LOST, NotificationKind.COVERAGE_REGAINED
    assert [one.kind for one in told] == [lost, regained, lost, regained]
    assert [one.detail for one in told if one.kind is lost] == ["The picture is black.", "The picture is frozen."]


async def test_a_reason_that_is_off_is_not_told_and_one_that_is_not_is() -> None:
    told: list[Notification] = []
    params = CoverageParams.model_validate({"notify_after": 0, "notify": {"black_picture": "off", "starting": "off"}})
    guard = new_guard(AnsweringDetector(), video=VIDEO, coverage=params, notifications=told)
    await guard.start()
    with following(guard) as events:
        async with filming(guard, black()):
            await until(events, is_reason("black_picture"))
            await until(events, lambda event: event["type"] == "samples")
        assert told == []
        async with filming(guard, living()):
            await until(events, is_reason(None))
        assert told == []
        guard.media.set_enabled("Ada", Source.CAMERA, False)
        assert [(one.kind, one.detail) for one in told] == [
            (NotificationKind.COVERAGE_LOST, "Nothing arrives (turned off by the participant).")
        ]
    await guard.stop()


async def test_a_verdict_on_a_black_picture_that_comes_late_does_not_cover_the_living_one() -> None:
    asked: list[Sample] = []

    def keep(sample: Sample) -> Judgement | None:
        asked.append(sample)
        return None

    detector = AnsweringDetector(keep)
    guard = new_guard(detector, video=VIDEO)
    await guard.start()
    with following(guard) as events:
        async with filming(guard, black()):
            await until(events, is_reason("black_picture"))
        dark = list(asked)
        async with filming(guard, living()):
            await until(events, is_reason("starting"))
        detector.say(dark[-1], Judgement.CLEAR)
        passed = await until(events, lambda event: event["type"] == "verdict")
        detector.say(asked[-1], Judgement.CLEAR)
        passed += await until(events, is_reason(None))
    assert [event["type"] for event in passed if event["type"] in ("verdict", "coverage")] == [
        "verdict",
        "verdict",
        "coverage",
    ]
    await guard.stop()


async def test_a_shared_screen_may_stand_still() -> None:
    guard = new_guard(
        AnsweringDetector(),
        video=VideoParams(normal_fps=30, screen=True),
        coverage=CoverageParams(frozen_after=0.5),
    )
    await guard.start()
    with following(guard) as events:
        async with filming(guard, still(), Source.SCREEN):
            passed = await until(events, is_reason(None))
            track = guard.live.snapshot()["participants"][0]["tracks"][0]
            while track["samples"]["judged"] < 30:
                passed += await until(events, lambda event: event["type"] == "samples")
                track = guard.live.snapshot()["participants"][0]["tracks"][0]
        assert track["coverage"]["covered"] is True
        assert "frozen_picture" not in reasons(passed)
        async with filming(guard, black(), Source.SCREEN):
            await until(events, is_reason("black_picture"))
    await guard.stop()


async def test_a_participant_who_connects_anew_is_not_held_to_be_still_black() -> None:
    guard = new_guard(AnsweringDetector(), video=VIDEO)
    await guard.start()
    with following(guard) as events:
        async with filming(guard, black()):
            await until(events, is_reason("black_picture"))
        guard.media.expect("Ada", Source.CAMERA, "track-2")
        await until(events, is_reason("starting"))
        async with filming(guard, living()):
            passed = await until(events, is_reason(None))
    assert reasons(passed) == [None]
    await guard.stop()


async def test_covering_the_lens_ends_no_alert() -> None:
    told: list[Notification] = []
    says = [Judgement.ALERT]
    guard = new_guard(AnsweringDetector(lambda _sample: says[-1]), video=VIDEO, notifications=told)
    await guard.start()
    with following(guard) as events:
        async with filming(guard, living()):
            raised = await until(events, is_told("incident.opened"))
        async with filming(guard, black()):
            await until(events, is_reason("black_picture"))
            says.append(Judgement.CLEAR)
            dark = [await until(events, is_clear_of("black_picture")) for _ in range(3)]
        assert not [event for some in dark for event in some if event["type"] in ("level", "notification")]
        async with filming(guard, living()):
            over = await until(events, is_told("incident.resolved"))
    assert [event["covered"] for event in raised if event["type"] == "level"] == [True] * 2
    assert [event["covered"] for event in raised if event["type"] == "notification"] == [True]
    assert [(event["after"], event["covered"]) for event in over if event["type"] == "level"] == [("clear", True)] * 2
    assert [level_words(one) for one in told] == ["alert", "clear"]
    await guard.stop()


async def test_a_state_says_of_each_participant_whether_anybody_watches_them() -> None:
    guard = new_guard(AnsweringDetector(), video=VIDEO)
    await guard.start()
    guard.media.expect("Bo", Source.CAMERA, "track-2")
    with following(guard) as events:
        async with filming(guard, living()):
            await until(events, is_reason(None))
    # Her microphone has not been heard yet; one track that is watched is enough.
    guard.media.expect("Ada", Source.MICROPHONE, "track-3")
    with guard.live.reader() as reader:
        state = await anext(reader.events())
    assert {one["id"]: (one["level"], one["covered"]) for one in state["participants"]} == {
        "Ada": ("clear", True),
        "Bo": ("clear", False),
    }
    guard.media.set_enabled("Ada", Source.CAMERA, False)
    assert [one["covered"] for one in guard.live.snapshot()["participants"]] == [False, False]
    await guard.stop()
