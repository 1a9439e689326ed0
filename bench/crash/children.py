"""Children as their parent sees them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bench.crash.child import Settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
END_SECONDS = 30.0


@dataclass(slots=True)
class Process:
    """One child.

    Attributes:
        name: Which.
        process: The process.
        process_id: Its name in the store; empty until it is ready.
        ready_at: Unix time at which it began to deliver; None before.
        leaving_at: Unix time from which on it takes over nothing any more; None before.
        gone_at: Unix time of its end; None before.
        told: Notifications that it said to have recorded.
        ended: Whether it ended in order.
    """

    name: str
    process: asyncio.subprocess.Process
    process_id: str = ""
    ready_at: float | None = None
    leaving_at: float | None = None
    gone_at: float | None = None
    told: list[str] = field(default_factory=list)
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _warm: bool = False
    _reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, settings: Settings, log: IO[bytes]) -> Process:
        """Start a child that waits for ``go``, with all its code loaded."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.crash.child",
            settings.to_json(),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        child = cls(settings.name, process)
        child._reader = asyncio.create_task(child._read())
        return child

    async def go(self) -> None:
        """Let it begin; returns as soon as it was told."""
        await self._until(lambda: self._warm)
        await self.tell("go")

    async def ready(self) -> None:
        """Wait until it delivers."""
        await self._until(lambda: self.ready_at is not None)

    async def has_told(self, count: int) -> None:
        """Wait until it recorded so many notifications."""
        await self._until(lambda: len(self.told) >= count)

    async def tell(self, word: str) -> None:
        """Tell it what to do."""
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode() + b"\n")
        await self.process.stdin.drain()

    async def kill(self) -> None:
        """End it as a loss of power would.

        Raises:
            RuntimeError: It had ended by itself.
        """
        ended = self.process.returncode
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.gone_at = time.time()
        self.leaving_at = self.leaving_at or self.gone_at
        await self._finished()
        if ended is not None and not self.ended:
            raise RuntimeError(f"{self.name} had ended by itself ({ended}); see its log")

    def let_end(self) -> None:
        """Let it end in order."""
        assert self.process.stdin is not None
        self.leaving_at = time.time()
        self.process.stdin.close()

    async def end(self) -> None:
        """Let it end in order; kill it when it does not.

        Raises:
            RuntimeError: It did not end in order.
        """
        self.let_end()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._finished()
        finally:
            self.gone_at = time.time()
            if self.process.returncode is None:
                await self.kill()
        if not self.ended:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}; see its log")

    async def _finished(self) -> None:
        await self.process.wait()
        if self._reader is not None:
            await self._reader

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(START_SECONDS):
            while not holds():
                if self._reader is None or self._reader.done():
                    raise RuntimeError(f"{self.name} ended by itself ({self.process.returncode}); see its log")
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue  # killed in the middle of it
            self._warm = self._warm or "warm" in said
            if "ready" in said:
                self.process_id, self.ready_at = said["ready"], time.time()
            self.told += said.get("told", [])
            self.ended = self.ended or "ended" in said
            self._news.set()
        self._news.set()


class Children:
    """Starts children, one ahead, so that each that ended is replaced at once.

    Attributes:
        all: Every child that was let go.
    """

    def __init__(self, settings: Callable[[str], Settings], log: IO[bytes]) -> None:
        """Start none yet.

        Args:
            settings: Those of a child of a name.
            log: Takes what they log.
        """
        self.all: list[Process] = []
        self._settings = settings
        self._log = log
        self._numbers = itertools.count(1)
        self._spare: asyncio.Task[Process] | None = None

    @property
    def alive(self) -> list[Process]:
        """Those that were let go and have not ended."""
        return [child for child in self.all if child.gone_at is None]

    async def another(self, *, quiet: bool = False) -> Process:
        """Let one more go.

        Args:
            quiet: Whether it begins with quiet calls.
        """
        child = await (self._spare or self._new())
        self._spare = self._new()
        if quiet:
            await child.tell("quiet")
        await child.go()
        self.all.append(child)
        return child

    async def close(self) -> None:
        """Kill all that are left."""
        left = self.alive
        if self._spare is not None:
            left.append(await self._spare)
            self._spare = None
        await asyncio.gather(*(child.kill() for child in left))

    def _new(self) -> asyncio.Task[Process]:
        name = f"child-{next(self._numbers)}"
        return asyncio.create_task(Process.start(self._settings(name), self._log))
