"""The application of `deepguard run` on a port, in the test's own process: for what needs no process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from deepguard.runtime import Runtime
from deepguard.server.app import create_app
from deepguard.server.bind import bind


@contextlib.asynccontextmanager
async def serving(folder: Path, config: str, host: str = "127.0.0.1") -> AsyncIterator[tuple[Runtime, str]]:
    """A configuration at work, and where it is served.

    Args:
        folder: Where the configuration and the store are put.
        config: The configuration, without its store and its host.
        host: Where to listen.
    """
    file = folder / "deepguard.yaml"
    file.write_text(f"store: {{url: 'sqlite:///{folder}/deepguard.db'}}\n{config}")
    loaded = Runtime.load(file, {})
    server_params = loaded.config.server.model_copy(update={"host": host})
    runtime = Runtime(loaded.config.model_copy(update={"server": server_params}), loaded.host)
    sockets = bind(host, 0)
    server = uvicorn.Server(uvicorn.Config(create_app(runtime), log_config=None, access_log=False, lifespan="on"))
    running = asyncio.create_task(server._serve(sockets))  # its public method takes the test's signals
    try:
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        yield runtime, f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


__all__ = ["serving"]
