"""The callers, in a process of their own: ``python -m deepguard.density.callers``, asked by JSON lines.

It prepares media once, opens calls, tells what became of them, and closes them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import aiohttp
from loguru import logger

from deepguard.density.caller import Caller, Tracks
from deepguard.density.errors import DensityError
from deepguard.density.lines import answer_lines
from deepguard.density.media import Sound, make_clip, make_silence, make_speech
from deepguard.density.pacer import Pacer
from deepguard.density.packets import payloads_of
from deepguard.density.streams import Counts, Payloads
from deepguard.logs import LogFormat, configure_logs
from deepguard.server.files import allow_many_files

AT_ONCE = 4
"""Calls that are being connected at the same time."""

GOLDEN = 0.618034
"""Phases that lie this far apart are spread evenly, however many there are."""

SPREAD_SECONDS = 5.0
"""Calls begin spread over so long, a sampling period, as those do that have nothing to do with each other: pictures of
calls that begin together are due together."""


class Callers:
    """All callers of the process."""

    def __init__(self) -> None:
        """Begin without a caller, and without media."""
        self._counts = Counts()
        self._pacer = Pacer()
        self._callers: list[Caller] = []
        self._codec: Any = "vp8"
        self._video: Payloads = ()
        self._speech = self._silence = Sound((), ())

    async def answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question.

        Args:
            asked: ``do`` says what: prepare, open, begin (a window), figures, close.

        Raises:
            DensityError: A call could not be opened.
        """
        match asked["do"]:
            case "prepare":
                await asyncio.to_thread(self._prepare, asked["codec"], asked["seconds"])
                return {}
            case "open":
                await self._open(asked["url"], asked["calls"], self._speech if asked["speaks"] else self._silence)
                return {}
            case "begin":
                self._counts.packets = self._counts.repeated = self._counts.keyframes = 0
                self._pacer.reset()
                return {"at": time.monotonic()}
            case "figures":
                lost = sum(caller.lost for caller in self._callers)
                pace = {"sent": self._pacer.sent, "late": self._pacer.late, "worst": self._pacer.worst}
                return {**asdict(self._counts), **pace, "lost": lost}
            case "close":
                await self.close()
                return {}
        raise DensityError(f"callers do not know what '{asked['do']}' is")

    async def run(self) -> None:
        """Answer until whoever asks is gone."""
        pacing = asyncio.create_task(self._pacer.run())
        try:
            await answer_lines(self.answer)
        finally:
            pacing.cancel()
            await self.close()

    async def close(self) -> None:
        """Hang up all calls."""
        callers, self._callers = self._callers, []
        await asyncio.gather(*(caller.close() for caller in callers))

    def _prepare(self, codec: Any, seconds: float) -> None:
        self._codec = codec
        self._video = payloads_of(make_clip(codec, seconds))
        self._speech, self._silence = make_speech(), make_silence()

    async def _open(self, url: str, count: int, sound: Sound) -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        tracks = Tracks(self._codec, self._video, sound)

        async def call(caller: Caller, number: int) -> None:
            phase = number * GOLDEN % 1
            await asyncio.sleep(phase * SPREAD_SECONDS)
            async with turn:
                await caller.call(url, http, phase)

        async with aiohttp.ClientSession() as http:
            first = len(self._callers)
            fresh = [Caller(tracks, self._pacer, self._counts) for _ in range(count)]
            self._callers += fresh
            calling = [asyncio.create_task(call(caller, first + number)) for number, caller in enumerate(fresh)]
            try:
                await asyncio.gather(*calling)
            except aiohttp.ClientError as error:
                raise DensityError(f"the server does not answer: {type(error).__name__}") from None
            finally:
                for task in calling:
                    task.cancel()
                await asyncio.gather(*calling, return_exceptions=True)


def main() -> None:
    """The process."""
    allow_many_files()
    configure_logs(LogFormat.TEXT)
    try:
        asyncio.run(Callers().run())
    except Exception:
        logger.exception("The callers' process failed")
        raise


if __name__ == "__main__":
    main()
