"""`deepguard run` as an operator sees it: start, health, refusals, end."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from support.caller import calling
from support.program import Program, deepguard, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCENARIO = """
video: {burst_fps: 8, normal_fps: 4}
detector:
  type: scenario
  timeline:
    - {at: 0, camera: clear}
    - {at: 1, camera: suspicious}
    - {at: 2, camera: alert}
    - {at: 3.5, camera: clear}
notifiers:
  - {type: log, path: alerts.jsonl}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO)
    return tmp_path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def called(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """One program with that scenario, for calls that leave each other alone."""
    async with running(cwd=tmp_path_factory.mktemp("called"), config=SCENARIO) as program:
        yield program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncalled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """One on which no call comes about."""
    async with running(cwd=tmp_path_factory.mktemp("uncalled"), config=SCENARIO) as program:
        yield program


def alerts(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]


async def test_a_call_goes_from_clear_to_alert_and_back_and_is_told(scenario: Path) -> None:
    async with running(cwd=scenario) as program:
        async with calling(program.url, {"participant_id": "Ada", "playground": True}) as caller:
            opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
            assert (opened["participant"], opened["simulated"]) == ("Ada", True)
            await caller.until(lambda event: event.get("kind") == "incident.resolved")
            levels = [
                (event["before"], event["after"])
                for event in caller.events
                if event["type"] == "level" and event["source"] is None
            ]
            assert levels[:3] == [("clear", "suspicious"), ("suspicious", "alert"), ("alert", "clear")]
            delivered = await caller.until(lambda event: event.get("notification_id") == opened["id"])
            assert (delivered["notifier"], delivered["status"]) == ("log", "delivered")
            told = await caller.until_message(
                lambda message: (
                    message.get("type") == "server-message"
                    and message["data"]["event"].get("kind") == "incident.opened"
                )
            )
            assert told["data"]["type"] == "deepguard"
            samples = [event for event in caller.events if event["type"] == "samples"][-1]["samples"]
            assert samples["taken"] >= 8
            assert samples["taken"] == sum(samples[end] for end in ("judged", "expired", "dropped", "waiting"))
            await caller.hang_up()
            ended = await caller.until(lambda event: event["type"] == "ended")
            assert ended["reason"] == "left"
        assert await program.stop() == 0
    kinds = [line["kind"] for line in alerts(scenario)]
    assert kinds.count("incident.opened") == kinds.count("incident.resolved") == 1


async def test_in_call_messages_are_off_for_a_call_that_is_not_the_playground_s(called: Program) -> None:
    async with calling(called.url) as caller:
        await caller.until(lambda event: event.get("kind") == "incident.opened")
        await caller.until_message(lambda message: message.get("type") == "bot-ready")
        assert not [message for message in caller.messages if message.get("type") == "server-message"]


async def test_several_calls_at_once_are_judged_apart(called: Program) -> None:
    async with calling(called.url, {"participant_id": "A"}) as one:
        await one.until(lambda event: event.get("kind") == "incident.opened")
        async with calling(called.url, {"participant_id": "B"}) as other:
            await other.until(lambda event: event["type"] == "verdict")
            first = next(event for event in other.events if event["type"] == "verdict")
            assert (first["participant"], first["judgement"]) == ("B", "clear")
            assert {event["participant"] for event in one.events if "participant" in event} == {"A"}


async def test_sigterm_tells_every_call_and_ends_with_0(scenario: Path) -> None:
    async with running(cwd=scenario) as program, calling(program.url) as caller:
        await caller.until(lambda event: event.get("kind") == "incident.opened")
        assert await program.stop() == 0
        ended = await caller.until(lambda event: event["type"] == "ended")
        assert ended["reason"] == "server_stopping"
    resolved = [line for line in alerts(scenario) if line["kind"] == "incident.resolved"]
    assert len(resolved) == 1


async def test_a_detector_that_is_down_leaves_the_call_running_and_blind(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        (tmp_path / "deepguard.yaml").write_text(
            "coverage: {notify_after: 0.5}\nnotifiers: [{type: log, path: a.jsonl}]\n"
        )
        env = {
            "DATASPIKE_API_KEY": "dsk_canary_5f2b",
            "DATASPIKE_WS_URL": f"ws://127.0.0.1:{nobody.getsockname()[1]}/",
        }
        async with running(cwd=tmp_path, env=env) as program, calling(program.url) as caller:
            lost = await caller.until(
                lambda event: event.get("kind") == "coverage.lost" and event["source"] == "camera"
            )
            assert "camera" in lost["title"]
            blind = [event for event in caller.events if event["type"] == "coverage" and event["source"] == "camera"]
            assert blind[-1]["coverage"]["reason"] == "detector_down"
            assert (await caller.until_message(lambda message: message.get("type") == "bot-ready"))["type"]
            assert "dsk_canary_5f2b" not in json.dumps(program.lines) + json.dumps(caller.events)


async def test_without_a_key_it_serves_for_real_and_says_what_is_not_assessed(tmp_path: Path) -> None:
    async with running(cwd=tmp_path) as program:
        assert "Deepfake: not assessed" in program.log
        async with aiohttp.ClientSession() as http, http.get(program.url + "/api/info") as response:
            info = await response.json()
        assert info["detector"]["type"] == "embedded"
        assert "not assessed" in info["detector"]["advisory"]
        async with calling(program.url) as caller:
            verdict = await caller.until(lambda event: event["type"] == "verdict")
            assert verdict["judgement"] == "unknown"
            assert verdict["message"].startswith("deepfake: not assessed")
            state = await caller.until(lambda event: event["type"] == "coverage" and event["source"] == "camera")
            assert state["coverage"]["covered"] is False


async def test_health_and_page_and_headers(uncalled: Program) -> None:
    async with aiohttp.ClientSession(uncalled.url) as http:
        async with http.get("/healthz") as response:
            assert await response.json() == {"status": "ok"}
        async with http.get("/readyz") as response:
            ready = await response.json()
            assert (response.status, ready["ready"], ready["detector"], ready["calls"]) == (200, True, "scenario", 0)
            assert ready["config_hash"]
        async with http.get("/") as response:
            page = await response.text()
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


async def test_offers_that_cannot_be_answered_are_refused_readably(uncalled: Program) -> None:
    async with aiohttp.ClientSession(uncalled.url) as http:

        async def post(path: str, body: object, **headers: str) -> tuple[int, str]:
            async with http.post(path, json=body, headers=headers) as response:
                return response.status, await response.text()

        status, text = await post("/api/offer", {"sdp": "this is no SDP", "type": "offer"})
        assert (status, "not a session description" in text or "neither audio nor video" in text) == (400, True)
        status, text = await post("/api/offer", {"sdp": "v=0\r\n", "type": "offer"})
        assert (status, "neither audio nor video" in text) == (400, True)
        garbled = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
        assert (await post("/api/offer", {"sdp": garbled, "type": "offer"}))[0] == 400
        assert (await post("/api/offer", {"sdp": "v=0", "type": "answer"}))[0] == 422
        assert (await post("/sessions/nobody/api/offer", {"sdp": "v=0", "type": "offer"}))[0] == 404
        assert (await post("/api/offer", {"sdp": "x" * 300_000, "type": "offer"}))[0] == 413
        assert (await post("/start", {}, Origin="https://evil.example"))[0] == 403
        assert (await post("/start", {}, Host="rebound.example"))[0] == 421
        async with http.patch("/api/offer", json={"pc_id": "nobody", "candidates": []}) as response:
            assert response.status == 404
        async with http.get("/readyz") as response:
            assert (await response.json())["calls"] == 0
        assert "Traceback" not in uncalled.log


async def test_sampling_can_be_changed_for_the_own_call_within_limits(called: Program) -> None:
    async with calling(called.url) as caller, aiohttp.ClientSession(called.url) as http:
        path = f"/sessions/{caller.session_id}/sampling"
        async with http.patch(path, json={"video": {"normal_fps": 2}, "audio": {"interval": 5}}) as response:
            assert response.status == 200
            assert (await response.json())["video"]["normal_fps"] == 2
        changed = await caller.until(lambda event: event["type"] == "sampling")
        assert changed["sampling"]["audio"]["interval"] == 5
        async with http.patch(path, json={"video": {"quality": 0}}) as response:
            assert response.status == 422
            assert (await response.json())["detail"][0]["loc"] == ["video", "quality"]
        async with http.patch(path, json={"video": {"speed": 1}}) as response:
            assert response.status == 422


async def test_a_peer_that_never_connects_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("server: {connect_timeout: 0.5}\ndetector: {type: embedded}\n")
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http:
        from aiortc import RTCPeerConnection

        peer = RTCPeerConnection()
        peer.addTransceiver("audio")
        peer.addTransceiver("video")
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": "offer"}
        async with http.post("/start", json={}) as response:
            session = (await response.json())["sessionId"]
        async with http.post(f"/sessions/{session}/api/offer", json=offer) as response:
            assert response.status == 200
        async with http.get(f"/sessions/{session}/events") as response:
            told = [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: ")]
        assert (told[-1]["type"], told[-1]["reason"]) == ("ended", "never_connected")
        await peer.close()


async def test_a_peer_that_connects_anew_is_watched_anew(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: scenario, timeline: [{at: 0, camera: clear}]}\n")
    async with running(cwd=tmp_path) as program, calling(program.url) as caller:

        def camera(covered: bool) -> Callable[[dict], bool]:
            return lambda event: (
                event["type"] == "coverage" and event["source"] == "camera" and event["coverage"]["covered"] is covered
            )

        await caller.until(camera(covered=True))
        seen = len(caller.events)
        await caller.reconnect()
        anew = lambda event: event in caller.events[seen:] and camera(covered=False)(event)  # noqa: E731
        blind = await caller.until(anew)
        assert blind["coverage"]["reason"] in ("starting", "no_media")
        lost = caller.events.index(blind)
        await caller.until(lambda event: event in caller.events[lost:] and camera(covered=True)(event))
        assert not [event for event in caller.events if event["type"] == "ended"]


async def test_a_peer_that_never_connects_anew_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("server: {connect_timeout: 2}\ndetector: {type: embedded}\n")
    async with running(cwd=tmp_path) as program, calling(program.url) as caller:
        await caller.until(lambda event: event["type"] == "verdict")
        await caller.vanish()
        ended = await caller.until(lambda event: event["type"] == "ended")
        assert ended["reason"] == "never_connected"


async def test_too_many_calls_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("server: {max_calls: 1}\ndetector: {type: embedded}\n")
    async with running(cwd=tmp_path) as program, calling(program.url) as caller, aiohttp.ClientSession() as http:
        await caller.until(lambda event: event["type"] == "state")
        async with http.post(program.url + "/start", json={}) as response:
            assert response.status == 503


async def test_a_taken_port_is_named_and_exits_with_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await deepguard("run", "--host=127.0.0.1", f"--port={port}", cwd=tmp_path)
    assert code == 3
    assert f"port {port}" in err
    assert "Traceback" not in err


async def test_a_key_that_is_missing_and_a_plugin_that_does_not_import_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: dataspike}\n")
    code, _, err = await deepguard("run", cwd=tmp_path)
    assert code == 1
    assert "DATASPIKE_API_KEY" in err
    (tmp_path / "mine.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "deepguard.yaml").write_text("policy: {plugin: ./mine.py}\n")
    code, _, err = await deepguard("run", cwd=tmp_path)
    assert code == 1
    assert "mine.py" in err
    assert "a_module_that_is_not_there" in err
    assert "Traceback" not in err


async def test_the_page_is_not_served_to_the_world_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\n")
    async with running("--host=0.0.0.0", cwd=tmp_path) as program, aiohttp.ClientSession() as http:
        port = program.url.rsplit(":", 1)[1]
        for path, expected in (("/", 404), ("/api/info", 404), ("/healthz", 200)):
            async with http.get(f"http://127.0.0.1:{port}{path}") as response:
                assert response.status == expected


async def test_a_policy_file_named_in_the_yaml_decides(scenario: Path) -> None:
    (scenario / "calm.py").write_text(
        "from deepguard import Thresholds, hookimpl\n\n\n"
        "@hookimpl\n"
        "def deepguard_thresholds(call, defaults):\n"
        "    return Thresholds(suspicious_after=1, alert_after=1_000, clear_after=1)\n"
    )
    (scenario / "deepguard.yaml").write_text(SCENARIO + "policy: {plugin: ./calm.py}\n")
    async with running(cwd=scenario) as program, calling(program.url) as caller:
        await caller.until(lambda event: event["type"] == "level" and event["after"] == "clear")
        levels = {event["after"] for event in caller.events if event["type"] == "level"}
        assert levels == {"suspicious", "clear"}
