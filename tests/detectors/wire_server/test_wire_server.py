"""Any detector over the wire: the real client on one side, and callers without manners on it too."""

from __future__ import annotations

import asyncio
import dataclasses
import socket

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from pydantic import SecretStr

from deepguard.detectors.wire_server import connection as wire_connection
from deepguard.detectors.wire_server.connection import MAX_PENDING, MAX_TRACKS, result_of
from deepguard.model import BlindReason, HealthState, Judgement, SampleFormat, SampleOutcome, Source, Verdict
from support.dataspike_peer import API_KEY, TIME_LIMIT, configure, make_sample, opened
from support.vendor_schema import Format, FrameRequest, ResultEvent, Type
from support.word_detector import WordConfig, WordDetector, raw, served


async def close_code(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    """Read until the server closes."""
    async with asyncio.timeout(TIME_LIMIT):
        async for _ in ws:
            pass
    return ws.close_code


async def answer(ws: aiohttp.ClientWebSocketResponse) -> ResultEvent:
    message = await ws.receive(TIME_LIMIT)
    assert message.type is WSMsgType.BINARY, message
    return ResultEvent().parse(message.data)


def frame(word: str, track: str = "camera-1", number: int = Format.JPEG) -> bytes:
    return bytes(FrameRequest("p1", track, 1_700_000_000_000, number, word.encode()))  # type: ignore[arg-type]


async def test_the_real_client_gets_every_kind_of_verdict():
    async with served() as server:
        detector, events = await opened(configure(server.url))
        for judgement in Judgement:
            sample = make_sample(data=judgement.encode())
            detector.submit(sample)
            ended = await events.ended(sample)
            verdict = events.verdicts()[-1]

            assert ended.outcome is SampleOutcome.JUDGED
            assert (verdict.judgement, verdict.message) == (judgement, f"it says {judgement}")
            assert (verdict.sample_id, verdict.captured_at) == (sample.id, sample.captured_at)
        await detector.close()
        await events.rest()

    assert detector.counters.judged == len(Judgement)
    assert detector.counters.failures == 0


async def test_the_detector_sees_what_was_sampled():
    async with served() as server:
        detector, events = await opened(configure(server.url))
        sent = [
            make_sample(data=b"clear", format=SampleFormat.WEBP),
            make_sample("p2", "microphone-1", Source.MICROPHONE, data=b"clear", captured_at=1_700_000_001.5),
        ]
        for sample in sent:
            detector.submit(sample)
        await events.ended(sent[-1])
        await detector.close()

    (judge,) = server.detectors
    seen = judge.samples
    assert judge.call is not None
    assert {sample.call_id for sample in seen} == {judge.call.id}
    assert len({sample.id for sample in seen}) == 2
    same = ("participant_id", "track_id", "source", "format", "data", "captured_at")
    for before, after in zip(sent, seen, strict=True):
        assert {name: getattr(before, name) for name in same} == {name: getattr(after, name) for name in same}


async def test_each_connection_has_a_detector_of_its_own_which_is_closed_with_it():
    async with served() as server:
        first, events = await opened(configure(server.url))
        second, more = await opened(configure(server.url))
        await events.health(HealthState.UP)
        await more.health(HealthState.UP)
        await first.close()
        sample = make_sample(data=b"alert")
        second.submit(sample)
        await more.ended(sample)
        await second.close()

    assert len(server.detectors) == 2
    assert {detector.call.id for detector in server.detectors if detector.call} == {"wire-1", "wire-2"}
    assert all(detector.closed for detector in server.detectors)


async def test_silence_stays_silence():
    async with served() as server:
        detector, events = await opened(configure(server.url, answer_timeout=0.2))
        sample = make_sample(data=b"silence")
        detector.submit(sample)

        assert (await events.ended(sample)).outcome is SampleOutcome.EXPIRED
        await detector.close()


async def test_the_key_is_asked_for():
    async with served(api_key=SecretStr(API_KEY)) as server:
        wrong, events = await opened(configure(server.url, api_key="wrong"))
        right, more = await opened(configure(server.url))

        assert "HTTP 401" in (await events.health(HealthState.REFUSED)).detail
        await more.health(HealthState.UP)
        await wrong.close()
        await right.close()


@pytest.mark.parametrize("header", ["", API_KEY, f"Basic {API_KEY}", f"Bearer {API_KEY}x", "Bearer", "Bearer \udcff"])
async def test_nothing_but_the_key_will_do(header: str):
    async with served(api_key=SecretStr(API_KEY)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("utf-8", "surrogateescape"))
        answered = await asyncio.wait_for(reader.read(), TIME_LIMIT)
        writer.close()

    assert answered.startswith(b"HTTP/1.1 401")
    assert API_KEY.encode() not in answered
    assert not server.detectors


async def test_pages_of_other_sites_are_kept_out():
    async with served() as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with raw(server, origin="https://evil.example"):
                pass

    assert caught.value.status == 403


async def test_connections_are_bounded():
    async with served(max_connections=1) as server, raw(server) as ws:
        late, events = await opened(configure(server.url))
        down = await events.health(HealthState.DOWN)
        await late.close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with raw(server):
                pass
        await ws.send_bytes(frame("alert"))
        assert (await answer(ws)).type == Type.ALERT

    assert "HTTP 503" in down.detail
    assert caught.value.headers is not None
    assert caught.value.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("hello", WSCloseCode.UNSUPPORTED_DATA),
        (b"\xff\xff", WSCloseCode.INVALID_TEXT),
        (frame("alert", number=99), WSCloseCode.INVALID_TEXT),
        (frame("alert", track="x" * 300), WSCloseCode.INVALID_TEXT),
        (frame("x" * 3000), WSCloseCode.MESSAGE_TOO_BIG),
    ],
)
async def test_what_is_no_frame_ends_the_connection(message: str | bytes, code: int):
    async with served(max_frame_bytes=2000) as server, raw(server) as ws:
        await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))

        assert await close_code(ws) == code
    assert [detector.samples for detector in server.detectors] == [[]]
    assert server.detectors[0].closed


async def test_what_cannot_be_judged_is_answered_with_an_error():
    async with served(WordConfig(formats=(SampleFormat.JPEG,))) as server, raw(server) as ws:
        await ws.send_bytes(frame(""))
        assert ((empty := await answer(ws)).type, empty.track_id) == (Type.ERROR, "camera-1")
        assert "empty" in empty.message

        await ws.send_bytes(frame("alert", "microphone-1", Format.PCM))
        assert ((other := await answer(ws)).type, other.track_id) == (Type.ERROR, "microphone-1")
        assert "pcm" in other.message

        await ws.send_bytes(frame("alert"))
        assert (await answer(ws)).type == Type.ALERT


async def test_a_caller_may_not_pile_up_frames():
    async with served() as server, raw(server) as ws:
        for _ in range(MAX_PENDING):
            await ws.send_bytes(frame("silence"))
        await ws.send_bytes(frame("alert"))
        refused = await answer(ws)

    assert (refused.type, refused.message) == (Type.ERROR, "too many frames at once")
    assert len(server.detectors[0].samples) == MAX_PENDING


async def test_a_caller_may_not_pile_up_tracks():
    async with served() as server, raw(server) as ws:
        for number in range(MAX_TRACKS):
            await ws.send_bytes(frame("clear", f"camera-{number}"))
            assert (await answer(ws)).type == Type.CLEAR
        await ws.send_bytes(frame("clear", "one more"))
        refused = await answer(ws)
        await ws.send_bytes(frame("clear", "camera-0"))

        assert (refused.type, refused.message) == (Type.ERROR, "too many tracks on one connection")
        assert (await answer(ws)).type == Type.CLEAR


async def test_a_caller_who_takes_no_verdicts_is_let_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire_connection, "SEND_SECONDS", 0.1)
    monkeypatch.setattr(wire_connection, "CLOSE_SECONDS", 0.1)
    loop = asyncio.get_running_loop()
    # Frames of a client are masked; a mask of zeros changes nothing.
    payload = frame("alert", "x" * 200)
    message = b"\x82\xfe" + len(payload).to_bytes(2) + bytes(4) + payload

    async def send_for_ever(caller: socket.socket) -> None:
        while True:
            await loop.sock_sendall(caller, message * 1000)

    async with served() as server, asyncio.timeout(TIME_LIMIT):
        with socket.socket() as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.setblocking(False)
            await loop.sock_connect(caller, ("127.0.0.1", server.port))
            await loop.sock_sendall(
                caller,
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            )
            assert (await loop.sock_recv(caller, 1000)).startswith(b"HTTP/1.1 101")
            with pytest.raises(ConnectionError):
                await send_for_ever(caller)
        while not server.detectors[0].closed:  # noqa: ASYNC110 - the server's end of it tells nobody
            await asyncio.sleep(0)

    assert len(server.detectors[0].samples) > MAX_PENDING


async def test_a_detector_that_does_not_open_closes_the_connection():
    async with served(WordConfig(opens=False)) as server, raw(server) as ws:
        assert await close_code(ws) == WSCloseCode.INTERNAL_ERROR


async def test_a_detector_that_breaks_closes_the_connection_and_no_other():
    async with served() as server, raw(server) as other, raw(server) as ws:
        await ws.send_bytes(frame("break"))

        assert await close_code(ws) == WSCloseCode.INTERNAL_ERROR
        await other.send_bytes(frame("alert"))
        assert (await answer(other)).type == Type.ALERT


async def test_the_end_of_the_server_is_told():
    async with served() as server:
        detector, events = await opened(configure(server.url))
        await events.health(HealthState.UP)
        async with raw(server) as ws:
            assert server.runner is not None
            ending = asyncio.create_task(server.runner.cleanup())
            assert await close_code(ws) == WSCloseCode.GOING_AWAY
            await asyncio.wait_for(ending, TIME_LIMIT)
        down = await events.health(HealthState.DOWN)
        await detector.close()

    assert "1001" in down.detail
    assert all(judge.closed for judge in server.detectors)


VERDICT = Verdict("p1", "camera-1", Source.CAMERA, Judgement.ALERT, 0.0, "word")


class Honest(WordDetector):
    assesses_deepfakes = False


class Scripted(WordDetector):
    simulated = True


@pytest.mark.parametrize(
    ("kind", "changes", "judgement", "message"),
    [
        (WordDetector, {"message": "eyes"}, Judgement.ALERT, "eyes"),
        (WordDetector, {"message": "eyes", "score": 0.934}, Judgement.ALERT, "eyes (score 0.93)"),
        (WordDetector, {"score": 0.5}, Judgement.ALERT, "(score 0.50)"),
        (WordDetector, {"judgement": Judgement.CLEAR, "blind": BlindReason.NO_FACE}, Judgement.UNKNOWN, "no face"),
        (WordDetector, {"judgement": Judgement.ERROR, "blind": BlindReason.NO_FACE}, Judgement.ERROR, "no face"),
        (Honest, {"judgement": Judgement.CLEAR, "message": "a face"}, Judgement.UNKNOWN, "a face"),
        (Honest, {"judgement": Judgement.ERROR}, Judgement.ERROR, ""),
        (Scripted, {}, Judgement.ALERT, "simulation"),
        (Scripted, {"message": "eyes"}, Judgement.ALERT, "simulation: eyes"),
        (Scripted, {"message": "Simulated: eyes"}, Judgement.ALERT, "Simulated: eyes"),
    ],
)
async def test_the_wire_says_no_more_than_the_detector(
    kind: type[WordDetector], changes: dict[str, object], judgement: Judgement, message: str
):
    result = result_of(dataclasses.replace(VERDICT, **changes), kind(WordConfig()))  # type: ignore[arg-type]

    assert (result.judgement, result.message) == (judgement, message)
    assert (result.participant_id, result.track_id) == ("p1", "camera-1")
