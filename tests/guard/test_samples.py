"""Of each sample that ended, what is known of it is written down once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from deepguard.config.models import AudioParams, VideoParams
from deepguard.model import Judgement, Sample, SampleEnded, SampleFormat, SampleOutcome, SampleRecord, Source
from deepguard.store.entry import Entry
from support.detectors import AnsweringDetector, new_guard

QUICK = VideoParams(normal_fps=30, burst_fps=30)


class Refuses(AnsweringDetector):
    """Ends each sample as it was told to."""

    def __init__(self, outcome: SampleOutcome) -> None:
        super().__init__(lambda _sample: None)
        self._outcome = outcome

    def submit(self, sample: Sample) -> None:
        super().submit(sample)
        self.emit(SampleEnded(sample.id, self._outcome, "because"))
        self.emit(SampleEnded(sample.id, SampleOutcome.JUDGED, "twice"))


class Fails(AnsweringDetector):
    def submit(self, sample: Sample) -> None:
        raise RuntimeError("a fault in somebody's detector")


class Silent(AnsweringDetector):
    def __init__(self) -> None:
        super().__init__(lambda _sample: None)
        self.handed = asyncio.Event()

    def submit(self, sample: Sample) -> None:
        super().submit(sample)
        self.handed.set()


class WebpOnly(AnsweringDetector):
    formats = frozenset({SampleFormat.WEBP})


class Book:
    """What a guard wrote down."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._news = asyncio.Event()

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._news.set()

    @property
    def samples(self) -> list[SampleRecord]:
        return [sample for entry in self.entries for sample in entry.samples]

    async def until(self, count: int) -> list[SampleRecord]:
        async with asyncio.timeout(20):
            while len(self.samples) < count:
                self._news.clear()
                await self._news.wait()
        return self.samples


def show(guard, size: tuple[int, int] = (8, 6)) -> bool:
    image = bytes(size[0] * size[1] * 3)
    return guard.media.offer_picture("Ada", Source.CAMERA, image, size, "RGB", "track-1")


async def test_what_a_sample_was_is_written_down_without_its_bytes() -> None:
    book, detector = Book(), AnsweringDetector()
    guard = new_guard(detector, record=book.write)
    before = time.time()
    await guard.start()
    assert show(guard)
    (record,) = await book.until(1)
    (sample,) = detector.samples
    assert before <= record.captured_at <= record.ended_at <= time.time()
    assert record == SampleRecord(
        id=sample.id,
        participant_id="Ada",
        track_id="track-1",
        source=Source.CAMERA,
        captured_at=sample.captured_at,
        ended_at=record.ended_at,
        outcome=SampleOutcome.JUDGED,
        format=SampleFormat.JPEG,
        width=8,
        height=6,
        size=len(sample.data),
    )
    await guard.stop()
    assert len(book.samples) == 1


async def test_a_piece_of_speech_is_written_down_too() -> None:
    book, detector = Book(), AnsweringDetector()
    guard = new_guard(detector, record=book.write, audio=AudioParams(sample_size=8000, interval=0))
    await guard.start()
    guard.media.speech_started("Ada", "track-2")
    guard.media.offer_audio("Ada", bytes(16000), 16000, 1, "track-2")
    (record, *_) = await book.until(1)
    assert (record.source, record.format) == (Source.MICROPHONE, SampleFormat.PCM)
    assert (record.width, record.height, record.size) == (0, 0, 16000)
    await guard.stop()


@pytest.mark.parametrize(
    ("detector", "outcome", "reason"),
    [
        (Refuses(SampleOutcome.EXPIRED), SampleOutcome.EXPIRED, "because"),
        (Refuses(SampleOutcome.DROPPED), SampleOutcome.DROPPED, "because"),
        (Fails(), SampleOutcome.DROPPED, "the detector failed on it"),
        (WebpOnly(), SampleOutcome.DROPPED, "the detector does not take jpeg"),
    ],
)
async def test_why_a_sample_was_not_judged_is_written_down(
    detector: AnsweringDetector, outcome: SampleOutcome, reason: str
) -> None:
    book = Book()
    guard = new_guard(detector, record=book.write)
    await guard.start()
    assert show(guard)
    (record,) = await book.until(1)
    assert (record.outcome, record.reason, record.format) == (outcome, reason, SampleFormat.JPEG)
    await guard.stop()
    assert len(book.samples) == 1


async def test_a_picture_that_cannot_be_encoded_is_written_down_without_a_format() -> None:
    book = Book()
    guard = new_guard(AnsweringDetector(), record=book.write)
    await guard.start()
    assert guard.media.offer_picture("Ada", Source.CAMERA, b"too short", (640, 480), "RGB", "track-1")
    (record,) = await book.until(1)
    assert (record.outcome, record.reason) == (SampleOutcome.DROPPED, "it could not be encoded")
    assert (record.format, record.size) == (None, 0)
    await guard.stop()


async def test_what_is_open_at_the_end_has_expired_and_stands_in_the_entry_of_the_end() -> None:
    book = Book()
    detector = Silent()
    guard = new_guard(detector, record=book.write, video=QUICK)
    await guard.start()
    assert show(guard)
    await detector.handed.wait()
    await guard.stop()
    last = book.entries[-1]
    assert last.ended is not None
    (record,) = last.samples
    assert (record.outcome, record.reason) == (SampleOutcome.EXPIRED, "the call ended before its verdict came")


async def test_every_sample_that_was_counted_is_written_down_once() -> None:
    book = Book()
    answers = iter([Judgement.CLEAR, None, Judgement.CLEAR] * 100)
    guard = new_guard(AnsweringDetector(lambda _sample: next(answers)), record=book.write, video=QUICK)
    await guard.start()
    shown = 0
    while shown < 12:  # frames arrive faster than they are due
        shown += show(guard)
        await asyncio.sleep(0.001)
    await guard.stop()
    counts = guard.live.snapshot()["participants"][0]["tracks"][0]["samples"]
    assert counts["taken"] == shown == len(book.samples) == len({record.id for record in book.samples})
    for outcome in SampleOutcome:
        assert counts[outcome.value] == sum(record.outcome is outcome for record in book.samples)
    assert all(
        replace(record, reason="") == record for record in book.samples if record.outcome is SampleOutcome.JUDGED
    )
    assert [record.ended_at for record in book.samples] == sorted(record.ended_at for record in book.samples)
