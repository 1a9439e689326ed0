"""`deepguard detector serve` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deepguard.model import HealthState, Judgement, SampleOutcome
from support.dataspike_peer import TIME_LIMIT, configure, make_sample, opened

COMMAND = [sys.executable, "-c", "from deepguard.cli import main; main()", "detector", "serve"]
SCENARIO = """\
detector:
  type: scenario
  timeline:
    - {at: 0, camera: alert, message: third eye}
"""
SEVERAL = """\
detector:
  - {type: embedded}
  - {type: scenario, name: first, timeline: [{at: 0, all: clear}]}
  - {type: scenario, name: second, timeline: [{at: 0, camera: alert, message: third eye}]}
"""
UNSET = ("DATASPIKE_API_KEY", "DATASPIKE_WS_URL", "DEEPGUARD_DETECTOR_KEY")


def environ(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET} | variables


@asynccontextmanager
async def serving(
    folder: Path, *arguments: str, **variables: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process, and where it says that it answers."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--port", "0", *arguments, cwd=folder, env=environ(**variables), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(TIME_LIMIT):
            said = (await process.stdout.readline()).decode()
            found = re.search(r"ws://\S+:\d+", said)
            assert found, said
            yield process, found.group()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and the words of a command that does not serve."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_a_scenario_reaches_the_real_client_and_a_signal_ends_it(tmp_path: Path, end: signal.Signals):
    (tmp_path / "demo.yaml").write_text(SCENARIO)
    async with serving(tmp_path, "--config", "demo.yaml") as (process, url):
        detector, events = await opened(configure(url))
        sample = make_sample()
        detector.submit(sample)
        verdict = await events.verdict()
        ended = await events.ended(sample)

        process.send_signal(end)
        assert await process.wait() == 0
        await events.health(HealthState.DOWN)
        await detector.close()

    assert verdict.judgement is Judgement.ALERT
    assert "third eye" in verdict.message
    assert "simulat" in verdict.message.lower()
    assert ended.outcome is SampleOutcome.JUDGED


async def test_one_of_several_is_served_by_its_name(tmp_path: Path):
    (tmp_path / "several.yaml").write_text(SEVERAL)
    async with serving(tmp_path, "-c", "several.yaml", "--type", "second") as (_, url):
        detector, events = await opened(configure(url))
        detector.submit(make_sample())
        verdict = await events.verdict()
        await detector.close()

    assert verdict.judgement is Judgement.ALERT
    assert "third eye" in verdict.message


async def test_the_key_in_the_environment_is_asked_for(tmp_path: Path):
    (tmp_path / "demo.yaml").write_text(SCENARIO)
    async with serving(tmp_path, "-c", "demo.yaml", DEEPGUARD_DETECTOR_KEY="open-sesame") as (_, url):
        wrong, events = await opened(configure(url, api_key="wrong"))
        right, more = await opened(configure(url, api_key="open-sesame"))

        await events.health(HealthState.REFUSED)
        await more.health(HealthState.UP)
        await wrong.close()
        await right.close()


def test_a_taken_port_is_named(tmp_path: Path):
    (tmp_path / "demo.yaml").write_text(SCENARIO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        code, said = refused(tmp_path, "--config", "demo.yaml", "--host", "127.0.0.1", "--port", port)

    assert code == 3
    assert port in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--type", "scenario"], ["scenario", "timeline", "--config"]),
        (["--type", "dataspike"], ["dataspike", "--type"]),
        (["--type", "log"], ["log", "no detector"]),
        (["--type", "embeded"], ["embeded"]),
        (["--config", "missing.yaml"], ["missing.yaml"]),
        (["--config", "several.yaml"], ["several detectors", "--type (embedded, first, second)"]),
        (["--config", "several.yaml", "--type", "scenario"], ["--type (first, second)"]),
        (["--config", "demo.yaml", "--host", "0.0.0.0"], ["DEEPGUARD_DETECTOR_KEY"]),
    ],
)
def test_what_cannot_be_served_is_said(tmp_path: Path, arguments: list[str], words: list[str]):
    (tmp_path / "demo.yaml").write_text(SCENARIO)
    (tmp_path / "several.yaml").write_text(SEVERAL)

    code, said = refused(tmp_path, *arguments)

    assert code == 1
    assert all(word in said for word in words), said
