"""How soon after a verdict its alert is on its way: from the detector's answer to the first attempt to deliver it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.databases import LABELS, Kind, Transaction, bare_transaction, fresh_databases
from bench.results import Row
from bench.scene import PARTICIPANT, ClearDetector, camera_verdict, new_guard
from bench.stats import percentile
from deepguard.contracts import Notifier
from deepguard.model import Delivery, Judgement, Notification, Source
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.route import Route
from deepguard.store.store import Store

BASELINE = "one bare transaction"
UNDISTURBED = "nobody hangs"
HEALTHY = "healthy"
TARGETS_MS = {50: 10.0, 99: 50.0}
HANGING_TARGET_MS = 100.0
HANGING_TIMEOUT = 1.0
"""Seconds that an attempt at the hanging destination may take, so that its failures are measured too."""
PAUSE = 0.01
"""Seconds between two verdicts: they do not queue."""
WARM_UPS = 10
LIMIT_SECONDS = 30


class Entered(Notifier):
    """Notes when it is handed something.

    Attributes:
        at: When, on the performance counter.
        entered: Set by it.
    """

    def __init__(self) -> None:
        self.at = 0.0
        self.entered = asyncio.Event()

    async def send(self, notification: Notification) -> None:
        self.at = time.perf_counter()
        self.entered.set()


class Hanging(Notifier):
    """Never answers."""

    async def send(self, notification: Notification) -> None:
        await asyncio.Event().wait()


@dataclass(slots=True)
class Figures:
    """Milliseconds, one figure a verdict.

    Attributes:
        until_sent: From the verdict until the notifier was entered.
        cpu: CPU time of the process, until the delivery had been written down.
        bare: A bare transaction, made after it.
        bare_cpu: CPU time of that.
    """

    until_sent: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)


def measure(*, verdicts: int = 500) -> list[Row]:
    """Emit verdicts that open and resolve an incident in turns, one after the other.

    Args:
        verdicts: How many on each database, and as many beside a destination that hangs.
    """
    rows = []
    with fresh_databases() as urls:
        for kind, url in urls.items():
            rows += _rows(kind, *asyncio.run(_measure(kind, url, verdicts)))
    return rows


async def _measure(kind: Kind, url: str, verdicts: int) -> tuple[Figures, Figures]:
    async def alone(transaction: Transaction | None) -> Figures:
        return await _emit(url, verdicts, transaction)

    async def beside_hanging(transaction: Transaction | None) -> Figures:
        return await _emit(url, verdicts, transaction, _route("hanging", Hanging(), HANGING_TIMEOUT))

    store = Store(url)
    await store.open()  # there is a database from here on
    await store.close()
    async with bare_transaction(kind, url) as transaction:
        return await alone(transaction), await beside_hanging(transaction)


async def _emit(url: str, verdicts: int, transaction: Transaction | None, *others: Route) -> Figures:
    notifier, figures, delivered = Entered(), Figures(), asyncio.Event()

    def told(delivery: Delivery) -> None:
        if delivery.notifier == HEALTHY:
            delivered.set()

    dispatcher = Dispatcher(Store(url), [_route(HEALTHY, notifier), *others], on_delivery=told)
    detector = ClearDetector()
    guard = new_guard(detector, record=dispatcher.record)
    await dispatcher.start()
    await guard.start()
    guard.media.expect(PARTICIPANT, Source.CAMERA, "track")
    for number in range(-WARM_UPS, verdicts):
        await asyncio.sleep(PAUSE)
        notifier.entered.clear()
        delivered.clear()
        with _timed() as took:
            detector.emit(camera_verdict(Judgement.CLEAR if number % 2 else Judgement.ALERT))
            async with asyncio.timeout(LIMIT_SECONDS):
                await notifier.entered.wait()
                await delivered.wait()
        with _timed() as bare:
            if transaction is not None:
                await transaction()
        if number >= 0:
            figures.until_sent.append((notifier.at - took.began) * 1000)
            figures.cpu.append(took.cpu)
            figures.bare.append(bare.passed)
            figures.bare_cpu.append(bare.cpu)
    await guard.stop()
    await dispatcher.close()
    return figures


@dataclass(slots=True)
class _Took:
    """What something took; ``began`` on the performance counter, the others in milliseconds."""

    began: float
    passed: float = 0.0
    cpu: float = 0.0


@contextmanager
def _timed() -> Iterator[_Took]:
    cpu, took = time.process_time(), _Took(time.perf_counter())
    yield took
    took.passed = (time.perf_counter() - took.began) * 1000
    took.cpu = (time.process_time() - cpu) * 1000


def _route(name: str, notifier: Notifier, timeout: float = 10.0) -> Route:
    return Route(name=name, notifier=notifier, timeout=timeout, rate=1000.0, burst=1000)


def _rows(kind: Kind, alone: Figures, beside: Figures) -> list[Row]:
    what = f"{LABELS[kind]}:"
    rows = [
        _row(f"{what} verdict to attempt", percent, alone.until_sent, BASELINE, alone.bare, target)
        for percent, target in TARGETS_MS.items()
    ]
    beside_what = f"{what} beside one that hangs"
    return [
        *rows,
        _row(f"{what} CPU until delivered", 50, alone.cpu, BASELINE, alone.bare_cpu),
        _row(beside_what, 50, beside.until_sent, UNDISTURBED, alone.until_sent),
        _row(beside_what, 99, beside.until_sent, UNDISTURBED, alone.until_sent, HANGING_TARGET_MS),
    ]


def _row(
    what: str, percent: int, figures: list[float], baseline: str, baselines: list[float], target: float | None = None
) -> Row:
    return Row(
        f"{what}, p{percent}", percentile(figures, percent), "ms", baseline, percentile(baselines, percent), target
    )
