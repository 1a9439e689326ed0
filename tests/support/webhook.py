"""A webhook to send with, and peers to send to."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from deepguard_webhook.config import WebhookConfig
from deepguard_webhook.notifier import WebhookNotifier

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOOPBACK = ("127.0.0.0/8", "::1/128")

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def notifier(url: str, **settings: Any) -> AsyncIterator[WebhookNotifier]:
    """A notifier that has been started."""
    config = WebhookConfig.model_validate({"url": url, "allow_networks": LOOPBACK, **settings})
    made = WebhookNotifier(config)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


class Peer:
    """A server that speaks bytes, and counts who came.

    Attributes:
        port: Where it listens.
        came: How many connections it accepted.
    """

    def __init__(self, speak: Speak) -> None:
        self.came = 0
        self.port = 0
        self._speak = speak
        self._arrived = asyncio.Condition()

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        server = await asyncio.start_server(self._take, host, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self._host = host
        try:
            yield self
        finally:
            server.close()

    async def others_came(self) -> int:
        """How many connected before now: those are accepted before the one that is made here."""
        before = self.came
        _reader, writer = await asyncio.open_connection(self._host, self.port)
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(lambda: self.came > before)
        writer.close()
        return self.came - 1

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._arrived:
            self.came += 1
            self._arrived.notify_all()
        try:
            await self._speak(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of a request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the other side goes."""
    await reader.read()
