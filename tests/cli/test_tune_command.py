"""`deepguard tune`, as a process of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepguard.model import Label
from deepguard.store.importing import write_recordings
from deepguard.store.recording import Recording
from deepguard.store.store import Store
from support.commands import command
from support.played import call

CALLS = [
    # A fake is called an alert three times in a row; a genuine face is so once, now and then.
    *(call(f"fake-{number:02}", "csaaac", Label.CONFIRMED, later=number * 7.0) for number in range(12)),
    *(call(f"real-{number:02}", "cacccacc", Label.FALSE_POSITIVE, later=number * 5.0) for number in range(12)),
    *(call(f"else-{number:02}", "ccac", later=number * 3.0) for number in range(6)),
]


async def fill(path: Path, *calls: Recording) -> None:
    store = Store(f"sqlite:///{path}")
    await store.open()
    await store.write(lambda db: write_recordings(db, calls))
    await store.close()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await fill(tmp_path / "deepguard.db", *CALLS)
    (tmp_path / "deepguard.yaml").write_text("{}")
    return tmp_path


async def tuned(folder: Path, *arguments: str) -> dict[str, Any]:
    code, out, err = await command("tune", "--tries", "60", *arguments, "--json", cwd=folder)
    assert code == 0, err
    return json.loads(out)


async def test_thresholds_that_are_right_about_every_label_are_found(folder: Path) -> None:
    told = await tuned(folder)
    assert (told["calls"], told["fake"], told["genuine"]) == (24, 12, 12)
    present, best, held = told["present"], told["best"], told["held_out"]
    # As it is: every fake is found, and each genuine participant has two false alarms in ten minutes.
    assert (present["recall"], present["precision"], present["false_alarms"]) == (1.0, 0.5, 24)
    assert present["false_alarms_per_call_hour"] == pytest.approx(24 / 4)
    assert (best["recall"], best["precision"], best["false_alarms"]) == (1.0, 1.0, 0)
    assert (held["recall"], held["false_alarms"]) == (1.0, 0)
    assert told["warnings"] == []
    rates = [one["false_alarms_per_call_hour"] for one in told["curve"]]
    assert rates == sorted(rates)


async def test_the_yaml_to_paste_is_one_that_check_accepts_and_replay_confirms(folder: Path) -> None:
    code, out, err = await command("tune", "--tries", "60", cwd=folder)
    assert (code, err) == (0, "")
    pasted = out[out.index("policy:\n") :]
    (folder / "new.yaml").write_text(pasted)
    assert "thresholds" in yaml.safe_load(pasted)["policy"]
    (code, said, _), (_, played, _) = await asyncio.gather(
        command("check", "new.yaml", cwd=folder), command("replay", "-c", "new.yaml", "--json", cwd=folder)
    )
    assert code == 0
    assert said.startswith("new.yaml is fine.")
    labels = json.loads(played)["after"]["labels"]
    assert (labels["recall"], labels["precision"], labels["false_alarms"]) == (1.0, 1.0, 0)


async def test_the_same_seed_finds_the_same_with_any_number_of_processes(folder: Path) -> None:
    found = await asyncio.gather(
        *(
            command("tune", "--tries", "40", "--seed", seed, "--json", *jobs, cwd=folder)
            for seed, jobs in (("1", []), ("1", ["-j2"]), ("2", []))
        )
    )
    assert found[0] == found[1]
    assert json.loads(found[2][1])["seed"] == 2


async def test_what_is_asked_for_is_held_or_said_not_to_be(folder: Path) -> None:
    await fill(folder / "deepguard.db", call("odd", "caaaaa", Label.FALSE_POSITIVE), call("none", "c", Label.MISSED))
    quiet, all_found = await asyncio.gather(
        tuned(folder, "--max-false-alarms", "0"), tuned(folder, "--min-recall", "1")
    )
    assert quiet["goal"] == {"max_false_alarms": 0.0, "min_recall": None, "met": True}
    assert quiet["best"]["false_alarms"] == 0
    # One of the fakes looks genuine all the time.
    assert all_found["goal"]["met"] is False
    assert all_found["best"]["recall"] == pytest.approx(12 / 13)
    code, out, _ = await command("tune", "--tries", "20", "--min-recall", "1", cwd=folder)
    assert code == 0
    assert "No thresholds that were tried hold what was asked for; these come closest." in out


async def test_few_labels_are_warned_of(tmp_path: Path) -> None:
    await fill(tmp_path / "deepguard.db", CALLS[0], CALLS[12], *CALLS[24:])
    told, more = await asyncio.gather(tuned(tmp_path), tuned(tmp_path, "--assume-genuine"))
    assert told["warnings"][:2] == [
        "only 1 participant is known to be fake; with fewer than 10 the figures say little about other calls",
        "only 1 participant is known to be genuine; with fewer than 10 the figures say little about other calls",
    ]
    assert (more["calls"], more["fake"], more["genuine"]) == (8, 1, 7)


async def test_without_labels_of_both_kinds_nothing_can_be_searched(tmp_path: Path) -> None:
    await fill(tmp_path / "deepguard.db", *CALLS[24:])
    code, out, err = await command("tune", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert "thresholds can only be searched on labelled calls: 0 participants are known to be fake, and 0" in err
    await fill(tmp_path / "deepguard.db", CALLS[0])
    code, _, err = await command("tune", cwd=tmp_path)
    assert code == 1
    assert "only be searched on calls with both: 1 participants are known to be fake, and 0" in err


async def test_a_curve_on_the_terminal_and_in_a_report(folder: Path) -> None:
    code, out, err = await command("tune", "--tries", "30", "--html", "t.html", cwd=folder)
    assert (code, err) == (0, "")
    assert "up: recall; * best, n in use now" in out
    assert "24 labelled calls: 12 of their participants are known to be fake, 12 to be genuine." in out
    text = (folder / "t.html").read_text(encoding="utf-8")
    assert "<svg" in text
    assert "alert_after" in text
    assert [part for part in ("<script", "<img", "<link", " src=", " href=", "url(") if part in text] == []
