"""The web service that is told, and answers as badly as the moment demands."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp import web

from bench.crash.child import HOST_HEADER

Mood: TypeAlias = Literal["calm", "stormy", "dead"]
Manner: TypeAlias = Literal["ok", "503", "503 with Retry-After", "hang", "reset unread", "reset read"]

MOODS: Mapping[Mood, Mapping[Manner, int]] = {
    "calm": {"ok": 1},
    "stormy": {"ok": 70, "503": 8, "503 with Retry-After": 6, "hang": 2, "reset unread": 7, "reset read": 7},
    "dead": {"503": 2, "reset unread": 1},
}
SLOWEST = 0.03
"""Seconds that an answer takes at most when it is a good one."""
HANG_SECONDS = 30.0
"""Longer than any attempt."""
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request.

    Attributes:
        at: Unix time at which it came.
        route: Which notifier sent it.
        host: Which child sent it.
        message_id: Its ``webhook-id``.
        manner: How it was answered.
        body: What it said; empty when it was not read.
    """

    at: float
    route: str
    host: str
    message_id: str
    manner: Manner
    body: bytes = b""

    @property
    def received(self) -> bool:
        """Whether it was answered with 2xx: only that counts, for nothing else obliges the receiver."""
        return self.manner == "ok"

    def is_before(self, other: Arrival) -> bool:
        """Whether the other is the same message, later."""
        return (self.route, self.message_id) == (other.route, other.message_id) and self.at < other.at

    @property
    def type(self) -> str:
        """What it told."""
        return json.loads(self.body)["type"]


class Receiver:
    """A server on loopback.

    Attributes:
        mood: How it answers.
        arrivals: All requests, in the order in which they were answered.
        url: Where it is; the route's name belongs behind it.
    """

    def __init__(self, seed: int) -> None:
        self.mood: Mood = "calm"
        self.arrivals: list[Arrival] = []
        self.url = ""
        self._random = random.Random(seed)
        self._trap: asyncio.Future[Arrival] | None = None
        self._news = asyncio.Event()
        app = web.Application()
        app.router.add_post("/{route}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def close(self) -> None:
        """End every connection."""
        await self._runner.cleanup()

    def hang_next(self) -> asyncio.Future[Arrival]:
        """Let the next request hang, whatever the mood; the future tells which it was."""
        self._trap = asyncio.get_running_loop().create_future()
        return self._trap

    async def comes(self, wanted: Callable[[Arrival], bool]) -> Arrival:
        """Wait for a request; the last one that came when there are several."""
        while True:
            if found := next(filter(wanted, reversed(self.arrivals)), None):
                return found
            self._news.clear()
            await self._news.wait()

    async def _take(self, request: web.Request) -> web.Response:
        manner: Manner
        at, trap = time.time(), self._trap
        if trap is not None:
            self._trap, manner = None, "hang"
        else:
            chances = MOODS[self.mood]
            (manner,) = self._random.choices(list(chances), list(chances.values()))
        body = b"" if manner == "reset unread" else await request.read()
        if manner == "ok":
            await asyncio.sleep(self._random.uniform(0.0, SLOWEST))
        headers = request.headers
        arrival = Arrival(at, request.match_info["route"], headers[HOST_HEADER], headers["webhook-id"], manner, body)
        self.arrivals.append(arrival)
        self._news.set()
        if trap is not None:
            trap.set_result(arrival)
        return await self._answer(request, manner)

    async def _answer(self, request: web.Request, manner: Manner) -> web.Response:
        match manner:
            case "ok":
                return web.Response(status=204)
            case "503 with Retry-After":
                return web.Response(status=503, headers={"Retry-After": str(self._random.randint(0, 1))})
            case "hang":
                await asyncio.sleep(HANG_SECONDS)
            case "reset unread" | "reset read" if request.transport is not None:
                request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                request.transport.abort()
        return web.Response(status=503)
