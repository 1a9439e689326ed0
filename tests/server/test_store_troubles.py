"""A store that cannot be used: at the start, the program ends in words; later, it goes on, and says so."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deepguard.store.schema import REVISIONS
from support.caller import calling
from support.program import deepguard, running

BOT = Path(__file__).parents[2] / "bot.py"
SCENARIO = """
video: {burst_fps: 8, normal_fps: 4}
detector: {type: scenario, timeline: [{at: 0, camera: clear}, {at: 1, camera: alert}]}
notifiers: [{type: log, path: alerts.jsonl}]
"""


def corrupt(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
    db.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\xa5" * (len(whole) - 100))  # its head says that all is well


def no_database(file: Path) -> None:
    file.write_text("calls,incidents\n1,2\n" * 100)


def newer(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
        db.execute("INSERT INTO alembic_version VALUES ('9999')")
    db.close()


@pytest.mark.parametrize(
    ("url", "prepare", "words"),
    [
        ("sqlite:///deepguard.db", corrupt, ["damaged", "move the file away"]),
        ("sqlite:///deepguard.db", no_database, ["not an SQLite database", "move it away"]),
        ("sqlite:///deepguard.db", newer, ["newer deepguard", "9999", REVISIONS[-1]]),
        ("sqlite:///no/such/folder/deepguard.db", None, ["cannot be created", "its folder exists"]),
        # Nobody may make a file there, not even root.
        ("sqlite:////sys/deepguard.db", None, ["/sys/deepguard.db", "cannot be created", "may be written to"]),
        ("postgresql://guard:c4n4ry@127.0.0.1:1/guard", None, ["does not answer", "store.url"]),
    ],
)
async def test_a_store_that_cannot_be_opened_ends_the_start_with_1(
    tmp_path: Path, url: str, prepare: Callable[[Path], None] | None, words: list[str]
) -> None:
    if prepare:
        prepare(tmp_path / "deepguard.db")
    (tmp_path / "deepguard.yaml").write_text(f'store: {{url: "{url}"}}\ndetector: {{type: embedded}}\n')
    code, out, err = await deepguard("run", "--port=0", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert [word for word in words if word not in err] == []
    assert len(err.strip().splitlines()) == 1
    assert "c4n4ry" not in err
    assert "ready" not in err


async def test_the_bot_is_not_started_with_such_a_store_either(tmp_path: Path) -> None:
    shutil.copy(BOT, tmp_path)
    corrupt(tmp_path / "deepguard.db")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "bot.py", "-t", "webrtc",
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "damaged" in err.decode().splitlines()[-1]
    assert b"Traceback" not in err


async def readiness(http: aiohttp.ClientSession, *, ready: bool, detail: str = "") -> dict[str, Any]:
    """Ask until the answer is this one; gives what it says of the store."""
    async with asyncio.timeout(30):
        while True:
            async with http.get("/readyz") as response:
                answer = await response.json()
                assert response.status == (200 if answer["ready"] else 503)
            if answer["ready"] is ready and detail in answer["store"]["detail"]:
                return answer["store"]
            await asyncio.sleep(0.05)


async def test_a_store_that_goes_away_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO)
    file = tmp_path / "deepguard.db"
    async with running(cwd=tmp_path) as program, aiohttp.ClientSession(program.url) as http:
        assert await readiness(http, ready=True) == {"ok": True, "detail": "", "waiting": 0}
        # No call is going on: nobody writes, and it is noticed all the same.
        file.rename(tmp_path / "away.db")
        assert not (await readiness(http, ready=False, detail="the file is gone"))["ok"]
        async with http.get("/healthz") as response:
            assert response.status == 200
        async with calling(program.url) as caller:
            opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
            assert (await readiness(http, ready=False))["waiting"] > 0
            (tmp_path / "away.db").rename(file)
            assert (await readiness(http, ready=True))["detail"] == ""
            await caller.until(lambda event: event.get("notification_id") == opened["id"])
    with sqlite3.connect(file) as db:
        kept = db.execute("SELECT status FROM deliveries WHERE notification_id = ?", [opened["id"]]).fetchall()
    db.close()
    assert kept == [("delivered",)]


async def test_what_is_wrong_with_the_store_is_not_told_to_the_network(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\n")
    async with running("--host=0.0.0.0", cwd=tmp_path) as program:
        port = program.url.rsplit(":", 1)[1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            await readiness(http, ready=True)
            (tmp_path / "deepguard.db").rename(tmp_path / "away.db")
            told = await readiness(http, ready=False)
            assert told["detail"] == "The store cannot be used; the server's log says why."
            (tmp_path / "away.db").rename(tmp_path / "deepguard.db")


async def test_the_announcement_names_the_store_without_its_password(tmp_path: Path, postgres_url: str) -> None:
    (tmp_path / "deepguard.yaml").write_text(f'store: {{url: "{postgres_url}"}}\ndetector: {{type: embedded}}\n')
    async with running(cwd=tmp_path) as program:
        named = next(line["store"] for line in program.lines if "url" in line)
    assert named == "postgresql://postgres@/" + postgres_url.partition("?")[0].rsplit("/", 1)[1]
