"""The server that is measured, in a process of its own: ``python -m deepguard.density.servers``, asked by JSON lines.

It serves with or without a guard until it is no longer asked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loguru import logger

from deepguard.density.baseline import serve_baseline
from deepguard.density.errors import DensityError
from deepguard.density.guarded import serve_guarded
from deepguard.density.lines import answer_lines
from deepguard.density.modes import MODES, Mode
from deepguard.density.noting import Arrivals, LoopProbe
from deepguard.logs import LogFormat, configure_logs
from deepguard.model import Source
from deepguard.server import loop
from deepguard.server.files import allow_many_files


class Served:
    """What is told of the server."""

    def __init__(self) -> None:
        """Begin before the server answers."""
        self.arrivals = Arrivals()
        self.probe = LoopProbe()
        self._url: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def started(self) -> str:
        """Wait until the server answers; gives where."""
        return await asyncio.shield(self._url)

    def on_started(self, url: str) -> None:
        """Note where the server answers."""
        self._url.set_result(url)

    async def answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question.

        Args:
            asked: ``do`` says what: url, warm (wait for first samples), begin and end (of a window),
                samples (of the server's whole life).

        Raises:
            DensityError: Samples do not come.
        """
        match asked["do"]:
            case "url":
                return {"url": await self.started()}
            case "warm":
                await self._warm(asked["calls"], {Source(name) for name in asked["sources"]}, asked["seconds"])
                return {}
            case "begin":
                self.probe.lags.clear()
                return {"at": time.monotonic()}
            case "end":
                return {"at": time.monotonic(), "lags": self.probe.lags}
            case "samples":
                return {"samples": self.arrivals.taken}
        raise DensityError(f"the server does not know what '{asked['do']}' is")

    async def _warm(self, calls: int, sources: set[Source], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.arrivals.of_calls(calls, sources)
        except TimeoutError:
            names = " and ".join(sorted(source.value for source in sources))
            raise DensityError(f"not all of {calls} calls gave a sample of {names} within {seconds:g} s") from None


async def _run(kind: str, mode: Mode, calls: int) -> None:
    served = Served()
    helping = [asyncio.create_task(served.probe.run()), asyncio.create_task(_answer(served))]
    try:
        if kind == "guarded":
            # Removed here: this process ends in order even where the one that asks is killed.
            with tempfile.TemporaryDirectory(prefix="deepguard-density-") as folder:
                await serve_guarded(mode, calls, Path(folder), served.arrivals, served.on_started)
        else:
            await serve_baseline(mode, served.arrivals, served.on_started)
    finally:
        for task in helping:
            task.cancel()
        await asyncio.gather(*helping, return_exceptions=True)


async def _answer(served: Served) -> None:
    try:
        await answer_lines(served.answer)
    finally:
        # Whoever asked is gone: end as a service manager would end it, which takes a server that takes signals.
        await served.started()
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("guarded", "baseline"))
    parser.add_argument("mode", choices=tuple(MODES))
    parser.add_argument("calls", type=int)
    given = parser.parse_args()
    allow_many_files()
    configure_logs(LogFormat.TEXT)
    try:
        # Each as it is served: bots run in Python's own event loop unless somebody sees to another.
        run = loop.run if given.kind == "guarded" else asyncio.run
        run(_run(given.kind, MODES[given.mode], given.calls))
    except Exception:
        logger.exception("The server failed")
        raise


if __name__ == "__main__":
    main()
