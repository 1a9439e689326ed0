"""What the whole suite shares: which tests may skip, and that none does in CI."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSER_PROGRAMS = ("chromium", "ffmpeg", "espeak-ng")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what drives a browser where the programs for it are missing."""
    if item.get_closest_marker("browser"):
        missing = [program for program in BROWSER_PROGRAMS if shutil.which(program) is None]
        if missing:
            pytest.skip(f"needs {', '.join(missing)} (Debian, Ubuntu: apt install {' '.join(missing)})")


def _not_really_run(config: pytest.Config) -> list[str]:
    """In CI: the tests that were skipped or expected to fail; elsewhere nothing."""
    if os.environ.get("CI") != "true":
        return []
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    return [report.nodeid for outcome in ("skipped", "xfailed") for report in reporter.stats.get(outcome, [])]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run in which a test did not really run."""
    if session.exitstatus == pytest.ExitCode.OK and _not_really_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why such a run failed."""
    if names := _not_really_run(config):
        terminalreporter.section("CI: these tests must run, and did not", red=True)
        for name in names:
            terminalreporter.line(name)
