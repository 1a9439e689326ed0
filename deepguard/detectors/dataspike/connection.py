"""One WebSocket connection to the service: opened, used and closed within bounded times; its end is explained."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSCloseCode, WSMsgType

from deepguard.detectors.dataspike.backoff import parse_retry_after
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.text import one_line

MAX_MESSAGE_BYTES = 64 * 1024
"""Most bytes of one answer; a verdict needs a few hundred."""

REFUSED_STATUS = frozenset({401, 402, 403})
REFUSED_CLOSE = frozenset({4401, 4403, int(WSCloseCode.POLICY_VIOLATION)})
BUSY_STATUS = frozenset({429, 503})


class ConnectionLostError(Exception):
    """The connection could not be made or has ended; the text is for people and holds no secret."""


class ServiceBusyError(ConnectionLostError):
    """The service asked to be left alone for a while.

    Attributes:
        retry_after: Seconds that it asked for, already capped; None when it did not say.
    """

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        """Say what the service said."""
        super().__init__(detail)
        self.retry_after = retry_after


class KeyRefusedError(ConnectionLostError):
    """The service does not accept the key, or has blocked the account."""


class MessageTooBigError(ConnectionLostError):
    """The service sent more at once than any verdict needs."""


class NotAMessageError(Exception):
    """What came in is not binary, so no verdict."""


class Connection:
    """An open WebSocket to the service. One task may send while another receives."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, config: DataspikeConfig) -> None:
        """Take over an open ``ws``; ``connect`` makes one."""
        self._ws = ws
        self._config = config
        # Kept from the start: a response that has closed itself knows its socket no more.
        self._socket: socket.socket | None = ws.get_extra_info("socket")

    @classmethod
    async def connect(cls, session: aiohttp.ClientSession, config: DataspikeConfig) -> Connection:
        """Connect and authenticate.

        Args:
            session: Whose connector to use.
            config: Where to, with which key, and within which times.

        Raises:
            ConnectionLostError: It did not work; the subclasses say what kind of answer came.
        """
        host = urlsplit(config.url).netloc
        if session.closed:
            raise ConnectionLostError("whoever owns the HTTP session has closed it")
        try:
            async with asyncio.timeout(config.connect_timeout):
                ws = await session.ws_connect(
                    config.url,
                    headers={"Authorization": f"Bearer {config.api_key.get_secret_value()}"},
                    heartbeat=config.heartbeat,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    compress=0,
                )
        except aiohttp.ClientResponseError as error:
            _raise_for_handshake(error, host, config)
        except TimeoutError:
            raise ConnectionLostError(f"{host} did not answer within {config.connect_timeout:g} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise ConnectionLostError(f"the TLS certificate of {host} is not trusted") from None
        except aiohttp.ClientConnectorDNSError:
            raise ConnectionLostError(
                f"the name {host} cannot be found: is the network there, is the url right?"
            ) from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or type(error.os_error).__name__
            raise ConnectionLostError(f"cannot connect to {host}: {one_line(reason)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ConnectionLostError(f"cannot connect to {host} ({type(error).__name__})") from None
        return cls(ws, config)

    async def send(self, payload: bytes) -> None:
        """Send one message.

        Raises:
            ConnectionLostError: It could not be handed to the network in time.
        """
        try:
            async with asyncio.timeout(self._config.send_timeout):
                await self._ws.send_bytes(payload)
        except TimeoutError:
            raise ConnectionLostError(f"the service took nothing for {self._config.send_timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLostError(f"the connection was lost ({type(error).__name__})") from None

    async def receive(self) -> bytes:
        """Wait for the next message.

        Raises:
            ConnectionLostError: The connection has ended.
            NotAMessageError: A text came, which the protocol does not know.
        """
        message = await self._ws.receive()
        match message.type:
            case WSMsgType.BINARY:
                return message.data
            case WSMsgType.TEXT:
                raise NotAMessageError
            case WSMsgType.ERROR if isinstance(message.data, aiohttp.ServerTimeoutError):
                raise ConnectionLostError("the service does not answer pings any more")
            case WSMsgType.ERROR if isinstance(message.data, aiohttp.WebSocketError):
                if message.data.code == WSCloseCode.MESSAGE_TOO_BIG:
                    raise MessageTooBigError(f"the service sent a message of more than {MAX_MESSAGE_BYTES // 1024} KiB")
                raise ConnectionLostError("the service broke the WebSocket protocol")
            case WSMsgType.CLOSE:
                # A peer may quote what it was sent.
                reason = str(message.extra or "").replace(self._config.api_key.get_secret_value(), "***")
                _raise_for_close(int(message.data or 0), one_line(reason))
        raise ConnectionLostError("the connection was lost")

    async def close(self) -> None:
        """Say goodbye, for a bounded time, and let the socket go whatever the peer does."""
        # A task, as aiohttp may end it as cancelled when nobody cancelled it.
        closing = asyncio.create_task(self._ws.close(), name="dataspike close WebSocket")
        try:
            await asyncio.wait({closing}, timeout=self._config.close_timeout)
        finally:
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            # A transport with unsent data would keep its socket until a peer that stopped reading reads again.
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def _raise_for_handshake(error: aiohttp.ClientResponseError, host: str, config: DataspikeConfig) -> NoReturn:
    answer = f"{host} answered HTTP {error.status}"
    if error.status in REFUSED_STATUS:
        raise KeyRefusedError(answer) from None
    if error.status in BUSY_STATUS:
        header = error.headers.get("Retry-After") if error.headers else None
        wait = parse_retry_after(header, datetime.now(UTC), config.retry_after_cap)
        raise ServiceBusyError(f"{answer}: it asks to wait", wait) from None
    if error.status == 404:
        answer += ": is the url right?"
    raise ConnectionLostError(answer) from None


def _raise_for_close(code: int, reason: str) -> NoReturn:
    ended = f"the service closed the connection with code {code}" + (f" ({reason})" if reason else "")
    if code in REFUSED_CLOSE:
        raise KeyRefusedError(ended)
    if code == WSCloseCode.TRY_AGAIN_LATER:
        raise ServiceBusyError(ended)
    raise ConnectionLostError(ended)


__all__ = [
    "MAX_MESSAGE_BYTES",
    "Connection",
    "ConnectionLostError",
    "KeyRefusedError",
    "MessageTooBigError",
    "NotAMessageError",
    "ServiceBusyError",
]
