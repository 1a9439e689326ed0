"""The program that is killed: guards whose calls go wrong all the time, and the webhook notifier that tells of it.

Started as ``python -m bench.crash.child SETTINGS``, with ``Settings`` as JSON. It says on standard output what it does,
one JSON object a line, and is told on standard input what to do, one word a line: ``go`` lets it begin, ``quiet`` lets
its calls go well, ``loud`` lets them go wrong again. It ends when that is closed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from loguru import logger

from bench.scene import ClearDetector, new_guard
from deepguard.guard.guard import Guard
from deepguard.model import Judgement, Source, Verdict
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry
from deepguard.store.store import Store

HOST_HEADER = "X-Host"
CALLS = 3
PARTICIPANTS = ("caller", "guest <!channel> ☂", "agent-7")
SOURCES = (Source.CAMERA, Source.MICROPHONE)
WEIGHTS = {Judgement.ALERT: 45, Judgement.SUSPICIOUS: 20, Judgement.CLEAR: 35}
CALL_ENDS = 0.02
"""How likely something that happens is the end of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a child is to do.

    Attributes:
        name: Which child; each request to the receiver says it.
        url: ``store.url``.
        receivers: The notifiers: the receiver's address and ``digest_after`` of each.
        timeout: Seconds that an attempt may take.
        seed: Of what happens in its calls.
        pace: How much happens a second, on average.
        most_waiting: When so much waits for a notifier, nothing happens until less does.
    """

    name: str
    url: str
    receivers: Mapping[str, tuple[str, int]]
    timeout: float
    seed: int
    pace: float
    most_waiting: int

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


class Child:
    """Calls, and who is told of them."""

    def __init__(self, settings: Settings) -> None:
        """Build everything; nothing is opened yet."""
        self._settings = settings
        self._random = random.Random(settings.seed)
        self._happening = asyncio.Event()
        self._happening.set()
        self._dispatcher = Dispatcher(Store(settings.url), self._routes(), on_delivery=lambda _delivery: None)
        self._calls: list[tuple[Guard, ClearDetector]] = []
        self._begun = 0

    def _routes(self) -> list[Route]:
        host = PluginHost()
        host.load("webhook")
        kind = host.notifier_types["webhook"]
        routes = []
        for name, (url, digest_after) in self._settings.receivers.items():
            config = {"url": url, "allow_networks": ["127.0.0.0/8"], "headers": {HOST_HEADER: self._settings.name}}
            routes.append(
                Route(
                    name=name,
                    notifier=kind.factory(kind.config.model_validate(config)),
                    timeout=self._settings.timeout,
                    rate=1000.0,
                    burst=1000,
                    digest_after=digest_after,
                )
            )
        return routes

    async def run(self) -> None:
        """Do what is asked, until the end."""
        words = await _standard_input()
        say(warm=True)
        while (word := await _word(words)) != "go":
            if not word:
                return
            self._obey(word)
        await self._dispatcher.start()
        say(ready=self._dispatcher.process_id)
        for _ in range(CALLS):
            await self._begin()
        happening = asyncio.create_task(self._go_on())
        try:
            while word := await _word(words):
                self._obey(word)
        finally:
            happening.cancel()
            await asyncio.wait({happening})
            for guard, _ in self._calls:
                await guard.stop()
            await self._dispatcher.close()
            say(ended=True)

    def _obey(self, word: str) -> None:
        if word == "quiet":
            self._happening.clear()
        else:
            self._happening.set()

    async def _begin(self) -> None:
        self._begun += 1
        detector = ClearDetector()
        guard = new_guard(detector, call_id=f"{self._settings.name}-{self._begun}", record=self._record)
        await guard.start()
        for participant in PARTICIPANTS:
            for source in SOURCES:
                guard.media.expect(participant, source, f"{participant} {source}")
        self._calls.append((guard, detector))

    def _record(self, entry: Entry) -> None:
        self._dispatcher.record(entry)
        if entry.notifications:
            say(told=[notification.id for notification in entry.notifications])

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(self._settings.pace))
            await self._happening.wait()
            if self._waiting() >= self._settings.most_waiting:
                continue
            if self._random.random() < CALL_ENDS:
                guard, _ = self._calls.pop(self._random.randrange(len(self._calls)))
                await guard.stop()
                await self._begin()
                continue
            _, detector = self._random.choice(self._calls)
            detector.emit(self._verdict())

    def _waiting(self) -> int:
        return max((backlog.waiting for backlog in self._dispatcher.backlogs.values()), default=0)

    def _verdict(self) -> Verdict:
        participant, source = self._random.choice(PARTICIPANTS), self._random.choice(SOURCES)
        (judgement,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return Verdict(participant, f"{participant} {source}", source, judgement, time.time(), detector="bench")


def say(**what: object) -> None:
    """Tell whoever started this."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


async def _word(words: asyncio.StreamReader) -> str:
    """The next word; empty at the end."""
    return (await words.readline()).decode().strip()


if __name__ == "__main__":
    logger.remove()
    logger.add(
        sys.stderr, level="INFO", format="{time:HH:mm:ss.SSS} {level} {message}", backtrace=False, diagnose=False
    )
    asyncio.run(Child(Settings(**json.loads(sys.argv[1]))).run())
