"""The client against a network and a service that do not behave."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from deepguard.detectors.dataspike.backoff import Backoff
from deepguard.detectors.dataspike.client import DataspikeDetector
from deepguard.detectors.dataspike.exchange import GARBAGE_IN_A_ROW, NOISE_BURST
from deepguard.detectors.dataspike.window import UNSOLICITED_BURST
from deepguard.model import HealthState, Judgement, SampleOutcome
from support.dataspike_peer import (
    CALL,
    TIME_LIMIT,
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
from support.vendor_schema import FrameRequest, Type


@session
async def deaf(peer: Session) -> None:
    """Never read anything, pings neither: what a stopped process does."""
    peer.stop_reading()
    await asyncio.Event().wait()


@session
async def mute(peer: Session) -> None:
    """Read everything and answer pings, but judge nothing."""
    await peer.closed()


@session
async def resetting(peer: Session) -> None:
    """Take one frame and cut the connection."""
    await peer.frame()
    peer.reset()


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def only_the_peer_holds_on(peer: Peer, files: int) -> None:
    """Wait until there are no more files than before ``peer`` was there and its own ends of the connections."""
    async with asyncio.timeout(TIME_LIMIT):
        while open_files() > files + len(peer.handshakes):  # noqa: ASYNC110 - nobody tells when a file is closed
            await asyncio.sleep(0)


async def test_a_sample_in_flight_survives_a_reset():
    async with Peer(resetting, resetting, answering) as peer:
        detector, events = await opened(configure(peer.url))
        sample = make_sample()
        detector.submit(sample)
        ended = await events.ended(sample)
        await detector.close()
        await events.rest()

    assert ended.outcome is SampleOutcome.JUDGED
    assert len(peer.handshakes) == 3
    assert events.outcomes() == {sample.id: [SampleOutcome.JUDGED]}
    counters = detector.counters
    assert (counters.submitted, counters.sent, counters.judged) == (1, 3, 1)
    assert (counters.connects, counters.failures) == (3, 2)


async def test_a_reset_is_told_and_so_is_the_return():
    async with Peer(resetting, answering) as peer:
        detector, events = await opened(configure(peer.url))
        await events.health(HealthState.UP)
        detector.submit(make_sample())
        down = await events.health(HealthState.DOWN)
        await events.health(HealthState.UP)
        await detector.close()

    assert "lost" in down.detail


async def test_a_sample_too_old_for_a_second_try_expires():
    async with Peer(resetting, mute) as peer:
        detector, events = await opened(configure(peer.url, answer_timeout=0.3))
        sample = make_sample()
        detector.submit(sample)
        ended = await events.ended(sample)
        await detector.close()

    assert ended.outcome is SampleOutcome.EXPIRED
    assert "0.3 s" in ended.reason


async def test_without_a_service_samples_are_dropped_and_the_newest_kept():
    async with Peer(answering) as peer:
        pass  # Nobody listens on this port any more.
    detector, events = await opened(configure(peer.url, window=2, answer_timeout=0.3))
    down = await events.health(HealthState.DOWN)
    samples = [make_sample() for _ in range(5)]
    for sample in samples:
        detector.submit(sample)
    last = await events.ended(samples[-1])
    await detector.close()
    await events.rest()

    assert "cannot connect" in down.detail
    assert events.outcomes() == {sample.id: [SampleOutcome.DROPPED] for sample in samples}
    assert "not sent" in last.reason
    assert detector.counters.dropped == 5


async def test_a_service_that_comes_back_gets_what_is_still_fresh():
    async with Peer(status(500), status(502), answering) as peer:
        detector, events = await opened(configure(peer.url))
        await events.health(HealthState.DOWN)
        sample = make_sample()
        detector.submit(sample)
        ended = await events.ended(sample)
        await detector.close()

    assert ended.outcome is SampleOutcome.JUDGED
    assert detector.counters.failures == 2


@pytest.mark.parametrize(("code", "word"), [(200, "HTTP 200"), (404, "url"), (500, "HTTP 500")])
async def test_what_is_no_websocket_says_so(code: int, word: str):
    async with Peer(status(code)) as peer:
        detector, events = await opened(configure(peer.url))
        down = await events.health(HealthState.DOWN)
        await detector.close()

    assert word in down.detail


async def test_a_handshake_that_never_ends_is_given_up():
    connected = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        detector, events = await opened(configure(f"ws://127.0.0.1:{port}/", connect_timeout=0.1))
        down = await events.health(HealthState.DOWN)
        await detector.close()

    assert connected.is_set()
    assert "within 0.1 s" in down.detail


async def test_a_peer_that_answers_no_ping_is_left():
    async with Peer(deaf, answering) as peer:
        detector, events = await opened(configure(peer.url, heartbeat=0.1))
        await events.health(HealthState.UP)
        down = await events.health(HealthState.DOWN)
        await events.health(HealthState.UP)
        await detector.close()

    assert "ping" in down.detail


async def test_a_peer_that_answers_pings_but_judges_nothing_is_left():
    async with Peer(mute, answering) as peer:
        detector, events = await opened(configure(peer.url, answer_timeout=0.2, heartbeat=0.05))
        lost, found = make_sample(), make_sample()
        detector.submit(lost)
        down = await events.health(HealthState.DOWN)
        await events.health(HealthState.UP)
        detector.submit(found)
        ended = await events.ended(found)
        await detector.close()

    assert "nothing was answered for 0.2 s" in down.detail
    assert events.outcomes()[lost.id] == [SampleOutcome.EXPIRED]
    assert ended.outcome is SampleOutcome.JUDGED


async def test_an_idle_connection_is_not_taken_for_a_silent_one():
    async with Peer(answering) as peer, Peer(mute) as silent:
        idle, events = await opened(configure(peer.url, answer_timeout=0.2))
        first = make_sample()
        idle.submit(first)
        await events.ended(first)
        # By the time that this one's silence is noticed, the idle one's would have been.
        other, more = await opened(configure(silent.url, answer_timeout=0.2))
        other.submit(make_sample())
        await more.health(HealthState.DOWN)
        second = make_sample()
        idle.submit(second)
        await events.ended(second)
        await other.close()
        await idle.close()

    assert idle.counters.failures == 0
    assert idle.counters.judged == 2


async def test_a_peer_that_stops_reading_is_left_and_its_socket_let_go():
    async with Peer(deaf, deaf, answering) as peer:
        files = open_files()
        # No heartbeat comes to the rescue; the samples are larger than every buffer on the way.
        detector, events = await opened(configure(peer.url, send_timeout=0.2, close_timeout=0.1, heartbeat=300))
        big = make_sample(data=bytes(24_000_000))
        await events.health(HealthState.UP)
        detector.submit(big)
        down = await events.health(HealthState.DOWN)
        ended = await events.ended(big)
        await detector.close()
        await only_the_peer_holds_on(peer, files)

    assert "took nothing for 0.2 s" in down.detail
    assert ended.outcome is SampleOutcome.JUDGED
    # The answer may come before the sending task has seen that it is done.
    assert detector.counters.sent <= 1, "a message that was cut off does not count"


async def test_a_peer_that_stops_reading_and_floods_with_pings_is_left():
    @session
    async def pinging(peer: Session) -> None:
        peer.stop_reading()
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.ws.ping(bytes(125))

    async with Peer(pinging, answering) as peer:
        detector, events = await opened(configure(peer.url, send_timeout=0.3, close_timeout=0.1))
        big = make_sample(data=bytes(12_000_000))
        await events.health(HealthState.UP)
        detector.submit(big)
        down = await events.health(HealthState.DOWN)
        ended = await events.ended(big)
        await detector.close()

    assert "took nothing" in down.detail or "takes nothing" in down.detail
    assert ended.outcome is SampleOutcome.JUDGED


async def test_closing_a_stalled_connection_is_quick_and_lets_its_socket_go():
    async with Peer(deaf) as peer:
        files = open_files()
        detector, events = await opened(configure(peer.url, send_timeout=60, drain_timeout=0.05, close_timeout=0.05))
        await events.health(HealthState.UP)
        big = make_sample(data=bytes(24_000_000))
        detector.submit(big)
        await asyncio.wait_for(detector.close(), TIME_LIMIT)
        await events.rest()
        await only_the_peer_holds_on(peer, files)

    assert events.outcomes() == {big.id: [SampleOutcome.DROPPED]}


async def test_an_answer_that_comes_too_late_is_a_verdict_without_a_sample():
    @session
    async def slow(peer: Session) -> None:
        first = await peer.frame()
        async for message in peer.ws:
            frame = FrameRequest().parse(message.data)
            if frame.track_id == "camera-3":
                await peer.answer(first, Type.ALERT)
            else:
                await peer.answer(frame)

    async with Peer(slow) as peer:
        detector, events = await opened(configure(peer.url, answer_timeout=1))
        late = make_sample()
        detector.submit(late)
        while late.id not in events.outcomes():
            # Of another track, and answered: the connection is not silent.
            other = make_sample(track="camera-2")
            detector.submit(other)
            await events.ended(other)
        detector.submit(make_sample(track="camera-3"))
        await events.until(lambda event: getattr(event, "judgement", None) is Judgement.ALERT)
        await detector.close()

    assert events.outcomes()[late.id] == [SampleOutcome.EXPIRED]
    verdict = events.verdicts()[-1]
    assert (verdict.sample_id, verdict.track_id) == (None, "camera-1")
    assert detector.counters.unsolicited == 1
    assert detector.counters.failures == 0


@pytest.mark.parametrize("text", [True, False])
async def test_a_little_garbage_is_counted_and_passed_over(text: bool):
    @session
    async def judge(peer: Session) -> None:
        for _ in range(3):
            frame = await peer.frame()
            for _ in range(GARBAGE_IN_A_ROW - 1):
                await (peer.ws.send_str("hello") if text else peer.ws.send_bytes(b"\xff\xff\xff"))
            await peer.answer(frame)
        await peer.closed()

    async with Peer(judge) as peer:
        detector, events = await opened(configure(peer.url))
        for _ in range(3):
            sample = make_sample()
            detector.submit(sample)
            await events.ended(sample)
        await detector.close()

    assert detector.counters.garbage == 3 * (GARBAGE_IN_A_ROW - 1)
    assert detector.counters.failures == 0


async def test_nothing_but_garbage_ends_the_connection():
    @session
    async def babble(peer: Session) -> None:
        for _ in range(GARBAGE_IN_A_ROW):
            await peer.ws.send_bytes(b"\xff\xff\xff")
        await peer.closed()

    async with Peer(babble, answering) as peer:
        detector, events = await opened(configure(peer.url))
        down = await events.health(HealthState.DOWN)
        sample = make_sample()
        detector.submit(sample)
        await events.ended(sample)
        await detector.close()

    assert "in a row" in down.detail
    assert detector.counters.garbage == GARBAGE_IN_A_ROW


async def test_a_message_that_is_too_big_ends_the_connection():
    @session
    async def shout(peer: Session) -> None:
        await peer.result("p1", "camera-1", Type.ALERT, "x" * 100_000)
        await peer.closed()

    async with Peer(shout, answering) as peer:
        detector, events = await opened(configure(peer.url))
        down = await events.health(HealthState.DOWN)
        await events.health(HealthState.UP)
        await detector.close()

    assert "64 KiB" in down.detail
    assert detector.counters.garbage == 1


@pytest.mark.parametrize("track", ["camera-1", "a track that never was"])
async def test_a_flood_of_verdicts_is_cut_off(track: str):
    @session
    async def flood(peer: Session) -> None:
        await peer.answer(await peer.frame())
        with contextlib.suppress(ConnectionError):
            for _ in range(4 * NOISE_BURST):
                await peer.result("p1", track, Type.ALERT)
            await peer.closed()

    async with Peer(flood, answering) as peer:
        detector, events = await opened(configure(peer.url))
        sample = make_sample()
        detector.submit(sample)
        down = await events.health(HealthState.DOWN)
        again = make_sample()
        detector.submit(again)
        await events.ended(again)
        await detector.close()
        await events.rest()

    assert "floods" in down.detail
    assert events.outcomes()[again.id] == [SampleOutcome.JUDGED]
    # What a slow machine takes in during one more second is allowed one more verdict.
    assert len(events.verdicts()) <= 2 + UNSOLICITED_BURST + 5
    assert detector.counters.ignored >= NOISE_BURST


@pytest.mark.parametrize("script", [closing(1000), closing(1011, "oops\x1b[31m"), closing(1001)])
async def test_a_peer_that_closes_at_once_is_met_with_growing_waits(script: Script):
    ceilings: list[float] = []

    def record(low: float, high: float) -> float:
        ceilings.append(high)
        return low

    async with Peer(script, script, script, script, answering) as peer:
        detector = DataspikeDetector(configure(peer.url), backoff=Backoff(1, 6, record))
        events = Events(detector)
        await detector.open(CALL)
        down = await events.health(HealthState.DOWN)
        sample = make_sample()
        detector.submit(sample)
        await events.ended(sample)
        await detector.close()

    assert "closed the connection with code" in down.detail
    assert down.detail.isprintable()
    assert ceilings == [1, 2, 4, 6]


async def test_waits_start_small_again_after_a_stable_connection():
    ceilings: list[float] = []

    def record(low: float, high: float) -> float:
        ceilings.append(high)
        return low

    async with Peer(status(500), status(500), closing(1001), status(500), answering) as peer:
        # Any connection at all counts as stable.
        detector = DataspikeDetector(configure(peer.url, stable_after=1e-9), backoff=Backoff(1, 60, record))
        events = Events(detector)
        await detector.open(CALL)
        sample = make_sample()
        detector.submit(sample)
        await events.ended(sample)
        await detector.close()

    assert ceilings == [1, 2, 1, 2]


async def test_a_session_that_its_owner_closed_is_an_outage():
    http = aiohttp.ClientSession()
    await http.close()
    async with Peer(answering) as peer:
        detector = DataspikeDetector(configure(peer.url), http)
        events = Events(detector)
        await detector.open(CALL)
        down = await events.health(HealthState.DOWN)
        await detector.close()

    assert "session" in down.detail


async def test_a_redirect_does_not_carry_the_key_elsewhere():
    async with Peer(answering) as other:

        async def elsewhere(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"http://127.0.0.1:{other.port}/stream")

        async with Peer(elsewhere) as peer:
            detector, events = await opened(configure(peer.url))
            await events.until(lambda event: bool(other.handshakes) or bool(detector.counters.failures))
            await detector.close()

    assert all("Authorization" not in headers for headers in other.handshakes)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_each_sample_ends_once(seed: int):
    chance = random.Random(seed)

    @session
    async def unreliable(peer: Session) -> None:
        while True:
            frame = await peer.frame()
            match chance.randrange(8):
                case 0:
                    peer.reset()
                    return
                case 1:
                    await peer.ws.close(code=1011)
                    return
                case 2:
                    await peer.ws.send_bytes(b"\xff")
                case 3:
                    await peer.result(frame.participant_id, "another track")
                case 4:
                    await peer.answer(frame)
                    await peer.answer(frame)
                case _:
                    await peer.answer(frame)

    async with Peer(unreliable) as peer:
        detector, events = await opened(configure(peer.url, window=4, answer_timeout=0.3))
        samples = [make_sample(track=f"camera-{n % 3}") for n in range(90)]
        for sample in samples:
            detector.submit(sample)
            await asyncio.sleep(chance.choice([0, 0, 0.005]))
        await asyncio.wait_for(detector.close(), TIME_LIMIT)
        await events.rest()

    outcomes = events.outcomes()
    assert set(outcomes) == {sample.id for sample in samples}
    assert all(len(ends) == 1 for ends in outcomes.values())
    counters = detector.counters
    assert counters.submitted == counters.judged + counters.expired + counters.dropped == 90
    assert counters.judged == sum(ends == [SampleOutcome.JUDGED] for ends in outcomes.values())
    answered = [verdict.sample_id for verdict in events.verdicts() if verdict.sample_id]
    assert sorted(answered) == sorted(name for name, ends in outcomes.items() if ends == [SampleOutcome.JUDGED])
