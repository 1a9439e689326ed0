"""`deepguard deliveries`: list, replay and drop, on a store with deliveries in every state."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepguard.model import DeliveryStatus, NotificationKind
from deepguard.store import deliveries
from deepguard.store.clock import now
from deepguard.store.tables import deliveries as rows
from deepguard.store.tables import destinations
from deepguard.testing import make_notification
from support.alerts import Alerts, alerts_in
from support.commands import command

OPENED = make_notification(participant_id="[red]Eve\x1b[31m")
OTHER = make_notification(participant_id="Other", call_id="call-2")
DIGEST = make_notification(kind=NotificationKind.DIGEST)
LATER = make_notification(participant_id="Later", call_id="call-3")

DEAD, STRANGE, WAITING, DELIVERED, DIGESTED, IN_DIGEST = 1, 2, 3, 4, 5, 6
"""The numbers of the deliveries that `seeded` writes; the last is the digest's own."""


async def seeded(alerts: Alerts) -> None:
    await alerts.happened(OPENED, OTHER)
    numbers = [
        await alerts.outgoing("hook", OPENED, DeliveryStatus.DEAD, "hook answered 400\x1b[2J"),
        await alerts.outgoing("retired\u202e", OPENED, DeliveryStatus.DEAD, "its domain is gone"),
        await alerts.outgoing("log", OPENED),
        await alerts.outgoing("log", OTHER, DeliveryStatus.DELIVERED),
        await alerts.outgoing("hook", OTHER),
    ]
    numbers.append(await alerts.write(lambda db: deliveries.put_into_digest(db, DIGEST, "hook", [DIGESTED], 3600.0)))
    assert numbers == [DEAD, STRANGE, WAITING, DELIVERED, DIGESTED, IN_DIGEST]


def configure(folder: Path, url: str) -> None:
    (folder / "deepguard.yaml").write_text(
        f"store: {{url: {json.dumps(url)}}}\n"
        "notifiers:\n"
        "  - {type: log}\n"
        "  - {type: log, name: hook, give_up_after: 60}\n"
    )


async def standing(alerts: Alerts) -> dict[int, str]:
    return {letter.id: letter.status for letter in await alerts.letters()}


async def test_deliveries_are_listed_with_the_destinations_that_take_none(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)

    def block(db: sa.Connection) -> float:
        at = db.execute(now().select()).scalar_one()
        fresh = {"tokens": 1.0, "refilled_at": at, "failures": 0, "blocked_until": 0.0, "probing_until": 0.0}
        fresh |= {"disabled": False, "refused": False, "detail": ""}
        refuses = {"refused": True, "failures": 3, "blocked_until": at + 240, "detail": "hook answered 401\x1b[31m"}
        gone = {"disabled": True, "refused": True, "detail": "gone answered 410"}
        asked = [("hook", refuses), ("gone", gone), ("log", {})]
        db.execute(sa.insert(destinations), [fresh | {"notifier": name} | over for name, over in asked])
        return at + 240

    async with alerts_in(store_url) as alerts:
        await seeded(alerts)
        until = await alerts.write(block)

    assert OPENED.incident
    (code, out, err), (_, some, _), (_, dead, _), (_, about, _), (_, nothing, _) = await asyncio.gather(
        command("deliveries", "list", cwd=tmp_path),
        command("deliveries", "list", "--limit=1", "--status=pending", "--status=digested", cwd=tmp_path),
        command("deliveries", "list", "--dead", "--json", cwd=tmp_path),
        command("deliveries", "list", "--incident", OPENED.incident.id[:12], "--notifier=log", "--json", cwd=tmp_path),
        command("deliveries", "list", "--status=superseded", cwd=tmp_path),
    )

    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    table = [line.split(maxsplit=4) for line in out.splitlines() if line[1:2].isdigit()]
    assert [int(row[0]) for row in table] == [IN_DIGEST, DIGESTED, DELIVERED, WAITING, STRANGE, DEAD]
    assert [row[3] for row in table] == ["pending", "digested", "delivered", "pending", "dead", "dead"]
    assert table[1][4].rstrip().endswith(f"in digest {IN_DIGEST}")
    assert "retired (not in the configuration)" in " ".join(table[4][4].split())
    assert "incident.opened: [red]Eve [31m may be a deepfake" in table[5][4]
    assert table[5][4].rstrip().endswith("hook answered 400 [2J")
    assert "hook refuses the sender; is asked again at 20" in out
    assert "what is for it is kept: hook answered 401 [31m\n" in out
    assert "gone is asked no more before deepguard starts again, what is for it is kept: gone answered 410\n" in out
    assert "\nlog " not in out

    assert "There are more; --limit shows more than 1." in some
    assert nothing.startswith("There are no such deliveries.\n")

    answer = json.loads(dead)
    assert [one["id"] for one in answer["deliveries"]] == [STRANGE, DEAD]
    strange = answer["deliveries"][0]
    created_at, ended_at = strange.pop("created_at"), strange.pop("ended_at")
    assert 0 <= ended_at - created_at < 60
    assert strange == {
        "id": STRANGE,
        "notification_id": OPENED.id,
        "notifier": "retired\u202e",
        "configured": False,
        "kind": "incident.opened",
        "status": "dead",
        "attempts": 1,
        "due_at": None,
        "incident_id": OPENED.incident.id,
        "detail": "its domain is gone",
        "title": OPENED.title,
        "digest_id": None,
    }
    gone, hook = answer["destinations"]
    assert (gone["notifier"], gone["state"], gone["until"]) == ("gone", "disabled", None)
    assert hook == {
        "notifier": "hook",
        "state": "refused",
        "until": until,
        "failures": 3,
        "detail": "hook answered 401\x1b[31m",
    }

    (waiting,) = json.loads(about)["deliveries"]
    assert (waiting["id"], waiting["configured"], waiting["ended_at"]) == (WAITING, True, None)
    assert waiting["due_at"] == pytest.approx(waiting["created_at"], abs=1)


async def test_dead_deliveries_are_replayed_and_what_cannot_be_is_told(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    async with alerts_in(store_url) as alerts:
        await seeded(alerts)

        code, out, err = await command("deliveries", "replay", "1", "3", "4", "5", "6", "99", cwd=tmp_path)
        assert code == 1
        assert out.startswith("1 delivery is tried again. No deepguard runs with this store")
        assert err.splitlines() == [
            "deepguard: delivery 3: it is pending",
            "deepguard: delivery 4: it is delivered",
            "deepguard: delivery 5: the digest 6 tells of it",
            "deepguard: delivery 6: it is a digest; name what it stands for",
            "deepguard: delivery 99: there is none of this number",
        ]
        assert (await standing(alerts))[DEAD] == "pending"

        left = await alerts.read(lambda db: db.execute(sa.select(rows.c.expires_at - now()).where(rows.c.id == DEAD)))
        assert 0 < left.scalar_one() <= 60

        code, out, err = await command("deliveries", "replay", "--all-dead", cwd=tmp_path)
        assert (code, err) == (0, "")
        assert "The configuration does not name retired: nobody delivers to it until it does." in out
        assert (await standing(alerts))[STRANGE] == "pending"

        none = await command("deliveries", "replay", "--all-dead", cwd=tmp_path)
        refused = await command("deliveries", "replay", "4", "--json", cwd=tmp_path)
    assert none == (0, "No delivery is dead.\n", "")
    assert refused[0] == 1
    assert json.loads(refused[1]) == {"replayed": [], "refused": [{"id": 4, "reason": "it is delivered"}]}


async def test_deliveries_are_dropped_after_a_question(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    async with alerts_in(store_url) as alerts:
        await seeded(alerts)
        before = await standing(alerts)

        code, out, err = await command("deliveries", "drop", "--all", cwd=tmp_path)
        assert (code, out.strip()) == (1, "")
        assert err.startswith("Give up 4 deliveries (2 waiting, 2 dead), and what digests among them name? [y/N]:")
        assert await standing(alerts) == before

        mine = await command("deliveries", "drop", "--all", "--notifier=log", "--yes", "--by=Ann\x1b[31m", cwd=tmp_path)
        assert mine == (0, "1 delivery is given up.\n", "")
        (given_up,) = await alerts.letters(statuses=["dropped"])
        assert (given_up.id, given_up.detail) == (WAITING, "dropped by Ann [31m")

        await alerts.outgoing("log", LATER)
        code, out, err = await command("deliveries", "drop", "1", "4", "6", "--yes", "--json", cwd=tmp_path)
        assert code == 1
        assert json.loads(out) == {
            "dropped": [DEAD, DIGESTED, IN_DIGEST],
            "refused": [{"id": DELIVERED, "reason": "it is delivered"}],
        }
        back = await command("deliveries", "replay", str(DEAD), str(WAITING), cwd=tmp_path)
        assert back[1].startswith("2 deliveries are tried again.")
        after = await standing(alerts)
    assert after == before | {DEAD: "pending", DIGESTED: "dropped", IN_DIGEST: "dropped", 7: "pending"}


async def test_many_deliveries_are_replayed_and_dropped_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    async with alerts_in(url) as alerts:
        await alerts.outgoing("log", OPENED, DeliveryStatus.DEAD)

        def multiply(db: sa.Connection) -> None:
            kept = [column for column in rows.c if column.name not in ("id", "dedupe_key")]
            for doubling in range(15):
                key = sa.cast(rows.c.id, sa.Text) + sa.literal(f" copy {doubling}")
                db.execute(
                    sa.insert(rows).from_select(
                        [*(column.name for column in kept), "dedupe_key"], sa.select(*kept, key).select_from(rows)
                    )
                )

        await alerts.write(multiply)
        replayed = await command("deliveries", "replay", "--all-dead", cwd=tmp_path)
        dropped = await command("deliveries", "drop", "--all", "--yes", cwd=tmp_path)
    assert replayed[1].startswith("32768 deliveries are tried again.")
    assert dropped[1] == "32768 deliveries are given up.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("list --status=ded", "there is no status 'ded'; did you mean 'dead'?"),
        ("list --notifier=hok", "there is no notifier 'hok'; did you mean 'hook'?"),
        ("list --incident=inc_1", "there is no incident 'inc_1'; write at least 12 characters of its id"),
        ("replay", "say which deliveries: their numbers, or --all-dead"),
        ("replay 1 --all-dead", "say which deliveries: their numbers, or --all-dead"),
        ("replay 1 --notifier=log", "--notifier goes with --all-dead only"),
        ("replay --all-dead --notifier=x\x1b[31m", "there is no notifier 'x [31m'; there are: log, hook"),
        ("drop --yes", "say which deliveries: their numbers, or --all"),
        ("drop --all --notifier=hoook --yes", "there is no notifier 'hoook'; did you mean 'hook'?"),
    ],
)
async def test_what_is_not_understood_changes_nothing(tmp_path: Path, arguments: str, words: str) -> None:
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    async with alerts_in(url) as alerts:
        await alerts.outgoing("log", replace(OPENED, id="ntf_1"), DeliveryStatus.DEAD)
        code, out, err = await command("deliveries", *arguments.split(" "), cwd=tmp_path)
        assert (code, out, err) == (1, "", f"deepguard: {words}\n")
        assert await standing(alerts) == {1: "dead"}
