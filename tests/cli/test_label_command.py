"""`deepguard label`, as a process of its own, on a store with incidents in it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from deepguard.model import Call, NotificationKind
from deepguard.store.entry import CallBegan, Entry
from deepguard.store.history import write_history
from deepguard.testing import make_notification, make_verdict
from support.alerts import Alerts, alerts_in
from support.commands import command

NOW = time.time()
WRONG = make_notification(participant_id="Ada", call_id="call-of-ada-1", at=NOW - 5000)
OVER = make_notification(participant_id="Bo", call_id="call-of-bo-1", at=NOW - 9000, kind=NotificationKind.RESOLVED)


def id_of(notification) -> str:
    assert notification.incident is not None
    return notification.incident.id


async def seeded(alerts: Alerts) -> None:
    await alerts.happened(OVER, WRONG)
    entries = [
        Entry(call_id=call, began=CallBegan(Call(call, NOW - 9000), "test", simulated=False))
        for call in ("call-of-ada-1", "call-of-bo-1")
    ]
    entries += [
        Entry(call_id=call, verdict=make_verdict(participant_id=name))
        for call, name in (("call-of-ada-1", "Ada"), ("call-of-ada-1", "Eve\x1b[31m"), ("call-of-bo-1", "Bo"))
    ]
    await alerts.write(lambda db: write_history(db, entries, "a process"))


def configure(folder: Path, url: str) -> None:
    (folder / "deepguard.yaml").write_text(f"store: {{url: {json.dumps(url)}}}\n")


async def test_a_label_is_put_replaced_listed_and_taken_back(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    async with alerts_in(store_url) as alerts:
        await seeded(alerts)
    short = id_of(WRONG)[:12]

    code, out, err = await command(
        "label", short, "false-positive", "--by", "Zoë\x1b[2J", "--comment", "a new\ncamera", cwd=tmp_path
    )
    assert (code, err) == (0, "")
    assert out == f"{id_of(WRONG)} (Ada) is labelled false positive, says Zoë [2J: a new camera.\n"

    code, out, err = await command("label", id_of(WRONG), "confirmed", "--by", "Bo", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith(
        f"{id_of(WRONG)} (Ada) is labelled confirmed, says Bo. It was labelled before "
        "(false positive, says Zoë [2J: a new camera, 20"
    )
    assert out.endswith("; that is replaced.\n")

    listed, told, again = await asyncio.gather(
        command("incidents", cwd=tmp_path),
        command("incidents", "--json", cwd=tmp_path),
        command("ack", short, "--json", cwd=tmp_path),
    )
    (row,) = [line for line in listed[1].splitlines() if "Ada" in line]
    assert "; confirmed, says Bo" in row
    by_id = {one["id"]: one["label"] for one in json.loads(told[1])["incidents"]}
    assert by_id[id_of(OVER)] is None
    assert by_id[id_of(WRONG)] == {
        "label": "confirmed",
        "incident": id_of(WRONG),
        "call": "call-of-ada-1",
        "participant": "Ada",
        "at": by_id[id_of(WRONG)]["at"],
        "by": "Bo",
        "comment": "",
    }
    assert json.loads(again[1])["incident"]["label"]["label"] == "confirmed"

    code, out, _ = await command("label", short, "--remove", "--json", cwd=tmp_path)
    answer = json.loads(out)
    assert (code, answer["label"], answer["replaced"]["label"]) == (0, None, "confirmed")
    code, out, _ = await command("label", short, "--remove", cwd=tmp_path)
    assert (code, out) == (0, f"{id_of(WRONG)} (Ada) had no label. Nothing was changed.\n")


async def test_what_was_missed_is_said_of_a_call_and_who_it_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    async with alerts_in(url) as alerts:
        await seeded(alerts)

    who, nobody, known, none, eve = await asyncio.gather(
        command("label", "call-of-ada", "missed", cwd=tmp_path),
        command("label", "call-of-ada-1", "missed", "--participant", "Eva", cwd=tmp_path),
        command("label", "call-of-ada-1", "missed", "--participant", "Ada", cwd=tmp_path),
        command("label", "call-of-", "missed", "--participant", "Ada", cwd=tmp_path),
        command("label", "call-of-ada-1", "missed", "--participant", "Eve\x1b[31m", "--by=Bo", cwd=tmp_path),
    )
    assert who[2] == (
        "deepguard: say with --participant who was fake in call call-of-ada-1; its participants: Ada, Eve [31m\n"
    )
    assert nobody[2].startswith("deepguard: call call-of-ada-1 has no participant 'Eva'")
    assert known[2] == (f"deepguard: it was not missed: {id_of(WRONG)} is about 'Ada' of this call; label that one\n")
    assert "several calls begin with 'call-of-': call-of-ada-1, call-of-bo-1" in none[2]
    assert eve == (0, "call call-of-ada-1 (Eve [31m) is labelled missed, says Bo.\n", "")

    code, out, _ = await command("label", "call-of-ada-1", "--participant", "Eve\x1b[31m", "--remove", cwd=tmp_path)
    assert (code, out[:50]) == (0, "call call-of-ada-1 (Eve [31m) has no label any mor")


async def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    async with alerts_in(url) as alerts:
        await seeded(alerts)
    wrong = {
        ("inc_1",): "say what was found out: false-positive, confirmed, or missed (of a call); or --remove",
        (id_of(WRONG), "flase-positive"): "there is no label 'flase-positive'; did you mean 'false-positive'?",
        (id_of(WRONG), "confirmed", "--participant=Ada"): "--participant goes with `missed`",
        (id_of(WRONG), "confirmed", "--remove"): "--remove takes back whatever the label is",
        ("inc_ffffffffffff", "confirmed"): "there is no incident 'inc_ffffffffffff'",
        ("bo", "missed"): "there is no call 'bo'; write at least 4 characters of its id",
        ("nobody-at-all", "missed"): "there is no call 'nobody-at-all'; `deepguard calls` lists them",
    }
    answers = await asyncio.gather(*(command("label", *words, cwd=tmp_path) for words in wrong))
    for (code, out, err), told in zip(answers, wrong.values(), strict=True):
        assert (code, out) == (1, ""), told
        assert err.startswith(f"deepguard: {told}"), err
