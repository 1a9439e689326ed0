"""`deepguard incidents` and `deepguard ack`, as processes of their own, on a store with incidents in it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

from deepguard.model import NotificationKind
from deepguard.store import silences
from deepguard.testing import make_notification
from support.alerts import Alerts, alerts_in, statuses
from support.commands import command
from support.program import deepguard

HOSTILE = "[bold]Eve[/] \x1b]0;owned\x07\x1b[31m\u202e <!channel>\n| forged |"
NOW = time.time()
DAY = 86400.0

OPENED = make_notification(participant_id=HOSTILE, call_id="call-open", at=NOW - 2.5 * DAY)
TAKEN = make_notification(participant_id="Taken", call_id="call-taken", at=NOW - 4.5 * DAY)
OVER = make_notification(
    participant_id="Over", call_id="call-over", kind=NotificationKind.RESOLVED, at=NOW - 6 * DAY, simulated=True
)


def incident_of(notification):
    assert notification.incident is not None
    return notification.incident


async def seeded(alerts: Alerts) -> None:
    taken = replace(incident_of(TAKEN), acknowledged_at=NOW - 5000, acknowledged_by="Ann\x1b[2J")
    await alerts.happened(OVER, replace(TAKEN, incident=taken), OPENED)


def configure(folder: Path, url: str) -> None:
    (folder / "deepguard.yaml").write_text(
        f"store: {{url: {json.dumps(url)}}}\n"
        "notifiers: [{type: log}, {type: log, name: other}, {type: log, name: deaf, on: [alert]}]\n"
    )


async def test_incidents_are_listed_newest_first(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    async with alerts_in(store_url) as alerts:
        await seeded(alerts)

    (code, out, err), narrow, (_, some, _), (json_code, told, _) = await asyncio.gather(
        deepguard("incidents", cwd=tmp_path),
        deepguard("incidents", cwd=tmp_path, env={"COLUMNS": "40", "PYTHONIOENCODING": "ascii"}),
        command("incidents", "--open", "--limit", "1", cwd=tmp_path),
        command("incidents", "--open", "--json", cwd=tmp_path),
    )

    assert (code, err) == (0, "")
    assert narrow[0] == 0
    assert "inc_" in narrow[1]
    assert all(line.isprintable() for line in out.splitlines())
    rows = [line for line in out.splitlines() if line.lstrip().startswith("inc_")]
    assert [row.split()[0] for row in rows] == [incident_of(one).id[:12] for one in (OPENED, TAKEN, OVER)]
    assert "[bold]Eve[/]" in rows[0]
    assert "<!channel> | forged |" in rows[0]
    assert "open for 2 d 12 h" in rows[0]
    assert "acknowledged by Ann [2J, open for 4 d 12 h" in rows[1]
    assert "was alert" in rows[2]
    assert "clear," not in rows[2]
    assert "resolved after 0 ms: no longer suspected" in rows[2]
    assert "test (simulation)" in rows[2]
    assert "(simulation)" not in rows[0]

    assert "There are more; --limit shows more than 1." in some
    assert "Taken" not in some

    assert json_code == 0
    assert told.isascii()
    first, second = json.loads(told)["incidents"]
    assert first == {
        "id": incident_of(OPENED).id,
        "call": "call-open",
        "participant": HOSTILE,
        "level": "alert",
        "peak": "alert",
        "sources": ["camera"],
        "opened_at": NOW - 2.5 * DAY,
        "updated_at": NOW - 2.5 * DAY,
        "resolved_at": None,
        "resolution": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "detail": "an alert verdict on the camera",
        "context": {},
        "detector": "test",
        "simulated": False,
        "label": None,
    }
    assert (second["acknowledged_at"], second["acknowledged_by"]) == (NOW - 5000, "Ann\x1b[2J")


async def test_ack_says_what_it_did_and_who_is_told(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    async with alerts_in(store_url) as alerts:
        await seeded(alerts)
        about = {"notifiers": ("other",), "kinds": ("acknowledged",)}
        await alerts.write(
            lambda db: silences.add(db, "sil_1", seconds=60, matchers=about, created_by="Zoë", comment="maintenance")
        )
        incident = incident_of(OPENED)

        code, out, err = await command("ack", incident.id[:12], "--by", "Bob\x1b[31m", cwd=tmp_path)
        assert (code, err) == (0, "")
        assert out.startswith(f"{incident.id} ([bold]Eve[/] ")
        assert out.endswith(
            "is acknowledged by Bob [31m. It stays open, and is not repeated. "
            "No deepguard runs with this store: it is delivered when one starts.\n"
        )
        assert out.rstrip("\n").isprintable()

        told = await alerts.letters(incident_id=incident.id)
        assert {letter.kind for letter in told} == {"incident.acknowledged"}
        assert statuses(told) == {"log": "pending", "other": "silenced"}
        assert (
            next(letter.detail for letter in told if letter.status == "silenced") == "silence sil_1 of Zoë: maintenance"
        )

        again, taken, over = await asyncio.gather(
            command("ack", incident.id, "--json", cwd=tmp_path),
            command("ack", incident_of(TAKEN).id, cwd=tmp_path),
            command("ack", incident_of(OVER).id, cwd=tmp_path),
        )
        answer = json.loads(again[1])
        assert (again[0], answer["result"]) == (0, "already_acknowledged")
        assert answer["incident"]["acknowledged_by"] == "Bob [31m"
        assert taken[0] == over[0] == 0
        assert "(Taken) was acknowledged by Ann [2J at 20" in taken[1]
        assert "(Over) was resolved at 20" in over[1]
        assert "already: no longer suspected. Nothing was changed." in over[1]
        assert len(await alerts.letters()) == 2


async def test_an_incident_that_is_not_meant_by_what_was_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    twins = [
        replace(one, id=f"ntf_{tail}", incident=replace(incident_of(one), id=f"inc_0123456789{tail}"))
        for one, tail in ((OPENED, "aa"), (TAKEN, "ab"))
    ]
    async with alerts_in(url) as alerts:
        await alerts.happened(*twins)

    none, short, several, odd, exact = await asyncio.gather(
        command("ack", "inc_ffffffffffff", cwd=tmp_path),
        command("ack", "inc_0123", cwd=tmp_path),
        command("ack", "inc_01234567", cwd=tmp_path),
        command("ack", "inc_%\x1b[31m_____\udcff", cwd=tmp_path),
        command("ack", "inc_0123456789aa", "--json", cwd=tmp_path),
    )
    assert none == (1, "", "deepguard: there is no incident 'inc_ffffffffffff'; `deepguard incidents` lists them\n")
    assert short == (1, "", "deepguard: there is no incident 'inc_0123'; write at least 12 characters of its id\n")
    assert several[0] == 1
    assert several[2] == (
        "deepguard: several incidents begin with 'inc_01234567': inc_0123456789aa, inc_0123456789ab\n"
    )
    assert odd == (1, "", "deepguard: there is no incident 'inc_% [31m_____'; `deepguard incidents` lists them\n")
    assert (exact[0], json.loads(exact[1])["result"]) == (0, "acknowledged")


async def test_without_a_store_nothing_is_made_and_what_makes_one_is_told(tmp_path: Path) -> None:
    configure(tmp_path, "sqlite:///sub/deepguard.db")
    (tmp_path / "sub").mkdir()
    answers = await asyncio.gather(
        command("incidents", cwd=tmp_path),
        command("ack", "inc_0123456789", cwd=tmp_path),
        command("deliveries", "replay", "--all-dead", cwd=tmp_path),
        command("silence", "add", "--everything", "--for=1h", "--comment=x", cwd=tmp_path),
    )
    for code, out, err in answers:
        assert (code, out) == (1, "")
        assert err.startswith(
            f"deepguard: store sub/deepguard.db: there is no store yet at {tmp_path}/sub/deepguard.db; "
        )
        assert "`deepguard run` makes one" in err
    assert list((tmp_path / "sub").iterdir()) == []


async def test_a_store_that_cannot_be_used_is_told_without_its_password(tmp_path: Path) -> None:
    configure(tmp_path, "sqlite:///deepguard.db")
    (tmp_path / "deepguard.db").write_bytes(b"this is no database, whatever its name says" * 50)
    (tmp_path / "memory.yaml").write_text("store: {url: 'sqlite:///:memory:'}\n")
    (tmp_path / "away.yaml").write_text("store: {url: 'postgresql://guard:hunter2@127.0.0.1:9/alerts'}\n")
    broken, memory, away = await asyncio.gather(
        command("incidents", cwd=tmp_path),
        command("incidents", "-c", "memory.yaml", cwd=tmp_path),
        command("incidents", "-c", "away.yaml", cwd=tmp_path),
    )
    assert broken[:2] == memory[:2] == away[:2] == (1, "")
    assert broken[2].startswith("deepguard: store deepguard.db: the file is not an SQLite database: move it away")
    assert memory[2] == (
        "deepguard: store :memory:: only the program that runs can look into it; set store.url to a file\n"
    )
    assert away[2].startswith("deepguard: store postgresql://")
    assert "does not answer" in away[2]
    assert "hunter2" not in away[2]
