"""`deepguard replay`, as a process of its own, on stores and on exported files."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from deepguard.model import Label
from deepguard.store.export import Export
from deepguard.store.importing import write_recordings
from deepguard.store.recording import Recording
from deepguard.store.store import Store
from support.commands import command
from support.played import call

HOSTILE = '<script src="https://evil.example/x.js">[bold]Eve[/] \x1b]0;owned\x07\u202e'
CALLS = [
    call("call-found", "csaaac", Label.CONFIRMED),
    call("call-alarm", "cacc", Label.FALSE_POSITIVE, later=100),
    call("call-quiet", "cccc", later=200),
]
TWICE = "policy: {thresholds: {alert_after: 2}}\n"
POLICY = """
from deepguard import Judgement, Level, PolicyStep, hookimpl

class Mine:
    def initial(self):
        return 0

    def advance(self, state, verdict, now):
        print("chatter")
        return PolicyStep(state, {}, Level.ALERT if verdict.judgement is Judgement.ALERT else Level.CLEAR, "mine")

@hookimpl
def deepguard_policy(call, thresholds):
    return Mine()
"""


async def fill(path: Path, *calls: Recording) -> None:
    store = Store(f"sqlite:///{path}")
    await store.open()
    await store.write(lambda db: write_recordings(db, calls))
    await store.close()


def exported(path: Path, *calls: Recording) -> Path:
    export = Export("0", 1.0)
    lines = [export.begin(), *(line for one in calls for line in export.call(one)), export.end()]
    path.write_bytes(b"".join(lines))
    return path


def using(source: str, changed: str) -> str:
    assert source in POLICY
    return POLICY.replace(source, changed)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """With a store of three calls, and other settings in ``new.yaml``."""
    await fill(tmp_path / "deepguard.db", *CALLS)
    (tmp_path / "deepguard.yaml").write_text("{}")
    (tmp_path / "new.yaml").write_text(TWICE)
    (tmp_path / "mine.py").write_text(POLICY)
    return tmp_path


async def replayed(folder: Path, *arguments: str) -> dict[str, Any]:
    code, out, err = await command("replay", *arguments, "--json", cwd=folder)
    assert code == 0, err
    return json.loads(out)


async def test_other_settings_as_a_table_with_both_time_lines(folder: Path) -> None:
    code, out, err = await command("replay", "--config", "new.yaml", cwd=folder)
    assert (code, err) == (0, "")
    assert "3 calls. Before: as recorded. After: new.yaml." in out
    rows = {" ".join(line.split()[:-3]): line.split()[-3:] for line in out.splitlines() if line.startswith(" incid")}
    assert rows == {"": ["2", "1", "-1"]} or rows == {"incidents": ["2", "1", "-1"]}
    assert "2 calls change:" in out
    assert "false alarm gone" in out
    assert "alert 10.0 s later" in out
    lanes = [line.split()[1] for line in out.splitlines() if line.startswith(("    before", "    after"))]
    assert len(lanes) == 4
    assert {len(lane) for lane in lanes} == {58}
    assert "00:20  ALERT, incident opens: an alert verdict on the camera" in out
    assert "00:30  ALERT, incident opens: 2 alert verdicts in a row on the camera" in out


async def test_as_many_processes_as_one_likes_give_the_same_bytes(folder: Path) -> None:
    more = [call(f"more-{number:03}", "csac"[number % 4 :], later=1000 + number) for number in range(120)]
    await fill(folder / "deepguard.db", *more)
    found = await asyncio.gather(
        *(command("replay", "-c", "new.yaml", "--json", *jobs, cwd=folder) for jobs in ([], ["-j1"], ["-j2"]))
    )
    assert len({out for _, out, _ in found}) == 1
    assert json.loads(found[0][1])["after"]["calls"] == 123


async def test_which_calls(folder: Path) -> None:
    now = await asyncio.gather(
        replayed(folder, "--call", "call-al", "--call", "call-quiet"),
        replayed(folder, "--since", "2026-11-18"),
        replayed(folder, "--until", "2026-11-18T00:00:00+00:00"),
    )
    assert [one["after"]["calls"] for one in now] == [2, 3, 0]
    code, _, err = await command("replay", "--call", "nobody", cwd=folder)
    assert (code, err) == (1, "deepguard: there is no call 'nobody'; `deepguard calls` lists them\n")
    code, _, err = await command("replay", "--since", "2026-13-01", cwd=folder)
    assert (code, err) == (1, "deepguard: --since: '2026-13-01' is no date; write 2026-11-01, or 2026-11-01T08:30\n")


async def test_exported_calls_with_and_without_a_store(folder: Path, tmp_path: Path) -> None:
    first, second = exported(folder / "a.jsonl", *CALLS[:2]), exported(folder / "b.jsonl", *CALLS[1:])
    stored, files = await asyncio.gather(
        replayed(folder, "-c", "new.yaml"), replayed(folder, str(first), str(second), "-c", "new.yaml")
    )
    assert files["calls_given_twice"] == 1
    assert files | {"calls_given_twice": 0} == stored
    assert sorted(folder.glob("*.db")) == [folder / "deepguard.db"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.replace(b'"version":1', b'"version":9'), "bad.jsonl:1: a newer deepguard wrote this export"),
        (lambda data: data[:-200], "bad.jsonl:"),
        (lambda data: data.replace(b'"alert"', b'"clear"', 1), "if it was changed on purpose, say --edited"),
        (lambda _data: b"", "bad.jsonl:1: the file is empty"),
        (lambda _data: b"\xff\x00", "bad.jsonl:1: this is no export of deepguard"),
    ],
)
async def test_a_broken_export_is_an_error_that_names_the_line(folder: Path, change: Any, said: str) -> None:
    path = exported(folder / "bad.jsonl", *CALLS)
    path.write_bytes(change(path.read_bytes()))
    before = (folder / "deepguard.db").read_bytes()
    code, out, err = await command("replay", "bad.jsonl", cwd=folder)
    assert (code, out) == (1, "")
    assert err.startswith("deepguard: bad.jsonl:")
    assert said in err
    assert "Traceback" not in err
    assert (folder / "deepguard.db").read_bytes() == before


async def test_an_export_that_was_changed_on_purpose(folder: Path) -> None:
    path = exported(folder / "mine.jsonl", *CALLS)
    path.write_bytes(path.read_bytes().replace(b"alert", b"clear"))
    told = await replayed(folder, "mine.jsonl", "--edited")
    assert told["after"]["incidents"] == 0


async def test_a_policy_from_a_file_whose_chatter_is_no_part_of_the_answer(folder: Path) -> None:
    told = await replayed(folder, "--policy", "./mine.py")
    assert told["after"]["what"] == "deepguard.yaml with mine.py"
    assert (told["before"]["incidents"], told["after"]["incidents"]) == (2, 2)
    assert told["shown"][0]["participants"][0]["after"][0]["cause"] == "mine"
    against = await replayed(folder, "--policy", "mine.py", "--against", "new.yaml")
    assert (against["before"]["what"], against["before"]["incidents"]) == ("new.yaml", 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("class Mine:", "class Mine", "mine.py:4: cannot be loaded: SyntaxError: expected ':'"),
        ("class Mine:", "import nowhere_x\nclass Mine:", "mine.py:4: cannot be loaded: ModuleNotFoundError"),
        (
            "(self, state, verdict, now)",
            "(self, state)",
            "mine.py:8: Mine.advance must take (self, state, verdict, now)",
        ),
        ("    def advance", "    async def advance", "mine.py:8: Mine.advance must not be 'async def'"),
        ("return Mine()", "return Mine", "mine.py:12: deepguard_policy returned the class Mine; return an object"),
        ("return Mine()", "return 7", "mine.py:12: the policy int has no initial()"),
        (
            "def deepguard_policy",
            "async def deepguard_policy",
            "mine.py:13: does not fit: deepguard_policy must not be",
        ),
        ("(call, thresholds)", "(caller)", "mine.py:13: does not fit: deepguard_policy has no argument 'caller'"),
    ],
)
async def test_a_policy_that_cannot_be_used_is_an_error_that_names_the_line(
    folder: Path, old: str, new: str, said: str
) -> None:
    (folder / "mine.py").write_text(using(old, new))
    code, out, err = await command("replay", "--policy", "mine.py", cwd=folder)
    assert (code, out) == (1, "")
    assert f"deepguard: {said}" in err
    assert "Traceback" not in err


async def test_a_policy_that_is_not_there(folder: Path) -> None:
    code, out, err = await command("replay", "--policy", "nowhere.py", cwd=folder)
    assert (code, out, err) == (1, "", "deepguard: nowhere.py: there is no such file\n")


async def test_a_policy_that_raises_is_counted_and_replaced(folder: Path) -> None:
    (folder / "mine.py").write_text(using('print("chatter")', 'assert state == 0 and verdict.score < 0.5, "no"'))
    told = await replayed(folder, "--policy", "mine.py")
    assert told["after"]["policy_failures"] == 2
    assert [one["reason"] for one in told["failures"]] == ["mine.py:9: AssertionError: no"] * 2
    code, out, _ = await command("replay", "--policy", "mine.py", cwd=folder)
    assert code == 0
    assert "The policy failed in call call-found: mine.py:9: AssertionError: no" in out


async def test_a_policy_that_hangs_is_cut_off_and_counted(folder: Path) -> None:
    (folder / "deepguard.yaml").write_text("policy: {time_limit: 0.2}")
    hangs = 'while verdict.track_id == "hang":\n            pass'
    (folder / "mine.py").write_text(using('print("chatter")', hangs))
    stuck = replace(
        CALLS[0].verdicts[2], track_id="hang", participant_id="Bo", received_at=CALLS[0].verdicts[5].received_at + 1
    )
    one = replace(CALLS[0], verdicts=(*CALLS[0].verdicts, stuck))
    exported(folder / "one.jsonl", one, *CALLS[1:])
    told = await replayed(folder, "one.jsonl", "--policy", "mine.py")
    assert told["after"]["policy_failures"] == 1
    assert told["failures"] == [{"call": "call-found", "reason": "mine.py:9: TimeoutError: it took more than 0.2 s"}]


async def test_a_policy_that_ends_its_process_is_named_with_the_call(folder: Path) -> None:
    (folder / "mine.py").write_text(using('print("chatter")', "import os; os._exit(3)"))
    code, out, err = await command("replay", "--policy", "mine.py", cwd=folder)
    assert (code, out) == (1, "")
    assert err == "deepguard: a process that plays calls died in call call-found (exit code 3)\n"


@pytest.mark.slow
async def test_a_policy_that_cannot_be_interrupted_is_ended_with_its_process(folder: Path) -> None:
    (folder / "deepguard.yaml").write_text("policy: {time_limit: 0.1}")
    (folder / "mine.py").write_text(using('print("chatter")', "sum(range(10**13))"))
    code, out, err = await command("replay", "--policy", "mine.py", cwd=folder)
    assert (code, out) == (1, "")
    assert "the policy does not come to an end in call call-found, and cannot be interrupted there" in err


async def test_what_a_newer_version_wrote_is_left_out_and_told(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "deepguard.db")) as db, db:
        db.execute(
            "UPDATE verdicts SET judgement = 'uncanny' WHERE call_id = 'call-found' AND judgement = 'suspicious'"
        )
    code, out, _ = await command("replay", cwd=folder)
    assert code == 0
    assert "1 row was left out: a newer deepguard wrote what this version cannot read." in out


class Page(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.tags: set[str] = set()
        self.texts = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.outside += [name for name, _ in attrs if name in ("src", "href", "srcset", "style") or name[:2] == "on"]

    def handle_data(self, data: str) -> None:
        self.texts += data


async def test_a_report_shows_hostile_names_and_fetches_nothing(folder: Path) -> None:
    odd = call("odd", "csaaac", Label.CONFIRMED, who=HOSTILE)
    odd = replace(odd, call=replace(odd.call, id=HOSTILE), labels=(), incidents=())
    exported(folder / "odd.jsonl", odd)
    code, out, err = await command("replay", "odd.jsonl", "-c", "new.yaml", "--html", "r.html", cwd=folder)
    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    assert out.endswith("The report is in r.html.\n")
    assert (folder / "r.html").stat().st_mode & 0o777 == 0o600
    text = (folder / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.outside == []
    assert not {"script", "link", "img", "iframe", "object", "base"} & page.tags
    assert "svg" in page.tags
    assert "[bold]Eve[/]" in page.texts
    assert "\u202e" not in text
    assert "default-src &#x27;none&#x27;" in text


async def test_a_report_that_cannot_be_written(folder: Path) -> None:
    code, _, err = await command("replay", "--html", "nowhere/r.html", cwd=folder)
    assert (code, err) == (1, "deepguard: nowhere/r.html cannot be written: No such file or directory\n")


async def test_where_there_are_no_calls(tmp_path: Path) -> None:
    code, _, err = await command("replay", cwd=tmp_path)
    assert code == 1
    assert "there is no store yet" in err
    await fill(tmp_path / "deepguard.db")
    code, out, err = await command("replay", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert out == "There are no such calls. `deepguard run` records them while store.record is on.\n"
