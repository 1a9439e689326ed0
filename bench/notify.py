"""How long it takes from a verdict to its line in the log."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from bench.results import Row
from bench.scene import PARTICIPANT, ClearDetector, camera_verdict, new_guard
from bench.stats import percentile
from deepguard.contracts import Notifier
from deepguard.model import Judgement, Notification, Source, Verdict
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.plugins import PluginHost

BASELINE = "send by itself"
TARGET_MS = 10.0
LINE_SECONDS = 30


class LogLine:
    """When the last line was written."""

    def __init__(self) -> None:
        self._written = asyncio.Event()
        self._at = 0.0

    def note(self) -> None:
        self._at = time.perf_counter()
        self._written.set()

    async def milliseconds_after(self, action: Awaitable[None]) -> float:
        """Await ``action``, and then the line that follows from it."""
        self._written.clear()
        began = time.perf_counter()
        await action
        async with asyncio.timeout(LINE_SECONDS):
            await self._written.wait()
        return (self._at - began) * 1000


def measure(*, verdicts: int = 2000) -> list[Row]:
    """Emit verdicts that open and resolve an incident in turns, and wait for each one's line in the log.

    Args:
        verdicts: How many.
    """
    return asyncio.run(_measure(verdicts))


async def _measure(verdicts: int) -> list[Row]:
    host = PluginHost()
    told: list[Notification] = []
    dispatcher = Dispatcher(
        [Route("log", _log_notifier(host), frozenset({"alert", "resolved"}), timeout=10.0)],
        on_delivery=lambda _delivery: None,
        should_notify=lambda notification, notifier: host.first(
            "deepguard_should_notify", notification=notification, notifier=notifier
        ),
    )

    def notify(notification: Notification) -> None:
        told.append(notification)
        dispatcher.notify(notification)

    async def emit(verdict: Verdict) -> None:
        detector.emit(verdict)

    detector = ClearDetector()
    guard = new_guard(detector, hooks=host, notify=notify)
    direct = _log_notifier(host)
    await dispatcher.start()
    await guard.start()
    guard.media.expect(PARTICIPANT, Source.CAMERA, "track")
    through: list[float] = []
    directly: list[float] = []
    with _log_lines() as line:
        for number in range(verdicts):
            judgement = Judgement.CLEAR if number % 2 else Judgement.ALERT
            through.append(await line.milliseconds_after(emit(camera_verdict(judgement))))
            directly.append(await line.milliseconds_after(direct.send(told[-1])))
        await dispatcher.close()
    await guard.stop()
    return [
        Row(
            f"verdict to log line, p{percent}",
            percentile(through, percent),
            "ms",
            BASELINE,
            percentile(directly, percent),
            TARGET_MS if percent == 99 else None,
        )
        for percent in (50, 99)
    ]


def _log_notifier(host: PluginHost) -> Notifier:
    host.load("log")
    kind = host.notifier_types["log"]
    return kind.factory(kind.config())


@contextmanager
def _log_lines() -> Iterator[LogLine]:
    line = LogLine()
    with Path(os.devnull).open("w") as sink:

        def write(message: str) -> None:
            sink.write(message)
            sink.flush()
            line.note()

        added = logger.add(write, format="{time} {level} {message}", filter="deepguard_log")
        try:
            yield line
        finally:
            logger.remove(added)
