"""What a thousand calls leave behind that were opened and closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from bench.results import Row
from deepguard.density import proc
from deepguard.density.child import Child, running
from deepguard.density.modes import MODES

AT_ONCE = 20
"""Calls that are opened together, give their first samples, and are hung up."""

BEFORE = 300
"""Calls after which what is kept of ended ones for a while has its full size."""

FEWER = "after the first of them"


def measure(*, calls: int = 1000) -> list[Row]:
    """Open and close calls, and look at the server's process.

    Args:
        calls: How many, the first ones not counted.
    """
    return asyncio.run(_measure(calls))


async def _measure(calls: int) -> list[Row]:
    mode = MODES["silent"]
    before = min(BEFORE, calls)
    async with (
        running("the callers' process", "deepguard.density.callers") as callers,
        running("the server", "deepguard.density.servers", "guarded", mode.name, str(AT_ONCE)) as server,
    ):
        await callers.ask("prepare", codec="vp8", seconds=1.0)
        url = (await server.ask("url"))["url"]
        await _open_and_close(server, callers, url, 0, before)
        first = _holds(server.pid)
        await _open_and_close(server, callers, url, before, calls)
        last = _holds(server.pid)
    return [
        Row("resident memory", last[0] / 1e6, "MB", FEWER, first[0] / 1e6),
        Row("open files", last[1], "files", FEWER, first[1]),
        Row("threads", last[2], "threads", FEWER, first[2]),
    ]


async def _open_and_close(server: Child, callers: Child, url: str, had: int, calls: int) -> None:
    for opened in range(0, calls, AT_ONCE):
        count = min(AT_ONCE, calls - opened)
        await callers.ask("open", url=url, calls=count, speaks=False)
        await server.ask("warm", calls=had + opened + count, sources=["camera"], seconds=60)
        await callers.ask("close")
        async with asyncio.timeout(30):
            while await _calls(url):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def _calls(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as response:
        return (await response.json())["calls"]


def _holds(pid: int) -> tuple[float, float, float]:
    """Bytes of memory, open files, and threads of a process."""
    root = Path("/proc") / str(pid)
    files, threads = (sum(1 for _ in (root / name).iterdir()) for name in ("fd", "task"))
    return proc.memory_bytes(pid), files, threads
