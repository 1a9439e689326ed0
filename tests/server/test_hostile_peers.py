"""Peers that send what no client of ours would: the server refuses readably, and holds on to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiortc import RTCPeerConnection

from support.program import Program, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One program for all: a call whose peer does not come stays for longer than this file takes, and is in nobody's way.
CONFIG = """
detector: {type: embedded}
server: {max_calls: 100, connect_timeout: 300, allowed_origins: ['https://App.example/']}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    async with running(cwd=tmp_path_factory.mktemp("hostile"), config=CONFIG) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def http(program: Program) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(program.url) as session:
        yield session


async def new_offer() -> dict[str, str]:
    peer = RTCPeerConnection()
    peer.addTransceiver("audio")
    peer.addTransceiver("video")
    await peer.setLocalDescription(await peer.createOffer())
    offer = {"sdp": peer.localDescription.sdp, "type": "offer"}
    await peer.close()
    return offer


async def start(http: aiohttp.ClientSession) -> str:
    async with http.post("/start", json={}) as response:
        assert response.status == 200
        return (await response.json())["sessionId"]


async def post(http: aiohttp.ClientSession, path: str, body: object) -> int:
    async with http.post(path, json=body) as response:
        await response.read()
        return response.status


async def calls(http: aiohttp.ClientSession) -> int:
    async with http.get("/readyz") as response:
        return (await response.json())["calls"]


def sockets(program: Program) -> int:
    files = Path(f"/proc/{program.process.pid}/fd")
    return sum(1 for file in files.iterdir() if file.is_symlink() and str(file.readlink()).startswith("socket:"))


async def test_of_two_first_offers_at_once_one_begins_a_call(program: Program, http: aiohttp.ClientSession) -> None:
    session, offer = await start(http), await new_offer()
    path, before = f"/sessions/{session}/api/offer", await calls(http)
    statuses = await asyncio.gather(*(post(http, path, offer) for _ in range(5)))
    assert sorted(statuses) == [200, 409, 409, 409, 409]
    assert await calls(http) == before + 1


async def test_offers_at_once_do_not_get_past_the_number_of_calls(tmp_path: Path) -> None:
    config = "detector: {type: embedded}\nserver: {max_calls: 2}\n"
    async with running(cwd=tmp_path, config=config) as program, aiohttp.ClientSession(program.url) as http:
        sessions = [await start(http) for _ in range(8)]
        offer = await new_offer()
        statuses = await asyncio.gather(*(post(http, f"/sessions/{one}/api/offer", offer) for one in sessions))
        assert sorted(statuses) == [200, 200, *[503] * 6]
        assert await calls(http) == 2


async def test_connections_that_are_made_anew_all_at_once_leave_no_socket_behind(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\nserver: {connect_timeout: 2}\n")
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http:
        before = sockets(program)
        session, offer = await start(http), await new_offer()
        path = f"/sessions/{session}/api/offer"
        async with http.post(path, json=offer) as response:
            pc_id = (await response.json())["pc_id"]
        again = {**offer, "pc_id": pc_id, "restart_pc": True}
        no_codec = {**again, "sdp": offer["sdp"].replace("VP8", "VP0").replace("H264", "H000")}
        statuses = await asyncio.gather(*(post(http, path, body) for body in (no_codec, again, again, again)))
        assert (statuses.count(200), statuses.count(409)) == (1, 2)
        while await calls(http):
            pass
        async with asyncio.timeout(10):
            # One is the connection of these very requests.
            while sockets(program) > before + 4:
                await calls(http)
        assert "Traceback" not in program.log


NONSENSE = [
    '{"sdp": NaN, "type": "offer"}',
    '{"sdp": Infinity, "type": "\\ud800"}',
    '{"sdp": "v=0", "type": "\\ud800"}',
    '{"sdp": "\\ud800", "type": "offer"}',
    '{"sdp": ' + "9" * 5000 + ', "type": "offer"}',
    "[" * 100_000,
    '{"sdp": "v=0", "type": "offer", "request_data": ' + '{"a":' * 5000 + "1" + "}" * 5001,
    '"\\ud800"',
    "nonsense",
    "",
    json.dumps({"sdp": "v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 500, "type": "offer"}),
    json.dumps({"sdp": "v=0\r\n" + "a=candidate:1 1 udp 1 10.0.0.1 5000 typ host\r\n" * 500, "type": "offer"}),
]


async def test_bodies_that_make_no_sense_are_refused(program: Program, http: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/json"}
    for body in NONSENSE:
        for method, path in (("POST", "/api/offer"), ("POST", "/start"), ("PATCH", "/api/offer")):
            async with http.request(method, path, data=body.encode(), headers=headers) as response:
                json.loads(await response.read())
                # /start needs no more than an object; what else is in it is left alone.
                fine = (200,) if path == "/start" and body.startswith("{") else ()
                assert response.status in (400, 422, *fine), (method, path, body[:60])
    assert "Traceback" not in program.log


async def test_sampling_that_makes_no_sense_is_refused(program: Program, http: aiohttp.ClientSession) -> None:
    session = await start(http)
    assert await post(http, f"/sessions/{session}/api/offer", await new_offer()) == 200
    for body in ('{"video": {"quality": NaN}}', '{"video": {"burst_fps": Infinity}}', '{"video": {"\\ud800": 1}}'):
        path, headers = f"/sessions/{session}/sampling", {"Content-Type": "application/json"}
        async with http.patch(path, data=body, headers=headers) as response:
            assert response.status == 422
            assert (await response.json())["detail"][0]["msg"]


async def test_candidates_are_bounded(program: Program, http: aiohttp.ClientSession) -> None:
    session = await start(http)
    async with http.post(f"/sessions/{session}/api/offer", json=await new_offer()) as response:
        pc_id = (await response.json())["pc_id"]
    one = {"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdp_mid": "0", "sdp_mline_index": 0}
    statuses = []
    for _ in range(6):
        body = {"pc_id": pc_id, "candidates": [one] * 64}
        async with http.patch(f"/sessions/{session}/api/offer", json=body) as response:
            statuses.append(response.status)
    assert statuses == [200, 200, 200, 200, 429, 429]
    garbled = {"pc_id": pc_id, "candidates": [{**one, "candidate": "candidate:1 \x1b udp x"}]}
    async with http.patch("/api/offer", json=garbled) as response:
        assert response.status in (400, 429)


async def test_a_flood_of_sessions_does_not_shut_out_the_next_caller(
    program: Program, http: aiohttp.ClientSession
) -> None:
    first = await start(http)
    for _ in range(11):
        assert set(await asyncio.gather(*(post(http, "/start", {"body": {"a": [1] * 99}}) for _ in range(100)))) == {
            200
        }
    assert await post(http, f"/sessions/{first}/api/offer", await new_offer()) == 404
    assert await post(http, f"/sessions/{await start(http)}/api/offer", await new_offer()) == 200


async def test_the_readers_of_one_call_are_bounded(program: Program, http: aiohttp.ClientSession) -> None:
    session = await start(http)
    await post(http, f"/sessions/{session}/api/offer", await new_offer())
    path = f"/sessions/{session}/events"
    opened = []
    for _ in range(16):
        response = await http.get(path)
        await response.content.readline()
        opened.append(response)
    async with http.get(path) as refused:
        assert refused.status == 429
    for response in opened:
        response.close()


async def test_only_loopback_is_answered_by_whatever_name(program: Program, http: aiohttp.ClientSession) -> None:
    for host in ("localhost:1", "LOCALHOST", "127.0.0.1:80", "127.8.8.8", "[::1]:80"):
        async with http.get("/healthz", headers={"Host": host}) as response:
            assert response.status == 200, host
    for host in (
        "",
        "evil.example",
        "localhost.evil.example",
        "localhost.",
        "[::1",
        "127.0.0.1.evil.example",
        "8.8.8.8",
    ):
        async with http.get("/healthz", headers={"Host": host}) as response:
            assert response.status in (400, 421), host


async def test_only_pages_of_allowed_origins_can_call(program: Program, http: aiohttp.ClientSession) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for origin in ("null", "https://evil.example", "http://localhost.evil.example", "http://"):
        async with http.post("/start", json={}, headers={"Origin": origin}) as response:
            assert response.status == 403, origin
        async with http.options("/start", headers={"Origin": origin, **asked}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers, origin
    origin = "https://app.example"
    async with http.options("/start", headers={"Origin": origin, **asked}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
    async with http.post("/start", json={}, headers={"Origin": origin}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
