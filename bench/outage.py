"""What a destination is sent that is dead for a while, and how soon afterwards it knows everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from aiohttp import web

from bench.databases import sqlite_url
from bench.results import Row
from bench.scene import ClearDetector, camera_verdict, new_guard
from deepguard.config.models import NotifyOn
from deepguard.guard.guard import Guard
from deepguard.model import Judgement, Source
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry
from deepguard.store.store import Store

ONE_BY_ONE = "one attempt each"
AT_THE_RATE = "one by one at the rate"
RATE = 1.0
BURST = 10
"""What the configuration says by itself."""
PARTICIPANTS = 30
"""Participants of one call."""
MOST_ATTEMPTS = 20
LIMIT_SECONDS = 120


class Receiver:
    """A web service that resets every connection while it is dead.

    Attributes:
        dead: Whether it is.
        came: When each request came, on the monotonic clock: those while it was dead, and those afterwards.
        named: Ids of the notifications that it was told of.
        url: Where it is.
    """

    def __init__(self) -> None:
        self.dead = True
        self.came: dict[bool, list[float]] = {True: [], False: []}
        self.named: set[str] = set()
        self.url = ""
        self._news = asyncio.Event()
        self._runner = web.AppRunner(self._app())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/", self._take)
        return app

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def knows(self, ids: set[str]) -> None:
        """Wait until it was told of all of these."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not ids <= self.named:
                self._news.clear()
                await self._news.wait()

    async def _take(self, request: web.Request) -> web.Response:
        self.came[self.dead].append(time.monotonic())
        if self.dead:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)  # into the void
        data = (await request.json())["data"]
        self.named.update(item["data"]["id"] for item in data.get("items", [{"data": data}]))
        self._news.set()
        return web.Response(status=204)


def measure(*, incidents: int = 300, seconds: float = 40.0) -> list[Row]:
    """Open incidents while the receiver of a webhook is dead, let it come back, and end the calls.

    Args:
        incidents: How many, spread over the outage.
        seconds: How long it lasts.
    """
    with sqlite_url() as url:
        return asyncio.run(_measure(url, incidents, seconds))


async def _measure(url: str, incidents: int, seconds: float) -> list[Row]:
    host = PluginHost()
    host.load("webhook")
    kind = host.notifier_types["webhook"]
    receiver = Receiver()
    await receiver.start()
    settings = kind.config.model_validate({"url": receiver.url, "allow_networks": ["127.0.0.0/8"]})
    on: frozenset[NotifyOn] = frozenset({"alert", "resolved"})
    route = Route(name="webhook", notifier=kind.factory(settings), on=on, rate=RATE, burst=BURST)
    dispatcher = Dispatcher(Store(url), [route], on_delivery=lambda _delivery: None)
    told: set[str] = set()

    def record(entry: Entry) -> None:
        told.update(notification.id for notification in entry.notifications if route.wants(notification))
        dispatcher.record(entry)

    await dispatcher.start()
    guards = []
    try:
        for number, participants in enumerate(_by_call(incidents)):
            detector = ClearDetector()
            guard = new_guard(detector, call_id=f"bench-{number}", record=record)
            guards.append(guard)
            await guard.start()
            await _alert(guard, detector, participants, seconds / incidents)
        at_dead = len(receiver.came[True])
        opened = set(told)
        receiver.dead = False
        back = time.monotonic()
        await receiver.knows(opened)
        until_named = time.monotonic() - back
        for guard in guards:
            await guard.stop()
        await receiver.knows(told)
        missing = len(told - receiver.named)
    finally:
        await dispatcher.close()
        await receiver.close()
    attempts, above = len(receiver.came[False]), _above_rate(receiver.came[False])
    return [
        Row("attempts while it was dead", at_dead, "attempts", ONE_BY_ONE, len(opened), MOST_ATTEMPTS),
        Row("afterwards: attempts", attempts, "attempts", ONE_BY_ONE, len(told)),
        Row("afterwards: attempts above the rate", above, "attempts", ONE_BY_ONE, len(told), 1.0),
        Row("afterwards: until every incident was named", until_named, "s", AT_THE_RATE, _one_by_one(len(opened))),
        Row("notifications never named", missing, "of them", ONE_BY_ONE, len(told), 1.0),
    ]


def _by_call(incidents: int) -> Iterator[list[str]]:
    names = [f"caller-{number}" for number in range(incidents)]
    for first in range(0, incidents, PARTICIPANTS):
        yield names[first : first + PARTICIPANTS]


async def _alert(guard: Guard, detector: ClearDetector, participants: Sequence[str], apart: float) -> None:
    for participant in participants:
        guard.media.expect(participant, Source.CAMERA, participant)
        detector.emit(camera_verdict(Judgement.ALERT, participant, participant=participant))
        await asyncio.sleep(apart)


def _one_by_one(count: int) -> float:
    return max(0, count - BURST) / RATE


def _above_rate(came: Sequence[float]) -> float:
    """By how many attempts any span of time had more than the rate and the burst allow; 0 when none had."""
    excess = 0.0
    for first, began in enumerate(came):
        for last in range(first, len(came)):
            excess = max(excess, last - first + 1 - BURST - RATE * (came[last] - began))
    return excess
