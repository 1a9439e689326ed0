"""Tells a mailbox."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage

from aiosmtplib import SMTPRecipientRefused
from loguru import logger

from deepguard import Notification, NotificationKind, Notifier, NotifyError, Picture
from deepguard_email.addresses import parse_address
from deepguard_email.config import EmailConfig
from deepguard_email.connection import Connection
from deepguard_email.failures import Explainer, Stage
from deepguard_email.message import compose, needs_utf8
from deepguard_email.story import without_names


class EmailNotifier(Notifier):
    """Sends each notification as one message, over a connection of its own."""

    def __init__(self, config: EmailConfig) -> None:
        """Prepare; nothing is opened yet."""
        self._config = config
        self._explainer = Explainer(config)
        self._sender = parse_address(config.sender)
        self._recipients = tuple(map(parse_address, config.recipients))
        self._utf8 = needs_utf8((self._sender, *self._recipients))
        self._context: ssl.SSLContext | None = None
        self._told_of_silence = False

    async def start(self) -> None:
        """Read the certificates that the server's must come from.

        Raises:
            NotifyError: ``ca_file`` cannot be read.
        """
        if self._config.encryption == "none" or self._context is not None:
            return
        try:
            self._context = await asyncio.to_thread(ssl.create_default_context, cafile=self._config.ca_file)
        except OSError as error:
            why = "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            raise NotifyError(f"ca_file {self._config.ca_file!r} cannot be used: {why}", refused=True) from None

    async def send(self, notification: Notification) -> str:
        """Send one message.

        Returns:
            The message's address (its Message-ID).

        Raises:
            NotifyError: The server took it for nobody.
        """
        picture = None
        if self._config.evidence and notification.kind is NotificationKind.OPENED:
            picture = notification.picture
        try:
            message, refused = await self._hand_over(notification, picture)
        except NotifyError as error:
            if error.retryable:
                raise
            # A caller must not silence the alert about themselves with a name that content filters refuse.
            logger.warning("{}: tried once more without names and details", error)
            message, refused = await self._hand_over(without_names(notification), None)
        if refused:
            answers = "; ".join(
                f"{each.recipient}: {self._explainer.quoted(each.code, each.message)}" for each in refused
            )
            logger.warning(
                "The mail server refused {} of {} recipients, the others got the message: {}",
                len(refused),
                len(self._recipients),
                answers,
            )
        return str(message["Message-ID"])

    async def _hand_over(
        self, notification: Notification, picture: Picture | None
    ) -> tuple[EmailMessage, list[SMTPRecipientRefused]]:
        message = compose(notification, self._sender, self._recipients, picture)
        connection = Connection(self._config, self._context, self._explainer)
        try:
            async with connection:
                if picture and not connection.takes(len(message.as_bytes())):
                    logger.warning("The mail server takes no message as large as the picture: sent without it")
                    message = compose(notification, self._sender, self._recipients)
                refused = await connection.hand_over(
                    self._sender.addr_spec, [each.addr_spec for each in self._recipients], message, utf8=self._utf8
                )
        except asyncio.CancelledError:
            self._tell_of_silence(connection.stage)
            raise
        self._told_of_silence = False
        return message, refused

    def _tell_of_silence(self, stage: Stage) -> None:
        """Say once where the server was silent when time was up: core only sees that it was."""
        if self._told_of_silence:
            return
        self._told_of_silence = True
        host, port = self._config.endpoint
        hint = ""
        if stage is Stage.CONNECT and self._config.encryption == "starttls":
            hint = "; if this port is encrypted from the first byte, set tls: tls"
        logger.warning("Given up while {} ({}:{}){}", stage.value, host, port, hint)
