"""How the measurement talks to the other processes: one JSON object a line, asked on standard input and answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from deepguard.density.errors import DensityError

LONGEST = 1 << 26
"""Bytes of a line: the samples of many calls."""

Answer: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


async def answer_lines(answer: Answer) -> None:
    """Answer what comes on standard input, until it ends: then whoever asked is gone, and waits for no answer.

    Args:
        answer: Gives the answer to one question; a ``DensityError`` is told as such.
    """
    # Whatever else is printed in this process must not stand between two answers.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reader = asyncio.StreamReader(limit=LONGEST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def read() -> None:
        while line := await reader.readline():
            lines.put_nowait(line)

    async def answer_all() -> None:
        while True:
            try:
                said = dict(await answer(json.loads(await lines.get())))
            except DensityError as error:
                said = {"error": str(error)}
            print(json.dumps(said), file=out, flush=True)

    tasks = [asyncio.create_task(read()), asyncio.create_task(answer_all())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what an answer failed with
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["LONGEST", "answer_lines"]
