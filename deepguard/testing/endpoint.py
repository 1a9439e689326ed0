"""An HTTP server that answers as a test wants, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Self

from aiohttp import web

STANDSTILL = 3.0
"""Seconds that the event loop of whoever asks may stand still before it counts as blocked."""

_DRIP = 0.05
_RESET = struct.pack("ii", 1, 0)


class Manner(Enum):
    """How an answer is given."""

    WHOLE = auto()
    HANG = auto()
    """Never."""
    RESET = auto()
    """The connection is reset instead."""
    DRIP = auto()
    """The head at once, the body a byte every 50 ms, and no end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answers to a request.

    Attributes:
        status: The HTTP status.
        body: Bytes or text as they are; anything else is sent as JSON.
        headers: Further headers.
        manner: How it is given.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE

    @classmethod
    def hang(cls) -> Answer:
        """Take the request, and never answer."""
        return cls(manner=Manner.HANG)

    @classmethod
    def reset(cls) -> Answer:
        """Take the request, and reset the connection."""
        return cls(manner=Manner.RESET)

    @classmethod
    def drip(cls, status: int = 200) -> Answer:
        """Answer, but never come to the end of it."""
        return cls(status, manner=Manner.DRIP)

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Answer:
        """Send the client to ``location``."""
        return cls(status, headers={"Location": location})

    def with_status(self, status: int) -> Answer:
        """The same answer with another status."""
        return replace(self, status=status)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the endpoint took.

    Attributes:
        method: ``POST``, for example.
        path: Without the query, percent-decoded.
        query: The query's values by name; of several of one name the last.
        headers: The headers; names are found in any case.
        body: The bytes.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Answering = Answer | Callable[[Request], Answer]
"""An answer, or what makes one from the request; it is called in the endpoint's own thread."""


class ScriptedEndpoint:
    """An HTTP server on a free port of 127.0.0.1, as an asynchronous context manager.

    It runs in a thread of its own: a client that blocks the event loop is answered all the same, and ``blocked`` says
    so afterwards.

    Attributes:
        url: ``http://127.0.0.1:`` and the port, once it runs.
        requests: What it was asked, in order.
        default: What it answers when nothing else is scripted.
        blocked: Whether an event loop stood still while it waited for an answer.
    """

    def __init__(self, default: Answering = Answer()) -> None:
        """Prepare; nothing runs yet.

        Args:
            default: What it answers when nothing else is scripted.
        """
        self.url = ""
        self.requests: list[Request] = []
        self.default = default
        self.blocked = False
        self._script: deque[Answering] = deque()
        self._waiting: set[asyncio.Event] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted endpoint", daemon=True)

    def answer(self, *answers: Answering) -> None:
        """Answer the next requests with these, one each, and only then with ``default``."""
        self._script.extend(answers)

    async def wait_for(self, count: int, seconds: float = 5.0) -> list[Request]:
        """Wait until it was asked at least ``count`` times, and return all that it was asked.

        Args:
            count: How often.
            seconds: How long at most.

        Raises:
            TimeoutError: Too few requests came in time.
        """
        await self._until(lambda: len(self.requests) >= count, seconds)
        return list(self.requests)

    async def wait_until_left(self, seconds: float = 5.0) -> None:
        """Wait until no connection to it is open any more.

        Args:
            seconds: How long at most.

        Raises:
            TimeoutError: There still is one.
        """
        await self._until(lambda: not self._server.open, seconds)

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        self._asking = asyncio.get_running_loop()
        self._thread.start()
        await self._in_thread(self._start())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """End: what hangs is cut off."""
        await self._in_thread(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = _Server(self._take, self._tell)
        # To aiohttp, 0 means without end.
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _in_thread(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        async def wait() -> None:
            news = asyncio.Event()
            self._waiting.add(news)
            try:
                async with asyncio.timeout(seconds):
                    while not holds():
                        news.clear()
                        await news.wait()
            finally:
                self._waiting.discard(news)

        await self._in_thread(wait())

    def _tell(self) -> None:
        for news in self._waiting:
            news.set()

    async def _take(self, asked: web.BaseRequest) -> web.StreamResponse:
        body = await asked.content.read()
        request = Request(asked.method, asked.path, dict(asked.query), asked.headers.copy(), body)
        self.requests.append(request)
        self._tell()
        await self._see_whether_the_client_runs()
        answering = self._script.popleft() if self._script else self.default
        answer = answering(request) if callable(answering) else answering
        return await self._give(asked, answer)

    async def _see_whether_the_client_runs(self) -> None:
        if self.blocked:
            return
        runs = asyncio.Event()
        self._asking.call_soon_threadsafe(self._loop.call_soon_threadsafe, runs.set)
        try:
            async with asyncio.timeout(STANDSTILL):
                await runs.wait()
        except TimeoutError:
            self.blocked = True

    async def _give(self, asked: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        # A client that blocks its event loop could not be cancelled: it would hang for good.
        if self.blocked and answer.manner in (Manner.HANG, Manner.DRIP):
            return web.Response()
        if answer.manner is Manner.HANG:
            await asyncio.Event().wait()
        if answer.manner is Manner.RESET and asked.transport is not None:
            asked.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            asked.transport.abort()
        if answer.manner is Manner.DRIP:
            await self._drip(asked, answer)
        body = answer.body
        headers = dict(answer.headers)
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        return web.Response(status=answer.status, body=body, headers=headers)

    async def _drip(self, asked: web.BaseRequest, answer: Answer) -> None:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(asked)
        while True:
            await response.write(b" ")
            await asyncio.sleep(_DRIP)


class _Server(web.Server):
    """Counts the connections that are open, and tells when that changes."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], tell: Callable[[], None]
    ) -> None:
        # Without a log of its own: the paths in it may hold the very secrets that a test looks for.
        super().__init__(handler, handler_cancellation=True, access_log=None)
        self.open = 0
        self._tell = tell

    def connection_made(self, handler: Any, transport: Any) -> None:
        super().connection_made(handler, transport)
        self.open += 1

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.open -= 1
        self._tell()


__all__ = ["Answer", "Answering", "Manner", "Request", "ScriptedEndpoint"]
