"""`deepguard bench density`, from real callers to the file that it writes."""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deepguard.cli import app
from deepguard.density import measure
from deepguard.density.child import running
from deepguard.density.errors import DensityError

NAMES = {
    "calls",
    "seconds",
    "cpu_ms",
    "machine_ms",
    "callers_ms",
    "memory_mb",
    "memory_per_call_mb",
    "lag",
    "samples",
    "packets",
    "repeated",
    "keyframes",
    "late_sends",
    "lost_calls",
    "machine_busy",
    "stolen",
    "calls_per_core",
    "limits",
}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", "density", *arguments])


def children() -> set[str]:
    """The processes that this one has begun and that are still there."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_guarded_and_baseline_are_measured_with_real_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As the command does it, with a shorter clip, and windows that begin at the first samples.
    monkeypatch.setattr(measure, "Plan", functools.partial(measure.Plan, clip_seconds=1, settle_seconds=0))
    before = children()
    file = tmp_path / "density.json"
    arguments = ("--calls=2", "--baseline-calls=1", "--seconds=3", "--mode=suspicious", f"--json={file}")
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert children() == before

    told = json.loads(file.read_text())
    assert (told["plan"]["calls"], told["plan"]["modes"]) == (2, ["suspicious"])
    (mode,) = told["modes"].values()
    guarded, baseline = mode["guarded"], mode["baseline"]
    assert mode["ratio"] == guarded["cpu_ms"] / baseline["cpu_ms"]
    assert (guarded["calls"], baseline["calls"]) == (2, 1)
    for figures in (guarded, baseline):
        assert set(figures) == NAMES
        assert figures["cpu_ms"] > 0
        assert figures["callers_ms"] > 0
        # Whole-machine figures hold those of the two processes, which are read a moment before.
        assert figures["machine_ms"] > 0.9 * figures["cpu_ms"]
        assert figures["calls_per_core"] == 1000 / figures["cpu_ms"]
        assert figures["packets"] > 100
        assert figures["lost_calls"] == 0
        assert 0 < figures["lag"]["p50"] <= figures["lag"]["p99"] <= figures["lag"]["max"]
        camera = figures["samples"]["camera"]
        # One a second while a track is suspicious; a call's window may begin and end between two samples.
        assert (
            figures["calls"] * (figures["seconds"] - 1) <= camera["due"] <= figures["calls"] * (figures["seconds"] + 2)
        )
        assert 0 < camera["taken"] <= camera["due"] + figures["calls"]
        assert camera["lost"] < camera["due"]
        assert 0 <= camera["lateness"]["p50"] <= camera["lateness"]["p99"] <= camera["lateness"]["max"]
        assert "microphone" in figures["samples"]
    assert guarded["memory_per_call_mb"] is not None
    assert baseline["memory_per_call_mb"] is None
    assert "guarded" in result.stdout
    assert "baseline" in result.stdout


def test_a_mode_that_there_is_not_is_refused_before_anything_begins() -> None:
    result = invoke("--mode=cleer")
    assert result.exit_code == 1
    assert "did you mean 'clear'?" in result.output


def test_a_folder_that_is_not_there_is_told_before_anything_begins(tmp_path: Path) -> None:
    result = invoke(f"--json={tmp_path / 'nowhere' / 'density.json'}")
    assert result.exit_code == 1
    assert "nowhere" in result.output


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    result = invoke()
    assert result.exit_code == 1
    assert "on Linux only" in result.output


async def test_a_process_that_ends_tells_why() -> None:
    async with running("the server", "deepguard.density.nowhere") as child:
        with pytest.raises(DensityError, match=r"the server ended: .*nowhere"):
            await child.ask("url")


async def test_a_process_that_is_asked_for_what_it_does_not_know_says_so_and_goes_on() -> None:
    async with running("the callers", "deepguard.density.callers") as child:
        with pytest.raises(DensityError, match="do not know what 'dance' is"):
            await child.ask("dance")
        assert (await child.ask("figures"))["packets"] == 0
