"""Tells a web service."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import aiohttp
from standardwebhooks import Webhook
from yarl import URL

from deepguard import Notification, Notifier, NotifyError, __version__
from deepguard_webhook.addresses import AddressGuard
from deepguard_webhook.body import body_of
from deepguard_webhook.config import WebhookConfig
from deepguard_webhook.failures import explain


class WebhookNotifier(Notifier):
    """Posts each notification as signed JSON."""

    def __init__(self, config: WebhookConfig) -> None:
        """Prepare; nothing is opened yet."""
        # As it was written: tokens in it must not be encoded in another way.
        self._url = URL(config.url.get_secret_value(), encoded=True)
        self._host = self._url.host or ""
        self._signers = [Webhook(key) for key in config.keys]
        self._config = config
        self._guard = AddressGuard(config.networks, named_only=self._url.scheme == "http")
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Read the certificates and make ready to connect; nothing is sent.

        Raises:
            NotifyError: ``ca_file`` cannot be used.
        """
        tls = await self._tls()
        self._session = aiohttp.ClientSession(
            # A connection for each attempt: alerts are rare, and one that was kept may be dead without anybody knowing.
            # For the same reason names are looked up anew, as a service that failed over wants it.
            connector=aiohttp.TCPConnector(
                ssl=tls, socket_factory=self._guard.open_socket, force_close=True, use_dns_cache=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Core limits the time of a whole attempt.
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            trust_env=False,
        )

    async def send(self, notification: Notification) -> None:
        """Post one notification.

        Raises:
            NotifyError: It was not answered with 2xx, or could not be sent.
        """
        failure = await self._attempt(notification)
        # Not raised where it was caught: what aiohttp raises knows the URL and the headers, and would hang on to it.
        if failure:
            raise failure

    async def close(self) -> None:
        """Let go of the session."""
        if self._session:
            await self._session.close()

    async def _attempt(self, notification: Notification) -> NotifyError | None:
        if self._session is None:
            return NotifyError("the webhook has not been started")
        body = body_of(notification)
        self._guard.begin()
        try:
            answer = await self._session.post(
                self._url, data=body.encode(), headers=self._headers(notification.id, body), allow_redirects=False
            )
        except (aiohttp.ClientError, OSError) as error:
            return self._refused() or explain(self._host, error)
        # The status is all that counts: whatever else the service says is neither waited for nor read.
        answer.close()
        if 200 <= answer.status < 300:
            return None
        return NotifyError.for_status(self._host, answer.status, answer.headers.get("Retry-After"))

    def _headers(self, message_id: str, body: str) -> dict[str, str]:
        now = datetime.now(UTC)
        headers = {"User-Agent": f"deepguard/{__version__}"}
        headers |= {name: value.get_secret_value() for name, value in self._config.headers.items()}
        headers |= {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signers:
            signatures = [signer.sign(message_id, now, body) for signer in self._signers]
            headers["webhook-signature"] = " ".join(signatures)
        return headers

    def _refused(self) -> NotifyError | None:
        if self._guard.passed or not self._guard.refused:
            return None
        address = self._guard.refused[0].partition("%")[0]
        where = self._host if address == self._host else f"{self._host} is at {address}, which"
        network = f"{address}/{128 if ':' in address else 32}"
        if self._url.scheme == "http":
            why, instead = "is not in allow_networks, and http:// goes nowhere else", "use https://, or "
        else:
            why, instead = "is not a public address, and not in allow_networks", ""
        return NotifyError(f"{where} {why}; {instead}if it is right, name its network there ({network})", refused=True)

    async def _tls(self) -> ssl.SSLContext:
        path = self._config.ca_file
        try:
            return await asyncio.to_thread(ssl.create_default_context, cafile=path)
        except ssl.SSLError:
            reason = "it holds no PEM certificate"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        raise NotifyError(f"ca_file {path!r} cannot be used: {reason}")


__all__ = ["WebhookNotifier"]
