"""Each bench runs and gives what it says; how much it finds is no test's business."""

import json
import math
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import BENCHES
from bench.loop_probe import LoopProbe
from bench.results import Row, report, table
from bench.stats import percentile

ROOT = Path(__file__).parents[2]

FEW = {
    "churn": {"calls": 2},
    "not_due": {"rounds": 2, "frames": 5},
    "due": {"frames": 2},
    "hearing": {"rounds": 1, "seconds": 0.6, "ears": 5},
    "notify": {"verdicts": 4},
    "outage": {"incidents": 12, "seconds": 0.5},
    "planes": {"rounds": 2, "frames": 1},
    "policy": {"rounds": 2, "verdicts": 5},
    "quality": {"bit_rates": [1_200_000], "rates": [2.0], "samples": 1, "warm_up": 0.5},
    "replay": {"calls": 6},
    "startup": {"starts": 1, "warm_ups": 0},
}

TARGETS = {
    "not_due": {("µs", 5)},
    "due": {("ms", 1)},
    "hearing": {("KiB", 200)},
    "notify": {("ms", 10), ("ms", 50), ("ms", 100)},
    "outage": {("attempts", 20), ("attempts", 1), ("of them", 1)},
    "policy": {("µs", 20)},
    "quality": {("dB", 1)},
    "replay": {("s", 30)},
    "startup": {("s", 4), ("s", 0.5)},
}
"""What each bench is to hold, by unit."""


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_gives_figures_beside_their_baselines(name: str) -> None:
    rows: list[Row] = import_module(f"bench.{name}").measure(**FEW[name])
    assert len({(row.name, row.baseline) for row in rows}) == len(rows)
    for row in rows:
        assert math.isfinite(row.figure)
        assert row.baseline
        assert row.baseline_figure >= 0
    assert {(row.unit, row.target) for row in rows if row.target is not None} == TARGETS.get(name, set())


async def test_the_probe_sees_what_holds_the_loop() -> None:
    async def work() -> None:
        began = time.thread_time()
        while time.thread_time() - began < 0.03:
            pass

    async def block() -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - blocking is the point

    with LoopProbe() as probe:
        held = await probe.watch(work())
        blocked = await probe.watch(block())
    assert 29 < held.held <= held.passed
    assert blocked.passed > 29


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_percentiles_are_values_that_were_measured(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected
    assert percentile([7], percent) == 7


def test_rows_as_a_table_and_as_json() -> None:
    rows = [
        Row("under its target", 2.0, "ms", "by hand", 8.0, target=3.0),
        Row("over its target", 4.0, "ms", "by hand", 8.0, target=3.0),
        Row("without one", 123.4, "µs", "by hand", 0.0),
    ]
    assert [row.met for row in rows] == [True, False, None]
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table("timing: how long", rows))
    shown = captured.get()
    assert [word in shown for word in ("timing: how long", "2.00 ms", "< 3 ms", "0.250", "123 µs")] == [True] * 5
    read = json.loads(json.dumps(report({"timing": rows})))
    assert read["rows"][0] == {
        "bench": "timing",
        "name": "under its target",
        "figure": 2.0,
        "unit": "ms",
        "target": 3.0,
        "met": True,
        "baseline": "by hand",
        "baseline_figure": 8.0,
        "ratio": 0.25,
    }
    assert read["rows"][2]["ratio"] is None


@pytest.mark.parametrize(
    ("arguments", "words"), [(["quick"], "no bench 'quick'"), (["policy", "--json=gone/it.json"], "no folder 'gone'")]
)
def test_wrong_arguments_are_told_before_anything_is_measured(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
