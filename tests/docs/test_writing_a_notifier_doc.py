"""docs/writing-a-notifier.md: its package is built, loaded, tested and told; its tables are what there is."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepguard import NotificationKind, NotifyError, testing
from deepguard.cli import app
from deepguard.config.models import KIND_OF
from deepguard.testing import Answer, NotifierContract, Outcome, Request, ScriptedEndpoint, make_notification
from deepguard.testing.outcomes import STATUSES
from support.pages import ROOT, code, files, snippets, table

PAGE = ROOT / "docs" / "writing-a-notifier.md"
TOKEN = "token-of-the-pager"
FILES = {"pyproject.toml", "deepguard_pager.py", "deepguard.yaml", "threads.py", "test_pager.py", "test_file.py"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's notifier package, as visible to this interpreter as ``pip install -e`` would make it."""
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
    build = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path
    for module in ("deepguard_pager", "threads"):
        sys.modules.pop(module, None)


def test_every_snippet_is_one_that_a_test_here_uses() -> None:
    assert set(files(PAGE)) == FILES
    (commands,) = (one.text for one in snippets(PAGE) if one.language == "bash")
    assert len(snippets(PAGE)) == len(FILES) + 1
    assert shlex.split(commands)[:3] == ["deepguard", "new-plugin", "pager"]


async def test_the_notifier_is_found_configured_and_told(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedEndpoint() as endpoint:
        monkeypatch.setenv("PAGER_URL", endpoint.url)
        monkeypatch.setenv("PAGER_TOKEN", TOKEN)
        for command in (["check"], ["notify-test", "pager"]):
            result = await asyncio.to_thread(CliRunner().invoke, app, command)
            assert result.exit_code == 0, result.output
            assert TOKEN not in result.output
        (request,) = endpoint.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.json()["title"] == "This is a test of deepguard's notifications"


@pytest.mark.slow
def test_its_tests_pass(package: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pager.py", "test_file.py"]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


async def test_threads_come_back(package: Path) -> None:
    import deepguard_pager  # pyright: ignore[reportMissingImports]
    import threads  # pyright: ignore[reportMissingImports]

    def service(request: Request) -> Answer:
        return Answer(201, {"id": 7})

    async with ScriptedEndpoint(service) as endpoint:
        pager = threads.ThreadedPager(deepguard_pager.PagerConfig(url=endpoint.url, token=TOKEN))
        await pager.start()
        thread = await pager.send(make_notification())
        assert thread == "7"
        assert await pager.send(make_notification(kind=NotificationKind.RESOLVED, thread=thread)) is None
        await pager.close()
        assert [one.path for one in endpoint.requests] == ["/tickets", "/tickets/7/comments", "/tickets/7/close"]


def test_the_table_of_outcomes_is_what_the_contract_holds_to() -> None:
    told: dict[int, Outcome] = {}
    for what, _, statuses in table(PAGE, "`NotifyError(…)`"):
        arguments = dict(re.findall(r"(\w+)=(\w+)", what))
        error = NotifyError("", **{name: value == "True" for name, value in arguments.items()})
        for status in map(int, re.findall(r"\d{3}", statuses)):
            told[status] = Outcome.of(error)
    for status, outcome in STATUSES.items():
        if outcome is not Outcome.TAKEN:
            default = Outcome.DEAD if status < 500 else Outcome.AGAIN
            assert told.get(status, default) is outcome, status
            assert Outcome.of(NotifyError.for_status("it", status)) is outcome, status


def test_the_table_of_kinds_is_what_there_is() -> None:
    told = {code(kind)[0]: (code(on) or [None])[0] for kind, on, _ in table(PAGE, "kind")}
    assert told == {kind.value: KIND_OF.get(kind) for kind in NotificationKind}


def test_the_tables_of_the_kit_are_what_there_is() -> None:
    checks = {code(row[0])[0] for row in table(PAGE, "check")}
    assert checks == {name.removeprefix("test_") for name in dir(NotifierContract) if name.startswith("test_")}
    # With those of writing-a-policy.md they are all that there is: test_writing_a_policy_doc.py.
    names = {name for row in table(PAGE, "name") for name in code(row[0])}
    assert names <= set(testing.__all__)
