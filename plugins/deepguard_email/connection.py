"""One message's way to a mail server: one connection, closed whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPRecipientRefused

from deepguard_email.config import EmailConfig
from deepguard_email.failures import EXPECTED, Explainer, Stage

GOODBYE = 1.0
"""Seconds that a server gets to answer QUIT; by then it has taken the message."""

_FULL_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_OTHER_METHOD = frozenset({504, 534})
"""A server says so when it does not take this way to log in, and may take another."""
_SERVICE_CLOSES = 421


class _Client(SMTP):
    """An SMTP client whose ``close`` is over at once.

    As it comes, it says goodbye to a TLS peer first, and keeps the socket for half a minute when that one is silent.
    """

    def close(self) -> None:
        # Every transport has it, whatever loop it is of; the type that the client declares has not.
        if self.transport is not None:
            getattr(self.transport, "abort")()  # noqa: B009
        super().close()


class Connection:
    """A conversation with the mail server, used once: ``async with Connection(…) as connection``.

    Attributes:
        stage: How far it has come.
    """

    def __init__(self, config: EmailConfig, context: ssl.SSLContext | None, explainer: Explainer) -> None:
        """Prepare; nothing is opened yet.

        Args:
            config: Which server, and how to log in.
            context: For TLS; None only when ``config`` says ``tls: none``.
            explainer: Puts failures into words.
        """
        self.stage = Stage.CONNECT
        self._config = config
        self._explainer = explainer
        host, port = config.endpoint
        # timeout=None: how long all of it may take is core's to say, which cancels.
        self._client = _Client(
            hostname=host,
            port=port,
            use_tls=config.encryption == "tls",
            start_tls=False,
            tls_context=context,
            timeout=None,
            local_hostname="localhost",
        )

    async def __aenter__(self) -> Connection:
        """Connect, encrypt and log in.

        Raises:
            NotifyError: One of them failed.
        """
        try:
            await self._open()
        except BaseException:
            self._client.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        self._client.close()

    def takes(self, size: int) -> bool:
        """Whether the server's announced limit, if any, lets a message of ``size`` bytes through."""
        limit = self._client.esmtp_extensions.get("size", "").strip()
        # 0 means that there is none (RFC 1870).
        return not re.fullmatch(r"[0-9]{1,18}", limit) or int(limit) == 0 or size <= int(limit)

    async def hand_over(
        self, sender: str, recipients: list[str], message: EmailMessage, *, utf8: bool
    ) -> list[SMTPRecipientRefused]:
        """Hand a message over.

        Args:
            sender: The envelope's sender.
            recipients: The envelope's recipients.
            message: The message.
            utf8: Whether one of the addresses is not in ASCII.

        Returns:
            Which recipients the server refused; it took the message for the others.

        Raises:
            NotifyError: It took the message for nobody.
        """
        content = message.as_bytes()
        client, options, encoding = self._client, [], "ascii"
        if utf8:
            if not client.supports_extension("smtputf8"):
                raise self._explainer.no_utf8()
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        if client.supports_extension("size"):
            options.append(f"SIZE={len(content)}")
        with self._during(Stage.SENDER):
            await client.mail(sender, options=options, encoding=encoding)
        refused = []
        with self._during(Stage.RECIPIENT):
            for recipient in recipients:
                try:
                    await client.rcpt(recipient, encoding=encoding)
                except SMTPRecipientRefused as error:
                    if error.code == _SERVICE_CLOSES:
                        raise
                    refused.append(error)
        if len(refused) == len(recipients):
            raise self._explainer.none_accepted(refused)
        with self._during(Stage.CONTENT):
            await client.data(content)
        # Whatever becomes of the goodbye, the server has the message.
        with contextlib.suppress(*EXPECTED):
            async with asyncio.timeout(GOODBYE):
                await client.quit()
        return refused

    async def _open(self) -> None:
        client, config = self._client, self._config
        with self._during(Stage.CONNECT):
            await client.connect()
        with self._during(Stage.HELLO):
            client.local_hostname = self._own_name()
            await client.ehlo()
        if config.encryption == "starttls":
            if not client.supports_extension("starttls"):
                raise self._explainer.no_starttls()
            with self._during(Stage.STARTTLS):
                await client.starttls()
            with self._during(Stage.HELLO):
                # What it said before may have been anybody's words (RFC 3207).
                await client.ehlo()
        if config.username is not None and config.password is not None:
            await self._log_in(config.username, config.password.get_secret_value())

    async def _log_in(self, username: str, password: str) -> None:
        client = self._client
        # Our own order and not the client's ``login``, which tries a wrong password once for each way there is.
        known = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
        methods = [method for name, method in known.items() if name in client.server_auth_methods]
        if not methods:
            raise self._explainer.no_login()
        with self._during(Stage.LOGIN):
            for method in methods:
                try:
                    await method(username, password)
                except SMTPAuthenticationError as error:
                    if error.code not in _OTHER_METHOD or method is methods[-1]:
                        raise
                else:
                    return

    def _own_name(self) -> str:
        """What to call this machine: its full name where it knows one, else its address (RFC 5321, 4.1.3)."""
        name = socket.gethostname()
        if _FULL_NAME.fullmatch(name):
            return name
        address = self._client.get_transport_info("sockname")[0].partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    @contextlib.contextmanager
    def _during(self, stage: Stage) -> Iterator[None]:
        self.stage = stage
        try:
            yield
        except EXPECTED as error:
            # Not chained: a server's own words would stand in a traceback unfiltered.
            raise self._explainer.explain(stage, error) from None
