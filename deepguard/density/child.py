"""A process that the measurement asks, as the measurement sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any, cast

from deepguard.density.errors import DensityError
from deepguard.density.lines import LONGEST
from deepguard.text import one_line

STOP_SECONDS = 5.0
"""How long a process may take to end by itself."""

ANSWER_SECONDS = 300.0


class Child:
    """A process that answers JSON lines; made by ``running``.

    Attributes:
        pid: Its number.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        """Take a process.

        Args:
            name: What it is, for errors.
            process: The process.
            log: Where its standard error goes.
        """
        self.pid = process.pid
        self._name = name
        self._process = process
        # Both are there: they were asked for when the process was made.
        self._asks = cast("asyncio.StreamWriter", process.stdin)
        self._answers = cast("asyncio.StreamReader", process.stdout)
        self._log = log

    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Ask it to do something, and wait for its answer.

        Args:
            do: What.
            **more: What it must know for that.

        Raises:
            DensityError: It cannot, or it ended.
        """
        line = b""
        try:
            self._asks.write(json.dumps({"do": do, **more}).encode() + b"\n")
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._asks.drain()
                line = await self._answers.readline()
        except ConnectionError:
            pass
        except TimeoutError:
            raise DensityError(f"{self._name} did not answer within {ANSWER_SECONDS:g} s") from None
        if not line:
            raise DensityError(f"{self._name} ended: {self._last_words()}")
        said = json.loads(line)
        if "error" in said:
            raise DensityError(said["error"])
        return said

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return one_line(lines[-1], 300) if lines else "it said nothing"

    async def stop(self) -> None:
        """End it: closing its standard input is enough, unless it hangs."""
        self._asks.close()
        for hurry in (self._process.terminate, self._process.kill):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            if self._process.returncode is not None:
                return
            hurry()
        await self._process.wait()


@contextlib.asynccontextmanager
async def running(name: str, module: str, *arguments: str) -> AsyncIterator[Child]:
    """A process for as long as the block lasts.

    Args:
        name: What it is, for errors.
        module: What it runs, as ``python -m`` does.
        *arguments: Its arguments.
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=LONGEST,
            # Ctrl-C is for the one who asks; it ends the others in order.
            start_new_session=True,
        )
        child = Child(name, process, log)
        try:
            yield child
        finally:
            await child.stop()


__all__ = ["Child", "running"]
