"""The contract finds each mistake by the check that is there for it, and says so in words for the author."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deepguard.testing import NotifierContract
from deepguard.testing.contract.http_checks import HttpChecks
from support import wrong_notifiers
from support.pages import ROOT

CASES = {
    name: case
    for name, case in vars(wrong_notifiers).items()
    if inspect.isclass(case) and issubclass(case, wrong_notifiers.Contract) and name.startswith("Test")
}
CHECKS = {name.removeprefix("test_") for name in dir(NotifierContract) if name.startswith("test_")}

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c")

Failures = dict[str, dict[str, list[str]]]
"""By class and by check: what the author reads."""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What a pytest of its own says of all the wrong notifiers, in the mode that needs the marks."""
    folder = tmp_path_factory.mktemp("wrong")
    info = folder / "wrong-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[deepguard]\nwrong = support.wrong_notifiers\n")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
    )
    report = folder / "report.xml"
    done = subprocess.run(
        [*PYTEST, folder / "pytest.ini", "--junitxml", report, wrong_notifiers.__file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT, ROOT / "tests")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return _failures(report)


def _failures(report: Path) -> Failures:
    found: Failures = {name: {} for name in CASES}
    counted: dict[str, set[str]] = defaultdict(set)
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].rpartition(".")[2]
        check = case.attrib["name"].partition("[")[0].removeprefix("test_")
        counted[name].add(check)
        assert case.find("skipped") is None
        assert case.find("error") is None, ElementTree.tostring(case, encoding="unicode")
        failure = case.find("failure")
        if failure is not None:
            found[name].setdefault(check, []).append(failure.text or "")
    assert counted.keys() == CASES.keys()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found_by_the_check_that_is_there_for_it(failures: Failures, name: str) -> None:
    case = CASES[name]
    found = failures[name]
    due = case.found_by.split()
    assert set(due) <= set(found) if case.everywhere else sorted(due) == sorted(found)
    for check in due:
        for message in found[check]:
            assert re.search(case.told, message, re.DOTALL), f"{check}: {message}"
            # In its own words, not as a line of the contract's code.
            assert "deepguard/testing/contract/" not in message.partition("\n")[0]


def test_every_check_finds_a_mistake() -> None:
    assert {check for case in CASES.values() for check in case.found_by.split()} == CHECKS


def test_checks_that_do_not_apply_are_not_there() -> None:
    class TestSilent(NotifierContract):
        speaks_http = False

    http = {name for name in vars(HttpChecks) if name.startswith("test_")}
    assert http
    for name in CHECKS:
        check = f"test_{name}"
        assert callable(getattr(TestSilent, check)) == (check not in http)
    assert callable(NotifierContract.test_makes_one_attempt)
