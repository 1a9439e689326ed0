"""The contract of policies finds each mistake by the checks that are there for it, in words for the author."""

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

from deepguard.testing import PolicyContract
from support import wrong_policies
from support.pages import ROOT

CASES = {
    name: case
    for name, case in vars(wrong_policies).items()
    if inspect.isclass(case) and issubclass(case, wrong_policies.Contract) and name.startswith("Test")
}
CHECKS = {name.removeprefix("test_") for name in dir(PolicyContract) if name.startswith("test_")}

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c")

Failures = dict[str, dict[str, str]]
"""By class and by check: what the author reads."""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What a pytest of its own says of all the wrong policies."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    report = folder / "report.xml"
    done = subprocess.run(
        [*PYTEST, folder / "pytest.ini", "--junitxml", report, wrong_policies.__file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))},
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
        check = case.attrib["name"].removeprefix("test_")
        counted[name].add(check)
        assert case.find("skipped") is None
        assert case.find("error") is None, ElementTree.tostring(case, encoding="unicode")
        failure = case.find("failure")
        if failure is not None:
            found[name][check] = failure.text or ""
    assert counted.keys() == CASES.keys()
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found_by_the_checks_that_are_there_for_it(failures: Failures, name: str) -> None:
    case = CASES[name]
    assert sorted(failures[name]) == sorted(case.found_by.split())
    for check, message in failures[name].items():
        assert re.search(case.told, message, re.DOTALL), f"{check}: {message}"
        # In its own words, not as a line of the contract's code.
        assert "deepguard/testing/policy_contract/" not in message.partition("\n")[0]


def test_every_check_finds_a_mistake_of_its_own() -> None:
    narrow = [case.found_by.split() for case in CASES.values() if case.found_by != wrong_policies.EVERY]
    assert {check for found in narrow for check in found} == CHECKS


def test_checks_that_do_not_apply_are_not_there() -> None:
    def left_out(case: type[PolicyContract]) -> set[str]:
        return {check for check in CHECKS if getattr(case, f"test_{check}") is None}

    assert left_out(wrong_policies.TestNoAlertOnPurpose) == {"an_alert_can_be_reached", "an_alert_can_end"}
    assert left_out(wrong_policies.TestAlertWithoutEndOnPurpose) == {"an_alert_can_end"}
    assert left_out(wrong_policies.TestGood) == set()


def test_the_stream_that_it_shows_is_a_short_one() -> None:
    class Case(wrong_policies.Contract):
        made = wrong_policies.Forgets

    with pytest.raises(pytest.fail.Exception) as failed:
        Case().test_answers_every_verdict_with_a_step()
    message = str(failed.value)
    _, _, stream = message.partition("The stream:\n")
    assert stream.splitlines() == ["        0 s  participant-1 camera error by test"]


def test_a_contract_without_a_policy_says_what_it_needs() -> None:
    class Empty(PolicyContract):
        pass

    with pytest.raises(NotImplementedError, match="the contract needs `policy`"):
        Empty().test_never_raises()
