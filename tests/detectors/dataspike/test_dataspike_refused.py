"""The client against a service that does not want it: never hammered, and always told."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator

import pytest
from loguru import logger

from deepguard.detectors.dataspike.backoff import Backoff
from deepguard.detectors.dataspike.circuit import circuit_for
from deepguard.detectors.dataspike.client import DataspikeDetector
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.model import HealthState, SampleOutcome
from support.dataspike_peer import (
    API_KEY,
    CALL,
    Events,
    Peer,
    Script,
    Session,
    answering,
    closing,
    configure,
    make_sample,
    opened,
    session,
    status,
)


@pytest.fixture
def logs() -> Iterator[list[str]]:
    """Everything that is logged, at every level."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level=0, backtrace=True, diagnose=True)
    yield lines
    logger.remove(sink)


def may_connect_in(config: DataspikeConfig) -> float:
    """Seconds that a new client of this process would have to wait before it connects."""
    now = time.monotonic()
    return circuit_for(config.url, config.api_key.get_secret_value(), config.probe_after, now).admit(object(), now)


async def closed(detector: DataspikeDetector, events: Events) -> None:
    await detector.close()
    await events.rest()


REFUSALS = [
    status(401),
    status(402),
    status(403),
    closing(4401),
    closing(4403, f"bad key {API_KEY}"),
    closing(1008),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_key_is_not_tried_again_not_even_by_the_next_call(refusal: Script, logs: list[str]):
    async with Peer(refusal, answering) as peer:
        config = configure(peer.url)
        detector = DataspikeDetector(config)
        events = Events(detector)
        early = make_sample()
        detector.submit(early)
        await detector.open(CALL)
        refused = await events.health(HealthState.REFUSED)
        late = make_sample()
        detector.submit(late)
        await events.ended(late)

        following, more = await opened(config)
        also_refused = await more.health(HealthState.REFUSED)
        await closed(following, more)
        await closed(detector, events)

        assert len(peer.handshakes) == 1
        assert 290 < may_connect_in(config) <= 300, "remembered after both have gone"

    assert "DATASPIKE_API_KEY" in refused.detail
    assert "5 minutes" in refused.detail
    assert also_refused == refused
    assert {name: len(ends) for name, ends in events.outcomes().items()} == {early.id: 1, late.id: 1}
    assert events.outcomes()[late.id] == [SampleOutcome.DROPPED]
    assert API_KEY not in f"{logs} {events.seen} {more.seen} {detector!r} {config!r}"


async def test_another_key_is_not_punished():
    async with Peer(status(401), answering) as peer:
        detector, events = await opened(configure(peer.url))
        await events.health(HealthState.REFUSED)
        other, more = await opened(configure(peer.url, api_key="another"))
        await more.health(HealthState.UP)
        await closed(other, more)
        await closed(detector, events)

    assert peer.handshakes[1]["Authorization"] == "Bearer another"


async def test_a_refused_key_is_tried_once_more_after_a_while_and_then_everybody_comes_back():
    async with Peer(status(401), status(500), closing(4401), answering) as peer:
        # The last probe is proven by lasting: there is nothing to judge.
        config = configure(peer.url, stable_after=0.3).model_copy(update={"probe_after": 0.1})
        clients = [await opened(config)]
        await clients[0][1].health(HealthState.REFUSED)
        clients += [await opened(config), await opened(config)]
        for _, events in clients:
            await events.health(HealthState.UP)
        for detector, events in clients:
            await closed(detector, events)

        assert len(peer.handshakes) == 3 + 3, "one refusal, two probes in vain, one that worked, and then the others"


async def test_a_probe_shows_as_refused_until_the_service_has_said_something():
    proven = asyncio.Event()

    @session
    async def slow(peer: Session) -> None:
        frame = await peer.frame()
        await proven.wait()
        await peer.answer(frame)
        await peer.closed()

    async with Peer(status(403), slow) as peer:
        config = configure(peer.url).model_copy(update={"probe_after": 0.05})
        detector, events = await opened(config)
        await events.health(HealthState.REFUSED)
        trying = await events.health(HealthState.CONNECTING)
        sample = make_sample()
        detector.submit(sample)
        assert may_connect_in(config) == math.inf, "nobody else before the probe is answered"
        proven.set()
        ended = await events.ended(sample)
        assert may_connect_in(config) == 0
        await closed(detector, events)

    assert "once more" in trying.detail
    assert ended.outcome is SampleOutcome.JUDGED
    assert detector.health.state is HealthState.UP


async def test_a_call_that_ends_during_its_probe_leaves_the_turn_to_others():
    @session
    async def silent(peer: Session) -> None:
        await peer.closed()

    async with Peer(status(403), silent) as peer:
        config = configure(peer.url).model_copy(update={"probe_after": 0.05})
        probing, events = await opened(config)
        await events.health(HealthState.REFUSED)
        await events.health(HealthState.CONNECTING)
        waiting, more = await opened(config)
        await more.health(HealthState.REFUSED)
        await probing.close()
        await more.health(HealthState.CONNECTING)
        await waiting.close()
        await events.rest()
        await more.rest()

    assert (probing.counters.connects, waiting.counters.connects) == (1, 1)


async def test_a_key_revoked_during_a_call_is_not_forgiven_for_the_calls_that_go_on():
    @session
    async def lively(peer: Session) -> None:
        while True:
            await peer.answer(await peer.frame())

    async with Peer(lively, status(401), answering) as peer:
        config = configure(peer.url)
        detector, events = await opened(config)
        await events.health(HealthState.UP)
        other, more = await opened(config)
        await more.health(HealthState.REFUSED)
        sample = make_sample()
        detector.submit(sample)
        await events.ended(sample)

        assert may_connect_in(config) > 290, "the old connection proves nothing"
        assert detector.health.state is HealthState.UP
        await closed(other, more)
        await closed(detector, events)
        assert len(peer.handshakes) == 2


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_is_honoured_by_the_whole_process(code: int):
    async with Peer(status(code, {"Retry-After": "60"}), answering) as peer:
        config = configure(peer.url)
        detector, events = await opened(config)
        down = await events.health(HealthState.DOWN)
        other, more = await opened(config)
        also_down = await more.health(HealthState.DOWN)

        assert 50 < may_connect_in(config) <= 60
        await closed(other, more)
        await closed(detector, events)
        assert len(peer.handshakes) == 1

    assert f"HTTP {code}" in down.detail
    assert "wait" in also_down.detail


async def test_retry_after_is_capped():
    async with Peer(status(429, {"Retry-After": "86400"}), answering) as peer:
        config = configure(peer.url, retry_after_cap=40)
        detector, events = await opened(config)
        await events.health(HealthState.DOWN)

        assert 30 < may_connect_in(config) <= 40
        await closed(detector, events)


async def test_after_a_short_pause_the_client_is_back():
    async with Peer(status(503, {"Retry-After": "0"}), answering) as peer:
        detector, events = await opened(configure(peer.url))
        sample = make_sample()
        detector.submit(sample)
        ended = await events.ended(sample)
        await closed(detector, events)

    assert ended.outcome is SampleOutcome.JUDGED


@pytest.mark.parametrize("busy", [closing(1013), status(429), status(503, {"Retry-After": "soon"})])
async def test_a_busy_service_is_given_at_least_half_of_the_longest_wait(busy: Script):
    ranges: list[tuple[float, float]] = []

    def record(low: float, high: float) -> float:
        ranges.append((low, high))
        return 0.0

    async with Peer(busy, answering) as peer:
        detector = DataspikeDetector(configure(peer.url), backoff=Backoff(1, 30, record))
        events = Events(detector)
        await detector.open(CALL)
        await events.health(HealthState.DOWN)
        await events.health(HealthState.UP)
        await closed(detector, events)

    assert ranges == [(15, 30)]


async def test_nothing_about_the_key_is_logged_whatever_goes_wrong(logs: list[str]):
    class Broken(Backoff):
        def wait(self, *, busy: bool = False) -> float:
            raise RuntimeError(f"a mistake that knows {API_KEY}")

    async with Peer(status(500)) as peer:
        detector = DataspikeDetector(configure(peer.url), backoff=Broken(1, 1))
        events = Events(detector)
        sample = make_sample()
        detector.submit(sample)
        await detector.open(CALL)
        await events.until(lambda event: "unexpected RuntimeError" in getattr(event, "detail", ""))
        await closed(detector, events)

    assert detector.health.state is HealthState.DOWN
    assert events.outcomes() == {sample.id: [SampleOutcome.DROPPED]}
    assert any("unexpected RuntimeError" in line for line in logs)
    assert API_KEY not in f"{logs} {events.seen}"
