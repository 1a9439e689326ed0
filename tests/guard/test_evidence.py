"""The picture that opened an incident: handed over when asked for, to whoever is told, and forgotten after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deepguard.guard.evidence import MOST_OPEN, Evidence
from deepguard.guard.guard import Guard
from deepguard.model import Judgement, NotificationKind, Sample, SampleFormat, Source
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.store.incidents import picture_of
from deepguard.store.store import Store
from deepguard.store.upkeep import forget_pictures
from deepguard.testing import RecordingNotifier, make_verdict
from support.detectors import AnsweringDetector, new_guard

SECONDS = 10.0
RED = bytes([200, 0, 0]) * 32 * 32


def sample(number: int, format_: SampleFormat = SampleFormat.JPEG, participant: str = "Ada") -> Sample:
    source = Source.MICROPHONE if format_ is SampleFormat.PCM else Source.CAMERA
    return Sample(f"s{number}", "call", participant, "t", source, format_, b"picture %d" % number, float(number), 4, 3)


def test_a_verdict_rests_on_the_picture_that_it_judged():
    evidence = Evidence(keep=True)
    evidence.take(sample(1))
    evidence.take(sample(2))
    found = evidence.of(make_verdict(participant_id="Ada", sample_id="s1"))
    assert found is not None
    assert (found.data, found.format, found.captured_at, found.width, found.height) == (
        b"picture 1",
        SampleFormat.JPEG,
        1.0,
        4,
        3,
    )


def test_a_verdict_on_sound_goes_with_the_latest_picture_of_the_same_participant():
    evidence = Evidence(keep=True)
    evidence.take(sample(1))
    evidence.ended("s1")
    evidence.take(sample(2, participant="Bob"))
    evidence.take(sample(3, SampleFormat.PCM))
    found = evidence.of(make_verdict(participant_id="Ada", sample_id="s3"))
    assert found is not None
    assert found.data == b"picture 1"
    assert evidence.of(make_verdict(participant_id="Eve")) is None


def test_nothing_is_kept_unless_asked_for():
    evidence = Evidence(keep=False)
    evidence.take(sample(1))
    assert evidence.of(make_verdict(participant_id="Ada", sample_id="s1")) is None


def test_a_detector_that_forgets_its_samples_does_not_fill_the_memory():
    evidence = Evidence(keep=True)
    for number in range(MOST_OPEN + 1):
        evidence.take(sample(number))
    oldest = evidence.of(make_verdict(participant_id="Ada", sample_id="s0"))
    second = evidence.of(make_verdict(participant_id="Ada", sample_id="s1"))
    assert oldest is not None
    assert second is not None
    assert (oldest.data, second.data) == (b"picture %d" % MOST_OPEN, b"picture 1")


@asynccontextmanager
async def guarded(tmp_path: Path, *, keep: bool) -> AsyncIterator[tuple[Guard, RecordingNotifier, Store, Dispatcher]]:
    notifier = RecordingNotifier()
    store = Store(f"sqlite:///{tmp_path / 'deepguard.db'}")
    route = Route(name="desk", notifier=notifier, rate=1000, burst=1000)
    dispatcher = Dispatcher(store, [route], on_delivery=lambda _delivery: None, pictures=keep)
    detector = AnsweringDetector(lambda _sample: Judgement.ALERT)
    guard = new_guard(detector, record=dispatcher.record, keep_pictures=keep)
    await dispatcher.start()
    await guard.start()
    try:
        yield guard, notifier, store, dispatcher
    finally:
        await guard.stop()
        await dispatcher.close()


async def opened(guard: Guard, notifier: RecordingNotifier):
    guard.media.offer_picture("Ada", Source.CAMERA, RED, (32, 32), "RGB", "track-1")
    return (await notifier.wait_for(1, SECONDS))[0]


async def test_a_notifier_is_handed_the_very_picture_and_the_store_forgets_it(tmp_path):
    async with guarded(tmp_path, keep=True) as (guard, notifier, store, dispatcher):
        told = await opened(guard, notifier)
        assert told.kind is NotificationKind.OPENED
        assert told.picture is not None
        assert isinstance(guard.detector, AnsweringDetector)
        assert told.picture.data == guard.detector.samples[0].data
        assert (told.picture.width, told.picture.height) == (32, 32)
        assert str(told.picture.data) not in repr(told)
        incident = told.incident
        assert incident is not None
        assert await dispatcher.drain(SECONDS)
        await store.write(forget_pictures)
        assert await store.read(lambda db: picture_of(db, incident.id)) is None


async def test_pictures_are_off_unless_turned_on(tmp_path):
    async with guarded(tmp_path, keep=False) as (guard, notifier, store, _dispatcher):
        told = await opened(guard, notifier)
        assert told.picture is None
        assert told.incident is not None
        incident_id = told.incident.id
        assert await store.read(lambda db: picture_of(db, incident_id)) is None
