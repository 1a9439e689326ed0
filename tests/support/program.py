"""`deepguard run` as a process of its own, as an operator starts it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

DEEPGUARD = Path(sysconfig.get_path("scripts")) / "deepguard"


class Program:
    """A running `deepguard run`.

    Attributes:
        url: Where it serves.
        lines: What it has logged so far, one JSON object a line.
        process: The process.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        self.lines: list[dict[str, Any]] = []
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"message": line.decode(errors="replace").rstrip()}
            self.lines.append(entry)
            if "url" in entry:
                self.url = entry["url"]
                self._ready.set()
        self._ready.set()

    @property
    def log(self) -> str:
        return "\n".join(str(entry.get("message")) for entry in self.lines)

    async def ready(self) -> None:
        await asyncio.wait_for(self._ready.wait(), 60)
        assert self.url, f"deepguard did not start:\n{self.log}"

    async def stop(self) -> int:
        """Ask it to end as a service manager does; gives its exit code."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), 30)
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            await self._reader


@contextlib.asynccontextmanager
async def running(
    *arguments: str,
    cwd: Path,
    config: str | None = None,
    env: dict[str, str] | None = None,
    program: Path = DEEPGUARD,
) -> AsyncIterator[Program]:
    """`deepguard run` on a free port, ready; with the configuration that is there already, if none is given."""
    if config is not None:
        (cwd / "deepguard.yaml").write_text(config)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DATASPIKE_", "DEEPGUARD_"))}
    process = await asyncio.create_subprocess_exec(
        program,
        "run",
        "--port=0",
        "--log-format=json",
        *arguments,
        cwd=cwd,
        env={**clean, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    started = Program(process)
    try:
        await started.ready()
        yield started
    finally:
        await started.stop()


async def deepguard(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """One command to its end: exit code, standard output, standard error."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DATASPIKE_", "DEEPGUARD_"))}
    process = await asyncio.create_subprocess_exec(
        DEEPGUARD,
        *arguments,
        cwd=cwd,
        env={**clean, "NO_COLOR": "1", "COLUMNS": "200", **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


__all__ = ["DEEPGUARD", "Program", "deepguard", "running"]
