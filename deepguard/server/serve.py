"""Serves the application, and ends every call when a signal comes."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from deepguard.errors import DeepguardError
from deepguard.runtime import Runtime
from deepguard.server.app import create_app
from deepguard.server.sessions import Sessions


class Server(uvicorn.Server):
    """A server whose calls end as soon as a signal comes.

    Uvicorn waits for open answers before it ends the application's life span; live streams are open for as long as
    their calls last, so the calls must end first.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None], on_started: Callable[[], None]) -> None:
        """Prepare to serve.

        Args:
            config: Uvicorn's configuration.
            on_exit: Called in the event loop when a signal asked to end.
            on_started: Called in the event loop when requests are answered.
        """
        super().__init__(config)
        self._on_exit = on_exit
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while serving; unlike uvicorn's own, a served signal ends the process with 0."""
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_exit)


async def serve(runtime: Runtime, sockets: list[socket.socket], on_started: Callable[[], None]) -> None:
    """Serve until a signal comes; then end every call, and return.

    Args:
        runtime: What all calls share.
        sockets: Where to listen, already bound.
        on_started: Called when requests are answered.

    Raises:
        StoreError: The store cannot be used; says what to do.
        DeepguardError: It could not start.
    """
    try:
        # Before anything is answered: a store that cannot be used ends the start in its own words.
        await runtime.start()
        await _serve(runtime, sockets, on_started)
    finally:
        await runtime.close()


async def _serve(runtime: Runtime, sockets: list[socket.socket], on_started: Callable[[], None]) -> None:
    settings = runtime.config.server
    sessions = Sessions(settings.max_calls)
    closing: list[asyncio.Task[None]] = []

    def on_exit() -> None:
        if not closing:
            closing.append(asyncio.create_task(sessions.close(settings.shutdown_timeout)))

    config = uvicorn.Config(
        create_app(runtime, sessions),
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=int(settings.shutdown_timeout) + 1,
    )
    server = Server(config, on_exit, on_started)
    await server.serve(sockets)
    await asyncio.gather(*closing)
    if not server.started and not closing:
        raise DeepguardError("the server could not start; its log says why")
