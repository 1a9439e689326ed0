"""What went wrong with a mail server, as a ``NotifyError`` whose words say what to do."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
from collections.abc import Iterator
from enum import Enum

from aiosmtplib import (
    SMTPConnectResponseError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from deepguard import NotifyError, one_line
from deepguard_email.config import EmailConfig

EXPECTED = (SMTPException, OSError, ValueError)
"""What a conversation with a server can end in, whatever the server says."""

_LONGEST_ANSWER = 200
_NOT_THE_CONTENT = re.compile(r"\s*5\.7\.(2[0-9]|60|64|[0-9]{3})\b")
"""Statuses that refuse the sender even once the message is on its way: SPF, DKIM, DMARC (RFC 7372), and Exchange's own.

Others, 5.7.1 among them, may be what a filter thinks of a caller's name, and no caller may hold up other messages.
"""
_CREDENTIALS = frozenset({530, 534, 535, 538})


class Stage(Enum):
    """How far a conversation has come, in words that follow "while"."""

    CONNECT = "connecting"
    HELLO = "greeting the server"
    STARTTLS = "starting TLS"
    LOGIN = "logging in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipients"
    CONTENT = "handing over the message"


class Explainer:
    """Puts failures into words, without the password, whatever a server repeats."""

    def __init__(self, config: EmailConfig) -> None:
        """Explain failures of the server that ``config`` names."""
        host, port = config.endpoint
        self._config = config
        self._where = f"{host}:{port}"
        self._secrets = frozenset(_spellings(config))

    def explain(self, stage: Stage, error: BaseException) -> NotifyError:
        """Say what ``error``, raised during ``stage``, means.

        Args:
            stage: How far the conversation had come.
            error: One of ``EXPECTED``.
        """
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLError):
                return self._tls(cause)
            if isinstance(cause, socket.gaierror):
                return NotifyError(f"no address is known for the mail server of {self._where}: check host")
        if isinstance(error, SMTPResponseException):
            return self._answer(stage, error)
        if any(isinstance(cause, (SMTPServerDisconnected, ConnectionResetError, BrokenPipeError)) for cause in causes):
            return NotifyError(f"{self._where} closed the connection while {stage.value}")
        if isinstance(error, OSError):
            return NotifyError(
                f"cannot connect to {self._where} ({_reason(causes)}): check host and port, "
                "and that no firewall is between"
            )
        return NotifyError(f"{self._where} does not keep to SMTP while {stage.value}: check host, port and tls")

    def quoted(self, code: int, text: str) -> str:
        """A server's answer on one line, cut; its text is left out when it repeats the password in any spelling."""
        plain = one_line(text, _LONGEST_ANSWER)
        # Broken across lines it is a password all the same.
        squeezed = "".join(char for char in text if char.isprintable() and not char.isspace())
        if not plain or any(secret in squeezed for secret in self._secrets):
            return str(code)
        return f"{code} {plain}"

    def no_starttls(self) -> NotifyError:
        """The server cannot encrypt."""
        return NotifyError(
            f"{self._where} offers no STARTTLS, and nothing is sent without encryption: "
            "set tls: tls with the port for it (mostly 465), or ask who runs the server",
            refused=True,
        )

    def no_login(self) -> NotifyError:
        """The server knows no way to log in that is known here."""
        return NotifyError(
            f"{self._where} offers no login by PLAIN, LOGIN or CRAM-MD5: "
            "remove username and password if it needs none, or check host and port",
            refused=True,
        )

    def no_utf8(self) -> NotifyError:
        """The server takes only addresses in ASCII."""
        return NotifyError(
            f"{self._where} takes only addresses in ASCII (no SMTPUTF8): "
            "write the domains of sender and recipients as xn--…, and use other mailboxes where that is not enough",
            refused=True,
        )

    def none_accepted(self, refusals: list[SMTPResponseException]) -> NotifyError:
        """Every recipient was refused."""
        answers = "; ".join(dict.fromkeys(self.quoted(each.code, each.message) for each in refusals))
        said = f"{self._where} refuses every recipient: {one_line(answers, 2 * _LONGEST_ANSWER)}"
        if any(each.code // 100 != 5 for each in refusals):
            return NotifyError(said)
        return NotifyError(
            f"{said}; check recipients, and whether this server takes mail for them from here (most want a login)",
            refused=True,
        )

    def _tls(self, error: ssl.SSLError) -> NotifyError:
        if isinstance(error, ssl.SSLCertVerificationError):
            why = one_line(error.verify_message, _LONGEST_ANSWER)
            return NotifyError(
                f"the certificate of {self._where} does not verify ({why}): set host to the name in the certificate, "
                "or ca_file to the certificates of the authority that issued it",
                refused=True,
            )
        why = one_line((error.reason or "").replace("_", " ").lower(), _LONGEST_ANSWER) or "no reason given"
        hint = ""
        if self._config.encryption == "tls":
            hint = "; if this port begins without encryption (mostly 587 or 25), set tls: starttls"
        return NotifyError(f"TLS with {self._where} failed ({why}){hint}")

    def _answer(self, stage: Stage, error: SMTPResponseException) -> NotifyError:
        code = error.code
        said = f"{self._where} answered {self.quoted(code, error.message)} while {stage.value}"
        if code == -1:
            return NotifyError(f"{self._where} does not speak SMTP: check host, port and tls")
        if code // 100 != 5:
            return NotifyError(said)
        if code in _CREDENTIALS or stage is Stage.LOGIN:
            wants = "check username and password" if self._config.username else "set username and password"
            return NotifyError(f"{said}: {wants}; many providers want a password made for programs", refused=True)
        if stage is Stage.SENDER and code != 552:
            return NotifyError(f"{said}: check sender, and that this login may use it", refused=True)
        if isinstance(error, SMTPConnectResponseError) or stage in (Stage.CONNECT, Stage.HELLO, Stage.STARTTLS):
            return NotifyError(f"{said}: check host and port, and that the server takes mail from here", refused=True)
        if _NOT_THE_CONTENT.match(error.message):
            return NotifyError(f"{said}: check that this server takes mail from sender", refused=True)
        return NotifyError(said, retryable=False)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(causes: list[BaseException]) -> str:
    """The system's words for why there is no connection."""
    for cause in reversed(causes):
        # An address that was refused is repeated in the text of asyncio's own error, several in one.
        if isinstance(cause, OSError) and (cause.errno or "Errno" in str(cause)):
            numbers = re.findall(r"\[Errno (\d+)\]", str(cause)) or [str(cause.errno)]
            return ", ".join(dict.fromkeys(os.strerror(int(number)).lower() for number in numbers))
    return "no reason given"


def _spellings(config: EmailConfig) -> Iterator[str]:
    """The password as a server gets to see it."""
    if config.password is None:
        return
    password = config.password.get_secret_value()
    plain = f"\0{config.username}\0{password}"
    yield "".join(char for char in password if char.isprintable() and not char.isspace()) or password
    for text in (password, plain):
        yield base64.b64encode(text.encode()).decode()
