"""`bot.py` under Pipecat's own development runner."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from pathlib import Path

from support.caller import calling

BOT = Path(__file__).parents[2] / "bot.py"
CONFIG = """
video: {normal_fps: 4}
detector: {type: scenario, timeline: [{at: 0, camera: clear}, {at: 1, camera: alert}]}
notifiers: [{type: log, path: alerts.jsonl}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def answers(port: int) -> None:
    """Wait until somebody listens; the runner does not say when it is ready."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def kinds_in(file: Path, wanted: str) -> list[str]:
    """Wait until a notification of a kind has been written by the other process; gives all kinds."""
    while True:
        kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()] if file.exists() else []
        if wanted in kinds:
            return kinds
        await asyncio.sleep(0.1)


async def test_a_call_through_pipecat_s_runner_is_guarded(tmp_path: Path) -> None:
    shutil.copy(BOT, tmp_path)
    (tmp_path / "guard.yaml").write_text(CONFIG)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "bot.py", "-t", "webrtc", "--port", str(port),
        cwd=tmp_path,
        env={**os.environ, "DEEPGUARD_CONFIG": "guard.yaml"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            await answers(port)
            async with calling(f"http://localhost:{port}", {"participant_id": "Ada"}) as caller:
                await caller.until_message(lambda message: message.get("type") == "bot-ready")
                assert await kinds_in(tmp_path / "alerts.jsonl", "incident.opened") == ["incident.opened"]
                # The one who is watched is told nothing of it.
                assert not [message for message in caller.messages if message.get("type") == "server-message"]
            kinds = await kinds_in(tmp_path / "alerts.jsonl", "incident.resolved")
            assert kinds == ["incident.opened", "incident.resolved"]
    finally:
        process.terminate()
        await process.wait()
