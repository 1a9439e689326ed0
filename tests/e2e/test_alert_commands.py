"""What a person does about an alert, while `deepguard run` guards the call and uses the same store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.caller import calling
from support.commands import command
from support.program import running

SCENARIO = """
video: {burst_fps: 8, normal_fps: 8}
detector:
  type: scenario
  timeline:
    - {at: 0, camera: clear}
    - {at: 1, camera: alert}
notifiers:
  - {type: log, path: alerts.jsonl, repeat_every: %s}
"""


def alerts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]


def kinds(folder: Path) -> list[str]:
    return [line["kind"] for line in alerts(folder)]


@pytest.mark.slow
async def test_an_alert_that_is_acknowledged_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO % 1)
    async with running(cwd=tmp_path) as program, calling(program.url, {"participant_id": "Ada"}) as caller:
        opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
        await caller.until(lambda event: event["type"] == "delivery" and event["notification_id"] != opened["id"])
        assert kinds(tmp_path)[:2] == ["incident.opened", "incident.repeated"]
        _, out, _ = await command("incidents", "--open", "--json", cwd=tmp_path)
        (incident,) = json.loads(out)["incidents"]
        assert (incident["participant"], incident["simulated"], incident["acknowledged_at"]) == ("Ada", True, None)

        code, out, err = await command("ack", incident["id"][:12], "--by", "Zoë", cwd=tmp_path)
        assert (code, err) == (0, "")
        assert out == (
            f"{incident['id']} (Ada) is acknowledged by Zoë. It stays open, and is not repeated. "
            "The deepguard that runs delivers it.\n"
        )
        known = await caller.until(lambda event: event["type"] == "acknowledged")
        assert (known["incident_id"], known["by"]) == (incident["id"], "Zoë")
        # Without it, the incident would have been told again by then, and again.
        await caller.until(lambda event: event["type"] == "verdict" and event["at"] > known["at"] + 2.5)

        code, out, _ = await command("notify-test", "--json", cwd=tmp_path)
        test = json.loads(out)
        assert (code, test["delivered"]) == (0, True)

        await caller.hang_up()
        await caller.until(lambda event: event["type"] == "ended")
        (_, over, _), (_, told, _) = await asyncio.gather(
            command("ack", incident["id"], cwd=tmp_path), command("deliveries", "list", "--json", cwd=tmp_path)
        )
        assert "already: the call ended. Nothing was changed." in over
    assert await program.stop() == 0

    assert {one["status"] for one in json.loads(told)["deliveries"]} <= {"delivered", "superseded"}
    found = kinds(tmp_path)
    once = ["incident.opened", "incident.acknowledged", "test", "incident.resolved"]
    assert [kind for kind in found if kind != "incident.repeated"] == once
    # One may have been on its way when it was acknowledged.
    assert found[found.index("incident.acknowledged") :].count("incident.repeated") <= 1
    assert next(line["id"] for line in alerts(tmp_path) if line["kind"] == "test") == test["notification_id"]


@pytest.mark.slow
async def test_an_alert_that_was_silenced_is_told_when_the_silence_ends(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO % 3600)
    async with running(cwd=tmp_path) as program:
        code, out, _ = await command(
            *("silence", "add", "--participant=A*", "--for=1h", "--comment=drill", "--by=Zoë", "--json"), cwd=tmp_path
        )
        assert code == 0
        silence = json.loads(out)["id"]
        async with calling(program.url, {"participant_id": "Ada"}) as caller:
            await caller.until(lambda event: event.get("kind") == "incident.opened")
            kept_back: list[dict[str, Any]] = []
            async with asyncio.timeout(20):
                while not kept_back:
                    _, out, _ = await command("deliveries", "list", "--status=silenced", "--json", cwd=tmp_path)
                    kept_back = json.loads(out)["deliveries"]
            assert kept_back[-1]["kind"] == "incident.opened"
            assert kept_back[-1]["detail"] == f"silence {silence} of Zoë: drill"
            assert kinds(tmp_path) == []

            assert (await command("silence", "expire", silence, cwd=tmp_path))[0] == 0
            await caller.until(
                lambda event: (
                    event["type"] == "delivery" and event["notifier"] == "log" and event["status"] == "delivered"
                )
            )
            assert kinds(tmp_path)[0] == "incident.repeated"
