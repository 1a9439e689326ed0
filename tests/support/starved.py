"""Tests with real peers in real time, on a machine that had no time for them.

A caller whose packets come late is another caller, and says nothing of what is tested. So a test of these that failed
is run again, at most twice, if the machine had no processor left while it ran; where it had, a failure is one.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from deepguard.density.proc import is_told, read_machine

REAL_TIME = frozenset({"browser", "density", "detectors", "e2e", "pipeline", "server"})
"""Folders of such tests."""

RERUNS = 2
LOOK_SECONDS = 0.25
FULL = 0.97
"""Part of all processors' time that is used, by whomever, when none is left."""

STARVED_SECONDS = 1.0
"""So long in all none was left, if a test was starved."""


class Watch(threading.Thread):
    """Looks whether there is a processor left.

    Attributes:
        starved: Seconds in which there was none, since ``start_over``.
    """

    def __init__(self) -> None:
        super().__init__(name="looks for a processor", daemon=True)
        self.starved = 0.0

    def start_over(self) -> None:
        """Begin with another test."""
        self.starved = 0.0

    def was_starved(self) -> bool:
        """Whether the test had too little time to say anything."""
        return self.starved >= STARVED_SECONDS

    def run(self) -> None:
        """Look, until the process ends."""
        machine, at = read_machine(), time.monotonic()
        while True:
            time.sleep(LOOK_SECONDS)
            now, passed = read_machine(), time.monotonic() - at
            since, machine, at = now.since(machine), now, at + passed
            # One that itself had to wait for so long was starved whatever the system counts.
            if passed >= 2 * LOOK_SECONDS or since.busy + since.stolen >= FULL * since.total:
                self.starved += passed


watch = Watch()


def pytest_configure() -> None:
    """Begin to look; where the system tells nothing, nothing is run again."""
    if is_told():
        watch.start()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that may be run again."""
    tests = Path(__file__).parents[1]
    for item in items:
        if item.path.is_relative_to(tests) and item.path.relative_to(tests).parts[0] in REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS, condition=watch.was_starved))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Look at one test, each time that it is run."""
    watch.start_over()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was run again."""
    if again := terminalreporter.stats.get("rerun", []):
        terminalreporter.section("run again, because the machine had no time for them")
        for name in sorted({report.nodeid for report in again}):
            terminalreporter.line(name)
