"""The detector that follows a script."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepguard.contracts import Detector, DetectorEvent
from deepguard.detectors import local
from deepguard.detectors.scenario import ScenarioConfig, deepguard_register_detectors
from deepguard.detectors.scenario.detector import ScenarioDetector
from deepguard.model import (
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
CAMERA, MICROPHONE = Source.CAMERA, Source.MICROPHONE
numbers = itertools.count()


def sample(source: Source = CAMERA) -> Sample:
    form = SampleFormat.PCM if source.is_audio else SampleFormat.JPEG
    return Sample(f"s{next(numbers)}", CALL.id, "alice", f"{source}-1", source, form, b"bytes", 1_700_000_001.0)


def config(*timeline: dict[str, Any], **over: Any) -> ScenarioConfig:
    return ScenarioConfig.model_validate({"timeline": list(timeline), "delay": 0} | over)


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now


async def events_of(detector: Detector) -> list[DetectorEvent]:
    return [event async for event in detector.events()]


async def next_end(detector: Detector) -> list[DetectorEvent]:
    """The events until the next sample's end."""
    seen: list[DetectorEvent] = []
    async for event in detector.events():
        seen.append(event)
        if isinstance(event, SampleEnded):
            break
    return seen


def verdicts(events: list[DetectorEvent]) -> list[Verdict]:
    return [event for event in events if isinstance(event, Verdict)]


def ends(events: list[DetectorEvent]) -> list[SampleEnded]:
    return [event for event in events if isinstance(event, SampleEnded)]


def test_the_type_that_is_registered() -> None:
    (kind,) = deepguard_register_detectors()
    assert (kind.name, kind.config) == ("scenario", ScenarioConfig)


async def test_the_factory_makes_a_detector_that_calls_itself_simulated() -> None:
    (kind,) = deepguard_register_detectors()
    detector = kind.factory(config({"at": 0, "camera": "alert"}))
    assert isinstance(detector, ScenarioDetector)
    assert (detector.name, detector.simulated) == ("scenario", True)
    assert "simulation" in detector.label.lower()
    await detector.close()


async def test_it_is_up_as_soon_as_it_is_open() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}))
    assert detector.health.state is HealthState.CONNECTING
    await detector.open(CALL)
    assert detector.health == DetectorHealth(HealthState.UP)
    await detector.close()
    assert await events_of(detector) == [DetectorHealth(HealthState.UP)]


async def test_a_verdict_says_what_the_script_says_and_that_it_is_simulated() -> None:
    detector = ScenarioDetector(
        config({"at": 0, "camera": "alert", "score": 0.97, "message": "mouth and sound differ"})
    )
    await detector.open(CALL)
    asked = sample()
    detector.submit(asked)
    _, verdict, end = await next_end(detector)
    assert isinstance(verdict, Verdict)
    assert verdict.judgement is Judgement.ALERT
    assert verdict.score == 0.97
    assert verdict.message == "simulated: mouth and sound differ"
    assert (verdict.participant_id, verdict.track_id, verdict.source) == ("alice", "camera-1", CAMERA)
    assert (verdict.sample_id, verdict.captured_at) == (asked.id, asked.captured_at)
    assert (verdict.detector, verdict.blind) == ("scenario", None)
    assert end == SampleEnded(asked.id, SampleOutcome.JUDGED)
    await detector.close()


@pytest.mark.parametrize("behaviour", ["clear", "suspicious", "alert", "error", "unknown"])
async def test_every_judgement_can_be_scripted(behaviour: str) -> None:
    detector = ScenarioDetector(config({"at": 0, "all": behaviour}))
    await detector.open(CALL)
    for source in Source:
        detector.submit(sample(source))
    await detector.close()
    answers = verdicts(await events_of(detector))
    assert [answer.source for answer in answers] == list(Source)
    for answer in answers:
        assert answer.judgement == behaviour
        assert answer.message.startswith("simulated: ")


async def test_the_script_s_time_begins_with_the_first_sample_of_the_call() -> None:
    clock = Clock()
    detector = ScenarioDetector(
        config({"at": 5, "camera": "suspicious"}, {"at": 8, "camera": "alert", "microphone": "alert"}), clock=clock
    )
    await detector.open(CALL)
    clock.now += 1000
    seen = []
    for step, source in ((0, CAMERA), (4.9, CAMERA), (0.1, CAMERA), (0, MICROPHONE), (3, CAMERA), (0, MICROPHONE)):
        clock.now += step
        detector.submit(sample(source))
        seen += verdicts(await next_end(detector))
    assert [verdict.judgement.value for verdict in seen] == ["clear", "clear", "suspicious", "clear", "alert", "alert"]
    await detector.close()


async def test_an_answer_keeps_what_was_scripted_when_its_sample_came() -> None:
    clock = Clock()
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}, {"at": 1, "camera": "clear"}), clock=clock)
    await detector.open(CALL)
    detector.submit(sample())
    clock.now += 1
    (verdict,) = verdicts(await next_end(detector))
    assert verdict.judgement is Judgement.ALERT
    await detector.close()


async def test_a_sample_that_meets_silence_expires() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "silence"}, answer_timeout=0.01))
    await detector.open(CALL)
    asked = sample()
    detector.submit(asked)
    events = await next_end(detector)
    assert verdicts(events) == []
    (end,) = ends(events)
    assert (end.sample_id, end.outcome) == (asked.id, SampleOutcome.EXPIRED)
    assert "simulated" in end.reason
    await detector.close()


async def test_close_waits_for_answers_and_not_for_silence() -> None:
    detector = ScenarioDetector(
        config({"at": 0, "camera": "alert", "microphone": "silence"}, delay=0.02, answer_timeout=300)
    )
    await detector.open(CALL)
    judged, silent = sample(), sample(MICROPHONE)
    detector.submit(judged)
    detector.submit(silent)
    await detector.close()
    outcomes = {end.sample_id: end.outcome for end in ends(await events_of(detector))}
    assert outcomes == {judged.id: SampleOutcome.JUDGED, silent.id: SampleOutcome.EXPIRED}


async def test_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CLOSE_SECONDS", 0.01)
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}, delay=60))
    await detector.open(CALL)
    detector.submit(sample())
    await detector.close()
    (end,) = ends(await events_of(detector))
    assert (end.outcome, end.reason) == (SampleOutcome.EXPIRED, "the call ended before an answer")
    assert detector._timers == {}


async def test_close_that_is_cancelled_still_ends_every_sample_and_the_stream() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}, delay=60))
    await detector.open(CALL)
    detector.submit(sample())
    closing = asyncio.create_task(detector.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert [end.outcome for end in ends(await events_of(detector))] == [SampleOutcome.EXPIRED]


async def test_closing_twice_and_at_once_ends_the_stream_once() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}, delay=0.01))
    await detector.open(CALL)
    detector.submit(sample())
    await asyncio.gather(detector.close(), detector.close())
    await detector.close()
    assert len(ends(await events_of(detector))) == 1
    assert detector._events.empty()


async def test_what_is_said_of_a_sample_after_its_end_is_not_told() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}))
    await detector.open(CALL)
    asked = sample()
    detector.submit(asked)
    detector.end(asked, SampleOutcome.EXPIRED, "first")
    detector.answer(asked, Judgement.ALERT, "late")
    detector.end(asked, SampleOutcome.DROPPED, "second")
    await asyncio.sleep(0)
    await detector.close()
    events = await events_of(detector)
    assert verdicts(events) == []
    assert ends(events) == [SampleEnded(asked.id, SampleOutcome.EXPIRED, "first")]


async def test_samples_before_open_and_after_close_are_dropped() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "alert"}))
    early, late = sample(), sample()
    detector.submit(early)
    await detector.open(CALL)
    closing = asyncio.create_task(detector.close())
    await asyncio.sleep(0)
    detector.submit(late)
    await closing
    seen = [event for event in (*detector._events._queue,) if isinstance(event, SampleEnded)]  # type: ignore[attr-defined]
    assert [(end.sample_id, end.outcome) for end in seen] == [
        (early.id, SampleOutcome.DROPPED),
        (late.id, SampleOutcome.DROPPED),
    ]


async def test_pictures_are_not_kept_while_a_sample_waits() -> None:
    detector = ScenarioDetector(config({"at": 0, "camera": "silence"}))
    await detector.open(CALL)
    detector.submit(sample())
    assert [kept.data for kept in detector._outstanding.values()] == [b""]
    await detector.close()


@settings(deadline=None, max_examples=40)
@given(
    behaviours=st.lists(st.sampled_from(["clear", "alert", "error", "silence"]), min_size=1, max_size=8),
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from(list(Source)), st.booleans()), max_size=30
    ),
    delay=st.sampled_from([0.0, 0.001]),
)
def test_every_sample_ends_exactly_once(
    behaviours: list[str], steps: list[tuple[float, Source, bool]], delay: float
) -> None:
    async def scene() -> None:
        clock = Clock()
        timeline = [{"at": float(at), "all": behaviour} for at, behaviour in enumerate(behaviours)]
        detector = ScenarioDetector(config(*timeline, delay=delay, answer_timeout=0.001), clock=clock)
        await detector.open(CALL)
        reading = asyncio.create_task(events_of(detector))
        submitted = []
        for step, source, let_it_run in steps:
            clock.now += step
            submitted.append(sample(source))
            detector.submit(submitted[-1])
            if let_it_run:
                await asyncio.sleep(0)
        await detector.close()
        events = await reading
        assert Counter(end.sample_id for end in ends(events)) == Counter(each.id for each in submitted)
        judged = [end.sample_id for end in ends(events) if end.outcome is SampleOutcome.JUDGED]
        assert [verdict.sample_id for verdict in verdicts(events)] == judged
        for verdict in verdicts(events):
            assert events[events.index(verdict) + 1] == SampleEnded(str(verdict.sample_id), SampleOutcome.JUDGED)

    asyncio.run(scene())
