"""`deepguard calls`, `export` and `import`, as processes of their own, on stores with calls in them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deepguard.model import Call
from deepguard.store.entry import CallBegan, Entry
from deepguard.store.export import read_export
from deepguard.store.history import write_history
from deepguard.store.importing import write_recordings
from deepguard.store.recording import Recording
from deepguard.store.recordings import read
from deepguard.store.store import Store
from support.commands import command
from support.program import deepguard
from support.recordings import recorded

HOSTILE = "[bold]Eve[/] \x1b]0;owned\x07\u202e"


def configure(folder: Path, url: str, name: str = "deepguard.yaml") -> None:
    (folder / name).write_text(f"store: {{url: {json.dumps(url)}}}\n")


async def fill(url: str, *calls: Recording) -> None:
    store = Store(url)
    await store.open()
    try:
        await store.write(lambda db: write_recordings(db, calls))
    finally:
        await store.close()


async def stored(url: str, *ids: str) -> list[Recording]:
    store = Store(url)
    await store.open()
    try:
        return await store.read(lambda db: read(db, ids))
    finally:
        await store.close()


def reading(data: bytes) -> list[Recording]:
    return list(read_export(io.BytesIO(data), "x"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a store of three calls, and a configuration of an empty store, ``new.yaml``."""
    url = f"sqlite:///{tmp_path / 'deepguard.db'}"
    configure(tmp_path, url)
    configure(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "new.yaml")
    return tmp_path


CALLS = [recorded(f"call-{letter}") for letter in "abc"]
IDS = [one.call.id for one in CALLS]


async def test_calls_are_listed_newest_first(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    now = time.time()
    old = replace(recorded("old-call-0123456789"), call=Call("old-call-0123456789", now - 90000), ended_at=now - 89000)
    young = replace(recorded("young", simulated=True, labels=()), call=Call("young", now - 600), ended_at=now - 540)
    odd = replace(recorded(f"odd {HOSTILE}", detector=HOSTILE), call=Call(f"odd {HOSTILE}", now - 3000), ended_at=now)
    old = replace(old, transitions=old.levels)
    await fill(store_url, old, young, odd)
    store = Store(store_url)
    await store.open()
    live = CallBegan(Call("live", now - 5430), "test", False)
    await store.write(lambda db: write_history(db, [Entry(call_id="live", began=live)], "p"))
    await store.close()

    (code, out, err), (_, some, _), (_, since, _), (_, told, _), narrow = await asyncio.gather(
        deepguard("calls", cwd=tmp_path),
        command("calls", "--limit", "1", cwd=tmp_path),
        command("calls", "--since", "1d", cwd=tmp_path),
        command("calls", "--json", cwd=tmp_path),
        command("calls", cwd=tmp_path, env={"COLUMNS": "50", "PYTHONIOENCODING": "ascii"}),
    )
    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    rows = [line.split("   ") for line in out.splitlines() if line.startswith((" live", " young", " odd", " old"))]
    assert [row[0].split()[0] for row in rows] == ["young", "odd", "live", "old-call-012"]
    assert "1 h 30 min so far" in " ".join(rows[2])
    assert "0 verdicts" in " ".join(rows[2])
    assert "alert" in " ".join(rows[0])
    assert "2 verdicts, 1 incident" in " ".join(rows[0])
    assert "test (simulation)" in " ".join(rows[0])
    assert "16 min 40 s" in " ".join(rows[3])
    assert "confirmed" in " ".join(rows[3])
    assert "There are more; --limit shows more than 1." in some
    assert "old-call" not in since
    assert narrow[0] == 0
    found = json.loads(told)["calls"]
    assert [one["id"] for one in found] == ["young", f"odd {HOSTILE}", "live", "old-call-0123456789"]
    size, imported_at = found[3].pop("size"), found[3].pop("imported_at")
    assert size > 1000
    assert abs(imported_at - now) < 600
    assert found[3] == {
        "id": "old-call-0123456789",
        "started_at": now - 90000,
        "ended_at": now - 89000,
        "reason": "ended",
        "detector": "test",
        "simulated": False,
        "verdicts": 2,
        "peak": "alert",
        "incidents": 1,
        "blind": None,
        "policy": "built in",
        "policy_failed": None,
        "labels": {"confirmed": 1},
        "config_hash": "c0ffee",
    }


async def test_what_is_exported_is_imported_elsewhere(tmp_path: Path, store_url: str) -> None:
    configure(tmp_path, store_url)
    configure(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "new.yaml")
    await fill(store_url, *CALLS)

    (code, out, err), named, (all_code, told, _) = await asyncio.gather(
        deepguard("export", "call-b", "call-a", "call-b", cwd=tmp_path),
        command("export", "call-c", "-o", "c.jsonl", cwd=tmp_path),
        command("export", "--all", "-o", "all.jsonl", cwd=tmp_path),
    )
    assert (code, err) == (0, "")
    assert reading(out.encode()) == [CALLS[1], CALLS[0]]
    assert named == (0, "1 call is in c.jsonl.\n", "")
    assert (all_code, told) == (0, "3 calls are in all.jsonl.\n")
    assert (tmp_path / "all.jsonl").stat().st_mode & 0o777 == 0o600

    assert await deepguard("import", "c.jsonl", "--config", "new.yaml", cwd=tmp_path) == (
        0,
        "1 call was imported.\n",
        "",
    )
    again = await command("import", "all.jsonl", "-c", "new.yaml", cwd=tmp_path)
    assert again == (0, "2 calls were imported; 1 was there already and left as it is.\n", "")
    same = await command("import", "all.jsonl", "c.jsonl", "--json", "-c", "new.yaml", cwd=tmp_path)
    assert json.loads(same[1]) == {"imported": 0, "present": 4}
    assert await stored(f"sqlite:///{tmp_path / 'new.db'}", *IDS) == CALLS


async def test_a_file_that_is_there_is_not_written_over(folder: Path) -> None:
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS)
    (folder / "mine").write_text("precious")
    refused, missing, is_folder = await asyncio.gather(
        command("export", "--all", "-o", "mine", cwd=folder),
        command("export", "--all", "-o", "nowhere/x.jsonl", cwd=folder),
        command("export", "--all", "-o", ".", cwd=folder),
    )
    there = "deepguard: mine is there already; name another file, or say --force to write over it\n"
    assert refused == (1, "", there)
    assert missing == (1, "", "deepguard: nowhere/x.jsonl cannot be written: No such file or directory\n")
    assert is_folder == (1, "", "deepguard: . is a folder; name a file\n")
    assert (folder / "mine").read_text() == "precious"
    assert (await command("export", "--all", "-o", "mine", "--force", cwd=folder))[0] == 0
    assert reading((folder / "mine").read_bytes()) == CALLS
    assert not list(folder.glob(".mine*"))


async def test_an_export_that_fails_leaves_nothing_half(folder: Path) -> None:
    too_large = recorded("call-z", policy=replace(CALLS[0].policy, thresholds={"x": "y" * 2_000_000}))
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS, too_large)
    before = sorted(folder.iterdir())
    code, out, err = await command("export", *IDS, "call-z", "-o", "all.jsonl", cwd=folder)
    assert (code, out) == (1, "")
    assert err == "deepguard: call call-z cannot be exported: it is larger than an export may hold\n"
    assert sorted(folder.iterdir()) == before


async def test_a_damaged_file_changes_nothing_and_its_line_is_named(folder: Path) -> None:
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS)
    await command("export", "--all", "-o", "all.jsonl", cwd=folder)
    lines = (folder / "all.jsonl").read_bytes().splitlines(keepends=True)
    last = len(lines)
    (folder / "cut.jsonl").write_bytes(b"".join(lines[:-3]))
    (folder / "edited.jsonl").write_bytes(b"".join(lines).replace(b"0.97", b"0.96"))
    (folder / "newer.jsonl").write_bytes(lines[0].replace(b'"version":1', b'"version":2'))
    (folder / "binary").write_bytes(bytes(range(256)))
    where = next(number for number, line in enumerate(lines, 1) if b"0.97" in line)
    answers = await asyncio.gather(
        *(
            command("import", "all.jsonl", name, "-c", "new.yaml", cwd=folder)
            for name in ("cut.jsonl", "edited.jsonl", "newer.jsonl", "binary", "nowhere", ".")
        )
    )
    assert {answer[:2] for answer in answers} == {(1, "")}
    for answer, begins in zip(answers, BEGINS, strict=True):
        assert answer[2].startswith(f"deepguard: {begins.format(cut=last - 2, where=where)}")
    assert not (folder / "new.db").exists()
    edited = await command("import", "edited.jsonl", "--edited", "-c", "new.yaml", cwd=folder)
    assert edited[:2] == (0, "3 calls were imported.\n")


BEGINS = (
    "cut.jsonl:{cut}: the file ends here, and is not whole",
    "edited.jsonl:{where}: this line was changed",
    "newer.jsonl:1: a newer deepguard wrote this export",
    "binary:1: this is no export of deepguard",
    "nowhere cannot be read: No such file or directory",
    ". cannot be read: Is a directory",
)


async def test_pseudonyms_are_asked_for(folder: Path) -> None:
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS)
    code, out, err = await command("export", "--all", "--pseudonyms", cwd=folder)
    assert (code, err) == (0, "")
    assert "Ada" not in out
    assert json.loads(out.splitlines()[0])["pseudonyms"] is True
    names = {verdict.participant_id for one in reading(out.encode()) for verdict in one.verdicts}
    assert len(names) == 1


async def test_which_calls_must_be_said(folder: Path) -> None:
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS)
    none, both, short, several, unknown, long = await asyncio.gather(
        command("export", cwd=folder),
        command("export", "--all", "call-a", cwd=folder),
        command("export", "cal", cwd=folder),
        command("export", "call", cwd=folder),
        command("export", "\x1b[31mcall", cwd=folder),
        command("export", "--since", "1y", cwd=folder),
    )
    which = "deepguard: say which calls: their ids, --since 30d, or --all\n"
    assert none == both == (1, "", which)
    assert short[2] == "deepguard: there is no call 'cal'; write at least 4 characters of its id\n"
    assert several[2] == "deepguard: several calls begin with 'call': call-a, call-b, call-c\n"
    assert unknown[2] == "deepguard: there is no call '[31mcall'; `deepguard calls` lists them\n"
    assert long[2] == "deepguard: --since: '1y' is no length of time; write 90s, 30m, 2h, 1d or 1h30m\n"


async def test_standard_input_is_read(folder: Path) -> None:
    await fill(f"sqlite:///{folder / 'deepguard.db'}", *CALLS)
    await command("export", "--all", "-o", "all.jsonl", cwd=folder)
    shell = await asyncio.create_subprocess_shell(
        "deepguard import - -c new.yaml < all.jsonl && cat all.jsonl | head -3 | deepguard import - -c new.yaml",
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await shell.communicate()
    assert out.decode() == "3 calls were imported.\n"
    assert err.decode().startswith("deepguard: standard input:4: the file ends here, and is not whole")
