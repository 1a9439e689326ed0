"""`deepguard notify-test`: the answer of each destination, and nothing that stays behind."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deepguard.testing import Answer, Request, ScriptedEndpoint
from support.alerts import alerts_in, statuses
from support.commands import command
from support.program import deepguard

SECRET = "Bearer c4n4ry-5ecret"
HOOK = """
from deepguard import hookimpl

@hookimpl
def deepguard_should_notify(notification, notifier):
    return False if notifier == "vetoed" else None
"""
# A shell may have started the tests with interrupts ignored, which processes inherit.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from deepguard.cli import main
main()
"""


def unreachable() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/hook"


def configure(folder: Path, store_url: str, endpoint: ScriptedEndpoint) -> None:
    def hook(name: str, url: str = "", **settings: Any) -> dict[str, Any]:
        settings |= {"url": url or f"{endpoint.url}/{name}", "allow_networks": ["127.0.0.0/8"]}
        return {"type": "webhook", "name": name, "headers": {"Authorization": SECRET}, **settings}

    (folder / "veto.py").write_text(HOOK)
    settings = {
        "store": {"url": store_url},
        "policy": {"plugin": "./veto.py"},
        "notifiers": [
            {"type": "log", "path": str(folder / "alerts.jsonl")},
            hook("ok"),
            hook("slow-down"),
            hook("broken"),
            hook("denied"),
            hook("gone"),
            hook("picky"),
            hook("hangs", timeout=0.5),
            hook("nowhere", unreachable()),
            hook("rare", rate=0.001, burst=1),
            hook("vetoed"),
        ],
    }
    # JSON is YAML, too.
    (folder / "deepguard.yaml").write_text(json.dumps(settings))


def answer(request: Request) -> Answer:
    answers = {
        "/slow-down": Answer(429, headers={"Retry-After": "1800"}),
        "/broken": Answer(500, body=SECRET),
        "/denied": Answer(401),
        "/gone": Answer(410),
        "/picky": Answer(400),
        "/hangs": Answer.hang(),
    }
    return answers.get(request.path, Answer(204))


async def test_each_destination_s_answer_is_told_and_nothing_stays_behind(tmp_path: Path, store_url: str) -> None:
    async with ScriptedEndpoint(answer) as endpoint:
        configure(tmp_path, store_url, endpoint)
        before = time.time()
        code, out, err = await command("notify-test", "--json", cwd=tmp_path)
        asked = endpoint.requests[:]

        assert code == 1
        told = json.loads(out)
        assert told["delivered"] is False
        by_name = {one.pop("notifier"): one for one in told["destinations"]}
        for one in by_name.values():
            assert one.pop("elsewhere") is False
            one["seconds"] = one["seconds"] is not None and 0 <= one["seconds"] < 60
        after = {name: (one.pop("next_at") or 0) - before for name, one in by_name.items()}
        delivered = {"result": "delivered", "seconds": True, "attempts": 1, "detail": "", "follows": None}
        failed = {"result": "failed", "seconds": False, "attempts": 1}
        assert by_name == {
            "log": delivered,
            "ok": delivered,
            "rare": delivered,
            "slow-down": failed | {"detail": "127.0.0.1 answered 429", "follows": "retried"},
            "broken": failed | {"detail": "127.0.0.1 answered 500", "follows": "retried"},
            "denied": failed
            | {"detail": "127.0.0.1 answered 401: check the credentials in its settings", "follows": "refused"},
            "gone": failed | {"detail": "127.0.0.1 answered 410: its address is gone for good", "follows": "disabled"},
            "picky": failed
            | {"detail": "127.0.0.1 answered 400: it does not take this notification", "follows": "dead"},
            "hangs": failed | {"detail": "no answer within 0.5 s", "follows": "retried"},
            "nowhere": failed | {"detail": by_name["nowhere"]["detail"], "follows": "retried"},
            "vetoed": {
                "result": "kept_back",
                "seconds": False,
                "attempts": 0,
                "detail": "a deepguard_should_notify hook",
                "follows": None,
            },
        }
        assert "cannot be reached" in by_name["nowhere"]["detail"]
        assert 1700 < after["slow-down"] < 1900
        assert 200 < after["denied"] < 400
        assert "c4n4ry" not in out + err

        assert {request.json()["type"] for request in asked} == {"test"}
        assert {request.json()["data"]["id"] for request in asked} == {told["notification_id"]}
        assert len(asked) == len({request.path for request in asked}) == 8

        async with alerts_in(store_url) as alerts:
            assert statuses(await alerts.letters()) == {
                **dict.fromkeys(["slow-down", "broken", "denied", "gone", "picky", "hangs", "nowhere"], "dropped"),
                **dict.fromkeys(["log", "ok", "rare"], "delivered"),
                "vetoed": "silenced",
            }

        # Its service is well again: who refused is asked again, who asked to wait is not, nor is more than the rate.
        endpoint.default = Answer(204)
        code, out, err = await command("notify-test", "denied", "gone", "rare", "slow-down", cwd=tmp_path)
        assert code == 1
        rows = {line.split()[0]: " ".join(line.split()) for line in out.splitlines() if line.strip()}
        assert re.fullmatch(r"denied delivered in \d+ m?s", rows["denied"])
        assert re.fullmatch(r"gone delivered in \d+ m?s", rows["gone"])
        assert rows["rare"].startswith(
            "rare not attempted its rate of 0.001 a second is used up; an alert would be tried again at 20"
        )
        assert rows["slow-down"].startswith(
            "slow-down not attempted 127.0.0.1 answered 429; an alert would be tried again at 20"
        )
        assert "was dropped: it will not arrive later." in out
        assert len(endpoint.requests) == len(asked) + 2


async def test_the_console_script_says_that_all_is_well_and_makes_the_store(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as endpoint:
        configure(tmp_path, "sqlite:///sub.db", endpoint)
        code, out, err = await deepguard("notify-test", "ok", "log", "ok", cwd=tmp_path)
        (request,) = endpoint.requests
    assert code == 0, err
    assert [line.split()[:2] for line in out.splitlines() if " in " in line] == [
        ["ok", "delivered"],
        ["log", "delivered"],
    ]
    assert re.search(r"The test ntf_\w+ was delivered to 2 destinations\.\n$", out)
    assert (tmp_path / "sub.db").exists()
    (line,) = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == request.json()["data"]["id"]


async def test_what_cannot_be_tried_is_told(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as endpoint:
        configure(tmp_path, "sqlite:///deepguard.db", endpoint)
    (tmp_path / "none.yaml").write_text("notifiers: []")
    (tmp_path / "away.yaml").write_text("store: {url: sqlite:///nowhere/deepguard.db}")
    wrong, none, away = await asyncio.gather(
        command("notify-test", "okay", cwd=tmp_path),
        command("notify-test", "-c", "none.yaml", cwd=tmp_path),
        command("notify-test", "-c", "away.yaml", cwd=tmp_path),
    )
    assert wrong == (1, "", "deepguard: the configuration names no notifier 'okay'; did you mean 'ok'?\n")
    assert none == (1, "", "deepguard: the configuration names no notifier: nobody is told of anything\n")
    assert away[:2] == (1, "")
    assert re.match(r"deepguard: store \S*nowhere/deepguard\.db: the file cannot be created", away[2])
    assert not (tmp_path / "deepguard.db").exists()


async def test_a_time_limit_ends_an_attempt_that_hangs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    async with ScriptedEndpoint(Answer.hang()) as endpoint:
        configure(tmp_path, url, endpoint)
        code, out, _ = await command("notify-test", "ok", "--timeout=0.7", "--json", cwd=tmp_path)
        await endpoint.wait_until_left()
    (outcome,) = json.loads(out)["destinations"]
    assert code == 1
    assert (outcome["result"], outcome["detail"], outcome["attempts"]) == ("failed", "no answer within 0.7 s", 1)
    async with alerts_in(url) as alerts:
        assert statuses(await alerts.letters()) == {"ok": "dropped"}


async def test_an_interrupted_test_does_not_arrive_later(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    async with ScriptedEndpoint(Answer.hang()) as endpoint:
        configure(tmp_path, url, endpoint)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", INTERRUPTIBLE, "notify-test", "ok"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            await endpoint.wait_for(1, 30)
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in out + err
    async with alerts_in(url) as alerts:
        assert statuses(await alerts.letters()) == {"ok": "dropped"}
