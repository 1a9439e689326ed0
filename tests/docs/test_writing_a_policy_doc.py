"""docs/writing-a-policy.md: its policy is loaded, tested and played; its tables are what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepguard import testing
from deepguard.cli import app
from deepguard.testing import Played, PolicyContract, play, stream
from support.pages import ROOT, code, files, snippets, table

PAGE = ROOT / "docs" / "writing-a-policy.md"
OTHER_PAGE = ROOT / "docs" / "writing-a-notifier.md"
FILES = {"two_tracks.py", "deepguard.two-tracks.yaml", "test_two_tracks.py", "streams.py"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, in the working directory."""
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_snippet_is_one_that_a_test_here_uses() -> None:
    assert set(files(PAGE)) == FILES
    assert len(snippets(PAGE)) == len(FILES)


def test_its_configuration_loads_and_decides(folder: Path) -> None:
    result = CliRunner().invoke(app, ["check", "deepguard.two-tracks.yaml"])
    assert result.exit_code == 0, result.output
    played = play(stream("camera: suspicious*4; microphone: clear*2 suspicious*2"), "deepguard.two-tracks.yaml")
    assert [int(level) for level in played.levels()] == [0, 0, 1, 1, 1, 1, 1, 2], played
    assert played.used.startswith("TwoTracks of two_tracks.py:")


@pytest.mark.slow
def test_its_tests_pass(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_two_tracks.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


def test_its_streams_are_streams(folder: Path) -> None:
    source = files(PAGE)["streams.py"]
    lines = [line for line in source.splitlines() if line.startswith("stream(")]
    assert len(lines) == 4
    made = [eval(line, {"stream": stream}) for line in lines]
    assert [len(one) for one in made] == [5, 63, 2, 6]


def test_the_table_of_checks_is_what_there_is() -> None:
    told = [code(row[0])[0] for row in table(PAGE, "check")]
    assert sorted(told) == sorted(name[5:] for name in dir(PolicyContract) if name.startswith("test_"))


def test_the_table_of_what_was_played_is_what_there_is() -> None:
    told = {name.partition("(")[0] for row in table(PAGE, "of `played`") for name in code(row[0])} - {"str"}
    there = {name for name in dir(Played) if not name.startswith("_")}
    assert told | {"call", "used", "ended", "participants"} == there


def test_the_two_pages_of_the_kit_tell_of_all_of_it() -> None:
    told = {name for page in (PAGE, OTHER_PAGE) for row in table(page, "name") for name in code(row[0])}
    assert told | {"NotifierContract"} == set(testing.__all__)


def test_the_examples_and_their_tests_are_there() -> None:
    rows = table(PAGE, "configuration")
    assert {code(row[0])[0] for row in rows} == {
        f"config/{name}.yaml" for name in ("contact-centre", "interview-room", "know-your-customer")
    }
    for row in rows:
        assert all((ROOT / path).is_file() for cell in row for path in code(cell)), row
