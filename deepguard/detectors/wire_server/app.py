"""The application: who may connect, and how many."""

from __future__ import annotations

import asyncio
import hmac
import itertools

from aiohttp import WSCloseCode, web
from loguru import logger
from pydantic import SecretStr

from deepguard.contracts import DetectorType, PluginConfig
from deepguard.detectors.wire_server.connection import CLOSE_SECONDS, WireConnection

MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_CONNECTIONS = 64
RETRY_AFTER_SECONDS = 5
HEARTBEAT_SECONDS = 20.0


def create_app(
    kind: DetectorType,
    config: PluginConfig,
    *,
    api_key: SecretStr | None = None,
    max_connections: int = MAX_CONNECTIONS,
    max_frame_bytes: int = MAX_FRAME_BYTES,
) -> web.Application:
    """Serve a detector: each connection gets an instance of its own.

    Args:
        kind: Which detector.
        config: Its settings.
        api_key: What ``Authorization: Bearer …`` must say; None lets everybody in.
        max_connections: Connections at once; more are refused with 503 and ``Retry-After``.
        max_frame_bytes: Most bytes of one message; a connection that sends more is closed with 1009.
    """
    gate = _Gate(kind, config, api_key, max_connections, max_frame_bytes)
    app = web.Application()
    # Every path, so that an address made for the service itself needs another host and nothing else.
    app.router.add_get("/{path:.*}", gate.handle)
    app.on_shutdown.append(gate.close)
    return app


class _Gate:
    def __init__(
        self,
        kind: DetectorType,
        config: PluginConfig,
        api_key: SecretStr | None,
        max_connections: int,
        max_frame_bytes: int,
    ) -> None:
        self._kind = kind
        self._config = config
        self._api_key = api_key
        self._max_connections = max_connections
        self._max_frame_bytes = max_frame_bytes
        self._open: set[WireConnection] = set()
        self._numbers = itertools.count(1)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "Origin" in request.headers:
            # A page of another site that the user happens to look at must not reach a service on loopback.
            raise web.HTTPForbidden(text="web pages may not connect\n")
        if not self._authorized(request):
            raise web.HTTPUnauthorized(text="wrong or missing API key\n", headers={"WWW-Authenticate": "Bearer"})
        if len(self._open) >= self._max_connections:
            logger.warning("Refused a connection: {} are open", len(self._open))
            raise web.HTTPServiceUnavailable(
                text="too many connections\n", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
            )
        ws = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=self._max_frame_bytes, compress=False, timeout=CLOSE_SECONDS
        )
        connection = WireConnection(f"wire-{next(self._numbers)}", ws, request, self._kind.factory(self._config))
        # Counted before the handshake, which waits for the peer.
        self._open.add(connection)
        try:
            await ws.prepare(request)
            await connection.run()
        finally:
            self._open.discard(connection)
        return ws

    def _authorized(self, request: web.Request) -> bool:
        if self._api_key is None:
            return True
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given = key.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._api_key.get_secret_value().encode())

    async def close(self, app: web.Application) -> None:
        await asyncio.gather(
            *(connection.hang_up(WSCloseCode.GOING_AWAY, "the server is ending") for connection in tuple(self._open))
        )


__all__ = ["MAX_CONNECTIONS", "MAX_FRAME_BYTES", "create_app"]
