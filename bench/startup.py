"""How soon `deepguard run` serves, and `deepguard check` answers."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.results import Row

DEEPGUARD = str(Path(sysconfig.get_path("scripts")) / "deepguard")
PIPECAT_IMPORTS = "import pipecat.pipeline.worker, pipecat.transports.smallwebrtc.transport"
RUN_SECONDS = 4.0
CHECK_SECONDS = 0.5
LIMIT_SECONDS = 120
POLL_SECONDS = 0.01


class Start(NamedTuple):
    """One start of a program, in seconds.

    Attributes:
        until_done: From its start until it served, or until it ended when it is not a server.
        user_cpu: CPU time in user mode, to its end.
    """

    until_done: float
    user_cpu: float


class Program:
    """A program that was started, without what the environment says about deepguard."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DATASPIKE_", "DEEPGUARD_"))}
        self.began = time.perf_counter()
        with (folder / "stderr").open("w") as stderr:
            self._process = subprocess.Popen(command, cwd=folder, env=kept, stdout=subprocess.DEVNULL, stderr=stderr)
        self._command = command
        self._stderr = folder / "stderr"

    def until_ready(self, port: int) -> float:
        """Seconds until it answers /readyz, asked again and again."""
        while not _is_ready(port):
            if self._process.poll() is not None or time.perf_counter() - self.began > LIMIT_SECONDS:
                self._process.kill()
                raise self._failed()
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - self.began

    def end(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def user_cpu(self) -> float:
        """Wait for its end; seconds of CPU time in user mode."""
        limit = threading.Timer(LIMIT_SECONDS, self._process.kill)
        limit.start()
        _, status, usage = os.wait4(self._process.pid, 0)
        limit.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            raise self._failed()
        return usage.ru_utime

    def _failed(self) -> RuntimeError:
        return RuntimeError(f"{' '.join(self._command)} failed:\n{self._stderr.read_text()[-2000:]}")


def measure(*, starts: int = 5, warm_ups: int = 1) -> list[Row]:
    """Start each command and its baseline in turns.

    Args:
        starts: How often each is started.
        warm_ups: How often before that, uncounted, so that files are compiled and cached.
    """
    with tempfile.TemporaryDirectory(prefix="deepguard-bench-") as name:
        folder = Path(name)
        _to_its_end(folder, DEEPGUARD, "init")
        ran, imported = _in_turns(
            starts,
            warm_ups,
            lambda: _until_ready(folder),
            lambda: _to_its_end(folder, sys.executable, "-c", PIPECAT_IMPORTS),
        )
        checked, nothing = _in_turns(
            starts,
            warm_ups,
            lambda: _to_its_end(folder, DEEPGUARD, "check"),
            lambda: _to_its_end(folder, sys.executable, "-c", "pass"),
        )
    return [
        *_rows("run ready", ran, "importing Pipecat", imported, RUN_SECONDS),
        *_rows("check done", checked, "python -c pass", nothing, CHECK_SECONDS),
    ]


def _in_turns(times: int, warm_ups: int, *starts: Callable[[], Start]) -> list[list[Start]]:
    rounds = [[start() for start in starts] for _ in range(warm_ups + times)]
    return [list(column) for column in zip(*rounds[warm_ups:], strict=True)]


def _until_ready(folder: Path) -> Start:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Program([DEEPGUARD, "run", "--host=127.0.0.1", f"--port={port}"], folder)
    ready = program.until_ready(port)
    program.end()
    return Start(ready, program.user_cpu())


def _to_its_end(folder: Path, *command: str) -> Start:
    program = Program(command, folder)
    user_cpu = program.user_cpu()
    return Start(time.perf_counter() - program.began, user_cpu)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _rows(what: str, measured: Sequence[Start], baseline: str, baselines: Sequence[Start], target: float) -> list[Row]:
    rows = []
    for word, choose in {"min": min, "median": median, "max": max}.items():
        figure, against = (choose([start.until_done for start in starts]) for starts in (measured, baselines))
        rows.append(Row(f"{what}, {word}", figure, "s", baseline, against, target))
    figure, against = (median([start.user_cpu for start in starts]) for starts in (measured, baselines))
    return [*rows, Row(f"{what.split()[0]}: user CPU, median", figure, "s", baseline, against)]
