"""An alert reaches people also while the store cannot be written to, and is not told twice when it can again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deepguard.errors import NotifyError
from deepguard.model import Delivery, DeliveryStatus, Notification
from deepguard.notify import journal
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.store import letters
from deepguard.store.entry import Entry
from deepguard.store.store import Store
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import until

SECONDS = 10.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell without the store what it has not taken for half a second."""
    monkeypatch.setattr(journal, "STRANDED_SECONDS", 0.5)


class Refusing(RecordingNotifier):
    """Refuses so many notifications before it takes any."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.refusals = times

    async def send(self, notification: Notification) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NotifyError("not now")
        await super().send(notification)


def ack_url(told: Notification) -> str:
    """The same as those that are made by hand have."""
    return f"https://guard.example/ack/{told.incident.id}" if told.incident else ""


class Picky(RecordingNotifier):
    """Never takes one notification."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.never = ""

    async def send(self, notification: Notification) -> None:
        if notification.id == self.never:
            raise self.error
        await super().send(notification)


class Watched:
    """A dispatcher on a file that can be taken away."""

    def __init__(self, folder: Path, notifier: RecordingNotifier) -> None:
        self.file = folder / "deepguard.db"
        self.away = folder / "away.db"
        self.store = Store(f"sqlite:///{self.file}")
        self.ended: list[Delivery] = []
        route = Route(name="desk", notifier=notifier, rate=1000, burst=1000)
        self.dispatcher = Dispatcher(self.store, [route], on_delivery=self.ended.append, ack_url=ack_url)

    def take_away(self) -> None:
        self.file.rename(self.away)

    def bring_back(self) -> None:
        self.away.rename(self.file)

    async def limit_pages(self, most: int) -> None:
        await self.store.write(lambda db: db.exec_driver_sql(f"PRAGMA max_page_count = {most}") and None)

    async def written(self) -> list[letters.Letter]:
        async with asyncio.timeout(SECONDS):
            await self.dispatcher.journal.flushed()
        return await self.store.read(lambda db: letters.find(db))


@pytest.fixture
async def watched(tmp_path):
    notifier = RecordingNotifier()
    watched = Watched(tmp_path, notifier)
    await watched.dispatcher.start()
    yield watched, notifier
    await watched.dispatcher.close()


async def test_it_is_told_without_the_store_and_written_down_later(watched):
    it, notifier = watched
    it.take_away()
    alert = make_notification()
    it.dispatcher.record(Entry(call_id="c", notifications=(alert,)))
    assert await notifier.wait_for(1, SECONDS) == [alert]
    assert "the file is gone" in it.dispatcher.journal.down
    assert it.dispatcher.journal.waiting == 1
    it.bring_back()
    (letter,) = await it.written()
    assert letter.status == DeliveryStatus.DELIVERED
    assert it.dispatcher.journal.down == ""
    later = make_notification()
    it.dispatcher.record(Entry(call_id="c", notifications=(later,)))
    assert [told.id for told in await notifier.wait_for(2, SECONDS)] == [alert.id, later.id]
    assert await it.dispatcher.drain(SECONDS)
    assert [(each.notification_id, each.status) for each in it.ended] == [
        (alert.id, DeliveryStatus.DELIVERED),
        (later.id, DeliveryStatus.DELIVERED),
    ]


async def test_what_could_not_be_told_meanwhile_is_told_by_the_store(tmp_path):
    notifier = Refusing(1)
    it = Watched(tmp_path, notifier)
    await it.dispatcher.start()
    try:
        it.take_away()
        alert = make_notification()
        it.dispatcher.record(Entry(call_id="c", notifications=(alert,)))
        await until(lambda: not notifier.refusals)
        it.bring_back()
        assert await notifier.wait_for(1, SECONDS) == [alert]
        assert len(await it.written()) == 1
    finally:
        await it.dispatcher.close()


@pytest.mark.parametrize("error", [NotifyError("no", retryable=False), NotifyError("not now"), KeyError("a bug")])
async def test_one_that_is_never_taken_holds_up_no_other(tmp_path, error):
    notifier = Picky(error)
    it = Watched(tmp_path, notifier)
    await it.dispatcher.start()
    try:
        it.take_away()
        sent = [make_notification() for _ in range(3)]
        notifier.never = sent[0].id
        for alert in sent:
            it.dispatcher.record(Entry(call_id="c", notifications=(alert,)))
        assert await notifier.wait_for(2, SECONDS) == sent[1:]
    finally:
        await it.dispatcher.close(0.1)


async def test_a_disk_with_room_for_changes_and_none_for_anything_new(watched):
    it, notifier = watched
    await it.limit_pages(1)  # SQLite takes the present size for it
    sent = [make_notification() for _ in range(60)]
    for alert in sent:
        it.dispatcher.record(Entry(call_id="c", notifications=(alert,)))
    told = await notifier.wait_for(len(sent), SECONDS)
    assert [each.id for each in told] == [each.id for each in sent]
    assert "the disk is full" in it.dispatcher.journal.down
    await it.limit_pages(10**6)
    assert {letter.status for letter in await it.written()} == {DeliveryStatus.DELIVERED}
    assert it.dispatcher.counts["desk"].attempts == len(sent)


async def test_what_was_told_is_not_called_lost_at_the_end(watched, logged):
    it, notifier = watched
    it.take_away()
    it.dispatcher.record(Entry(call_id="c", notifications=(make_notification(),)))
    await notifier.wait_for(1, SECONDS)
    await it.dispatcher.close(0.1)
    assert "are lost" not in "".join(logged)


async def test_what_nobody_was_told_is_called_lost_at_the_end(tmp_path, logged):
    notifier = Refusing(10_000)
    it = Watched(tmp_path, notifier)
    await it.dispatcher.start()
    it.take_away()
    alert = make_notification()
    it.dispatcher.record(Entry(call_id="c", notifications=(alert,)))
    await until(lambda: notifier.refusals < 10_000)
    await it.dispatcher.close(0.1)
    assert f"1 deliveries are lost, of: {alert.id}" in "".join(logged)


class Slow(RecordingNotifier):
    """Takes a notification when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def send(self, notification: Notification) -> None:
        self.asked.set()
        await self.let.wait()
        await super().send(notification)


async def test_what_is_being_told_when_the_store_comes_back_is_not_told_again(tmp_path):
    notifier = Slow()
    it = Watched(tmp_path, notifier)
    await it.dispatcher.start()
    try:
        it.take_away()
        it.dispatcher.record(Entry(call_id="c", notifications=(make_notification(),)))
        async with asyncio.timeout(SECONDS):
            await notifier.asked.wait()
        it.bring_back()
        (letter,) = await it.written()
        assert letter.status == DeliveryStatus.PENDING
        notifier.let.set()
        await notifier.wait_for(1, SECONDS)
        assert await it.dispatcher.drain(SECONDS)
        (letter,) = await it.written()
        assert letter.status == DeliveryStatus.DELIVERED
        assert len(notifier.notifications) == 1
    finally:
        await it.dispatcher.close()
