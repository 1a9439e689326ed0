"""What it takes to play recorded calls through other settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.recorded import fill
from bench.results import Row

DEEPGUARD = str(Path(sysconfig.get_path("scripts")) / "deepguard")
SECONDS = 30.0
BASELINE = "reading the rows with sqlite3"
SETTINGS = "{alert_after: 2 of 3, clear_after: 4}"

_READING = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
count = 0
for row in db.execute("SELECT * FROM verdicts ORDER BY call_id, id"):
    count += 1
print(count)
"""


class Cost(NamedTuple):
    """What a command took.

    Attributes:
        seconds: From its start to its end.
        cpu: Seconds of CPU time, with those of the processes that it started.
        mib: The most memory that one of its processes had, in MiB.
        output: What it wrote.
    """

    seconds: float
    cpu: float
    mib: float
    output: str


def measure(*, calls: int = 10_000) -> list[Row]:
    """`deepguard replay` of calls of ten minutes, with a picture every five seconds and a chunk of speech a minute.

    Args:
        calls: How many calls; an even number.
    """
    with tempfile.TemporaryDirectory(prefix="deepguard-bench-") as name:
        half, _, _ = _replayed(Path(name) / "half", calls // 2)
        whole, bare, verdicts = _replayed(Path(name) / "whole", calls)
    return [
        Row(f"{calls:,} calls: time", whole.seconds, "s", BASELINE, bare.seconds, SECONDS),
        Row(f"{calls:,} calls: CPU", whole.cpu, "s", BASELINE, bare.cpu),
        Row("CPU a verdict", whole.cpu / verdicts * 1e6, "µs", BASELINE, bare.cpu / verdicts * 1e6),
        Row("memory of the largest process", whole.mib, "MiB", f"{calls // 2:,} calls", half.mib),
    ]


def _replayed(folder: Path, calls: int) -> tuple[Cost, Cost, int]:
    folder.mkdir()
    fill(folder / "calls.db", calls)
    settings = f"store: {{url: {json.dumps(f'sqlite:///{folder}/calls.db')}}}\npolicy: {{thresholds: {SETTINGS}}}\n"
    (folder / "new.yaml").write_text(settings)
    bare = _cost(folder, sys.executable, "-c", _READING, str(folder / "calls.db"))
    cost = _cost(folder, DEEPGUARD, "replay", "--config=new.yaml", "--json")
    found = json.loads(cost.output)["after"]
    verdicts = int(bare.output)
    if (found["calls"], found["verdicts"]) != (calls, verdicts):
        raise RuntimeError(f"{found['calls']} calls with {found['verdicts']} verdicts were replayed, of {calls}")
    return cost, bare, verdicts


def _cost(folder: Path, *command: str) -> Cost:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DATASPIKE_", "DEEPGUARD_"))}
    with (folder / "out").open("w+") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=kept, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(_without_code(command))} failed")
        out.seek(0)
        output = out.read()
    kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return Cost(seconds, usage.ru_utime + usage.ru_stime, kib / 1024, output)


def _without_code(command: Sequence[str]) -> list[str]:
    return [part for part in command if "\n" not in part]
