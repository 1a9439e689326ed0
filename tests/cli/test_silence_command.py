"""`deepguard silence`: add, list and expire."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from deepguard.notify.silence import Silence, silenced_by
from deepguard.store import silences
from deepguard.testing import make_notification
from support.alerts import Alerts, alerts_in
from support.commands import command

OPENED = make_notification(participant_id="agent-7")
WINDOW = "{name: 'nights [b]', start: '22:00', end: '06:00', timezone: Europe/Berlin, kinds: [coverage_lost]}"


def configure(folder: Path, url: str) -> None:
    (folder / "deepguard.yaml").write_text(
        f"store: {{url: {json.dumps(url)}}}\nsilences: [{WINDOW}]\n"
        "notifiers: [{type: log}, {type: log, name: pager}]\n"
    )


async def in_force(alerts: Alerts) -> list[Silence]:
    return [Silence.stored(row) for row in await alerts.read(silences.in_force)]


async def test_a_silence_is_added_listed_and_ended(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    assert OPENED.incident
    async with alerts_in(store_url) as alerts:
        await alerts.happened(OPENED)

        code, out, err = await command(
            *("silence", "add", "--participant=agent-*", "--participant=agent-*", "--participant=b\x1b[31m"),
            *("--notifier=pager", "--kind=alert", "--kind=updated", "--incident", OPENED.incident.id[:12]),
            *("--for=1h30m", "--comment=drill \x1b]0;x\x07 [red]", "--by=Zoë"),
            cwd=tmp_path,
        )
        assert (code, err) == (0, "")
        assert out.rstrip("\n").isprintable()
        (silence,) = await in_force(alerts)
        assert out.startswith(f"{silence.id} holds from now until 20")
        assert (
            f" (1 h 30 min), for notifier pager and participants agent-*, b [31m and incident {OPENED.incident.id} and "
            "kinds alert, updated. What waits already is still delivered."
        ) in out
        assert silence.ends_at - silence.starts_at == pytest.approx(5400, abs=1)
        assert silence.incidents == (OPENED.incident.id,)
        assert silence.participants == ("agent-*", "b\x1b[31m")
        assert silenced_by(OPENED, "pager", (), [silence], silence.starts_at)
        assert not silenced_by(OPENED, "log", (), [silence], silence.starts_at)

        code, out, err = await command(
            "silence", "add", "--everything", "--for=1d", "--from-now=2h", "--comment=move", "--json", cwd=tmp_path
        )
        later = json.loads(out)
        assert (code, err) == (0, "")
        assert (later["state"], later["comment"]) == ("waiting", "move")
        assert later["starts_at"] - later["created_at"] == pytest.approx(7200, abs=1)
        assert later["ends_at"] - later["starts_at"] == pytest.approx(86400, abs=1)
        assert [later[name] for name in silences.MATCHERS] == [[], [], [], []]

        (code, out, err), (_, told, _) = await asyncio.gather(
            command("silence", "list", cwd=tmp_path), command("silence", "list", "--json", cwd=tmp_path)
        )
        assert (code, err) == (0, "")
        assert all(line.isprintable() for line in out.splitlines())
        rows = {line.split()[0]: " ".join(line.split()) for line in out.splitlines() if line.strip()}
        assert " active " in rows[silence.id]
        assert "drill ]0;x [red]" in out
        assert re.search(r" waiting .* everything ", rows[later["id"]])
        assert re.search(r"nights \[b\] (active|waiting) every day 22:00 to 06:00 Europe/Berlin kind", rows["nights"])
        answer = json.loads(told)
        assert {one["id"]: one["state"] for one in answer["silences"]} == {later["id"]: "waiting", silence.id: "active"}
        assert isinstance(answer["windows"][0].pop("active"), bool)
        assert answer["windows"] == [
            {
                "name": "nights [b]",
                "notifiers": [],
                "participants": [],
                "kinds": ["coverage_lost"],
                "days": [],
                "start": "22:00",
                "end": "06:00",
                "timezone": "Europe/Berlin",
            }
        ]

        ended = await command("silence", "expire", silence.id, cwd=tmp_path)
        assert ended[0] == 0
        assert ended[1].startswith(f"{silence.id} has ended.")
        assert [one.id for one in await in_force(alerts)] == [later["id"]]

        again, wrong, window, (_, every, _) = await asyncio.gather(
            command("silence", "expire", silence.id, cwd=tmp_path),
            command("silence", "expire", f"{later['id']}x\x1b[31m", cwd=tmp_path),
            command("silence", "expire", "nights [b]", cwd=tmp_path),
            command("silence", "list", "--all", "--json", cwd=tmp_path),
        )
        assert again[:2] == wrong[:2] == window[:2] == (1, "")
        assert re.fullmatch(rf"deepguard: {silence.id} ended at 20\S+ \S+ already\n", again[2])
        assert wrong[2] == f"deepguard: there is no silence '{later['id']}x [31m'; did you mean '{later['id']}'?\n"
        assert "is part of the configuration: change it there" in window[2]
        states = {one["id"]: one["state"] for one in json.loads(every)["silences"]}
        assert states == {later["id"]: "waiting", silence.id: "ended"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "say what is silenced: --participant, --notifier, --incident or --kind, or --everything"),
        ("--everything --kind=alert", "--everything goes with no other choice"),
        ("--notifier=pagr", "the configuration names no notifier 'pagr'; did you mean 'pager'?"),
        ("--kind=coverage-lost", "there is no kind 'coverage-lost'; did you mean 'coverage_lost'?"),
        ("--incident=inc_0123456789ab", "there is no incident 'inc_0123456789ab'; `deepguard incidents` lists them"),
        ("--participant=", "--participant: it must have 1 to 200 characters"),
        ("--everything --for=soon", "--for: 'soon' is no length of time; write 90s, 30m, 2h, 1d or 1h30m"),
        ("--everything --for=400d", "--for: it must be more than nothing, and at most 366 d"),
        ("--everything --from-now=0s", "--from-now: it must be more than nothing, and at most 366 d"),
        ("--everything --comment=\x1b", "--comment: say why, for those who wonder why they were not told"),
    ],
)
async def test_what_is_not_understood_silences_nobody(tmp_path: Path, arguments: str, words: str) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    async with alerts_in(url) as alerts:
        given = ["--for=1h", "--comment=why", *filter(None, arguments.split(" "))]
        assert await command("silence", "add", *given, cwd=tmp_path) == (1, "", f"deepguard: {words}\n")
        assert await in_force(alerts) == []
