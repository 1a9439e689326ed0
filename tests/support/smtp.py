"""Mail servers on loopback: a real one (aiosmtpd), and one that says what a test tells it to."""

import asyncio
import logging
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

# What a mail server writes down of its clients is not what the guard writes down.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

HANG, RESET, HANG_UP = "hang", "reset", "hang up"


@dataclass
class Received:
    """What a mail server took."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str
    said: list[str]

    @property
    def message(self) -> EmailMessage:
        """The message, as the standard library reads it."""
        read = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        """What is to be read in it, in plain text and in HTML."""
        parts = [part.get_content() for part in self.message.walk() if part.get_content_maintype() == "text"]
        return "".join(parts)


@dataclass
class Mailbox:
    """A real mail server that keeps what it takes.

    Attributes:
        port: On 127.0.0.1.
        received: What it took, in order.
        refuse: Answers to recipients that it refuses.
        logins: The users and passwords that it was shown.
        unwanted: A word that its filter refuses messages for.
    """

    port: int = 0
    received: list[Received] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    logins: list[tuple[str, str]] = field(default_factory=list)
    unwanted: str = ""

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        """Take one user with one password."""
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == ("guard", "s3cret pass"), auth_data=data, handled=False)

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        received = Received(
            sender=envelope.mail_from or "",
            recipients=list(envelope.rcpt_tos),
            content=envelope.content,
            encrypted=session.ssl is not None,
            user=session.auth_data.login.decode() if session.auth_data else "",
            said=[str(option) for option in envelope.mail_options],
        )
        if self.unwanted and self.unwanted in f"{received.message['Subject']} {received.text}":
            return "550 5.7.1 looks like spam"
        self.received.append(received)
        return "250 taken"


@asynccontextmanager
async def mailbox(*, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, **options: Any):
    """Serve a ``Mailbox`` on loopback; ``options`` are those of aiosmtpd's SMTP."""
    box, loop = Mailbox(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            box, hostname="mail.test", tls_context=starttls, authenticator=box.authenticate, loop=loop, **options
        ),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box


@dataclass
class Script:
    """A server that answers each command with what is written for it.

    Attributes:
        answers: By verb, ``greeting`` and ``content`` for the message's end: a reply, HANG, RESET or HANG_UP; of
            several, each is used once and the last for ever. It begins no TLS: after STARTTLS it hangs.
        port: On 127.0.0.1.
        said: The lines that it was sent, without those of messages.
        reached: Set when a HANG is reached.
        open: How many connections it has.
        left: Set while there is no connection.
    """

    answers: dict[str, list[str]]
    port: int = 0
    said: list[str] = field(default_factory=list)
    connections: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0

    def answer(self, verb: str) -> str:
        """The next reply to a verb."""
        written = self.answers[verb]
        return written.pop(0) if len(written) > 1 else written[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        self.connections += 1
        self.open += 1
        self.left.clear()
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self.open -= 1
            if not self.open:
                self.left.set()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb = "greeting"
        while True:
            reply = self.answer(verb)
            if reply == HANG:
                await self._hang(reader)
                return
            if reply == RESET:
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if reply == HANG_UP:
                return
            writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
            if verb == "starttls" and reply.startswith("220"):
                await self._hang(reader)
                return
            if verb == "data" and reply.startswith("354"):
                while (await reader.readline()) not in (b".\r\n", b""):
                    pass
                verb = "content"
                continue
            if verb == "quit" or not (line := await reader.readline()):
                return
            self.said.append(line.decode("utf-8", "surrogateescape").rstrip())
            verb = self.said[-1].partition(" ")[0].lower()
            if verb not in self.answers:
                verb = "else"

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        self.reached.set()
        while await reader.read(65536):
            pass


def offers(*extensions: str) -> str:
    """A server's answer to EHLO."""
    return "\r\n".join(["250-script.test", *(f"250-{each}" for each in extensions), "250 HELP"])


POLITE = {
    "greeting": "220 script.test",
    "ehlo": offers(),
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go on",
    "content": "250 taken",
    "quit": "221 bye",
    "else": "500 what?",
}


@asynccontextmanager
async def scripted(*, tls: ssl.SSLContext | None = None, **answers: str | list[str]):
    """Serve a ``Script`` on loopback that is polite but for ``answers``."""
    written = POLITE | answers
    script = Script({verb: [reply] if isinstance(reply, str) else reply for verb, reply in written.items()})
    script.left.set()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=tls)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
        async with asyncio.timeout(5):
            await script.left.wait()


@asynccontextmanager
async def cable(port: int, cut: asyncio.Event):
    """A way to a server on loopback that carries nothing once ``cut`` is set, as when a cable is pulled.

    Yields the port, and an event that is set when the near end has closed its socket.
    """
    gone = asyncio.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if not cut.is_set():
                writer.write(chunk)

    async def connected(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", port)
        backward = asyncio.create_task(pump(far, back))
        try:
            await pump(near, forth)
        finally:
            gone.set()
            backward.cancel()
            forth.transport.abort()
            back.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], gone
