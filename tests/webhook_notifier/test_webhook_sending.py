"""The webhook notifier against real servers: what they get, and what it makes of their answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
import traceback
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from standardwebhooks import Webhook, WebhookVerificationError

import deepguard
from deepguard import NotifyError
from deepguard.testing import Answer, ScriptedEndpoint, make_notification
from deepguard_webhook.body import body_of
from deepguard_webhook.config import WebhookConfig
from deepguard_webhook.notifier import WebhookNotifier
from support.webhook import LOOPBACK, SECRET, Peer, notifier, read_nothing, read_request

OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
TOKEN = "t0ps3cret"


async def failure(url: str, **settings: Any) -> NotifyError:
    """What is said when a notification is not taken."""
    async with notifier(url, **settings) as webhook:
        with pytest.raises(NotifyError) as caught:
            await webhook.send(make_notification())
    return caught.value


async def test_the_signature_holds_for_the_bytes_that_came(endpoint: ScriptedEndpoint) -> None:
    notification = make_notification(participant_id="Zoë \ud800")
    async with notifier(endpoint.url + "/hook", secret=SECRET) as webhook:
        assert await webhook.send(notification) is None
    (request,) = endpoint.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == json.loads(body_of(notification))
    assert request.body == body_of(notification).encode()
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", dict(request.headers))
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    code = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(code).decode()
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(request.body))
    assert headers["user-agent"] == f"deepguard/{deepguard.__version__}"


async def test_an_attempt_has_the_id_of_the_notification_and_the_time_of_its_own(endpoint: ScriptedEndpoint) -> None:
    endpoint.answer(Answer(503))
    notification = make_notification(at=time.time() - 5000)
    before = int(time.time())
    async with notifier(endpoint.url, secret=SECRET) as webhook:
        with pytest.raises(NotifyError):
            await webhook.send(notification)
        await webhook.send(notification)
    first, second = endpoint.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == notification.id
    assert first.body == second.body
    stamps = [int(request.headers["webhook-timestamp"]) for request in (first, second)]
    assert before <= stamps[0] <= stamps[1] <= time.time()


async def test_while_secrets_are_changed_each_signs(endpoint: ScriptedEndpoint) -> None:
    async with notifier(endpoint.url, secret=[OTHER, SECRET]) as webhook:
        await webhook.send(make_notification())
    (request,) = endpoint.requests
    assert request.headers["webhook-signature"].count("v1,") == 2
    for secret in (OTHER, SECRET):
        Webhook(secret).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 24).decode()).verify(request.body, dict(request.headers))


async def test_without_a_secret_nothing_is_signed_and_all_else_is_there(endpoint: ScriptedEndpoint) -> None:
    async with notifier(endpoint.url) as webhook:
        await webhook.send(make_notification())
    headers = endpoint.requests[0].headers
    assert "webhook-signature" not in headers
    assert {"webhook-id", "webhook-timestamp"} <= {name.lower() for name in headers}


async def test_headers_and_url_arrive_as_they_were_written(endpoint: ScriptedEndpoint) -> None:
    lines: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with Peer(speak).serving() as peer:
        url = f"http://127.0.0.1:{peer.port}/a%2fb/%7Ex?sig=a%2Bb%3D&sig2=a+b/%C3%A9"
        async with notifier(url, headers={"Authorization": "Bearer x", "User-Agent": "soc"}) as webhook:
            await webhook.send(make_notification())
    first, *rest = lines[0].split(b"\r\n")
    assert first == b"POST /a%2fb/%7Ex?sig=a%2Bb%3D&sig2=a+b/%C3%A9 HTTP/1.1"
    assert b"Authorization: Bearer x" in rest
    assert [line for line in rest if line.lower().startswith(b"user-agent")] == [b"User-Agent: soc"]


@pytest.mark.parametrize("suffix", ["", "?a=b"])
async def test_a_url_without_a_path_means_the_root(endpoint: ScriptedEndpoint, suffix: str) -> None:
    async with notifier(endpoint.url + suffix) as webhook:
        await webhook.send(make_notification())
    assert endpoint.requests[0].path == "/"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
async def test_every_2xx_is_a_delivery_even_when_its_body_never_ends(endpoint: ScriptedEndpoint, status: int) -> None:
    endpoint.answer(Answer(status), *([Answer.drip(status)] if status != 204 else []))
    async with notifier(endpoint.url) as webhook:
        await webhook.send(make_notification())
        if status != 204:
            await webhook.send(make_notification())
        await endpoint.wait_until_left()


@pytest.mark.parametrize(
    ("status", "retryable", "refused"),
    [
        *[(status, True, False) for status in (408, 425, 429, 500, 502, 503, 504, 599)],
        *[(status, True, True) for status in (300, 301, 302, 303, 307, 308, 401, 403, 404)],
        (410, False, True),
        *[(status, False, False) for status in (400, 402, 405, 409, 413, 415, 422, 451)],
    ],
)
async def test_what_a_status_means(endpoint: ScriptedEndpoint, status: int, retryable: bool, refused: bool) -> None:
    endpoint.default = Answer(status, f"you sent {TOKEN}", {"X-Echo": TOKEN, "Set-Cookie": f"c={TOKEN}"})
    error = await failure(f"{endpoint.url}/{TOKEN}")
    assert (error.retryable, error.refused) == (retryable, refused)
    assert str(error).startswith(f"127.0.0.1 answered {status}")
    assert TOKEN not in str(error)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (3600, 3000, 3600),
        (-3600, 0, 0),
    ],
)
async def test_the_wait_that_a_service_asks_for_is_handed_on(
    endpoint: ScriptedEndpoint, status: int, header: str | int, least: float, most: float
) -> None:
    # A number of seconds from now is written as a date.
    shown = header if isinstance(header, str) else formatdate(time.time() + header, usegmt=True)
    endpoint.default = Answer(status, headers={"Retry-After": shown})
    error = await failure(endpoint.url)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


@pytest.mark.parametrize("header", ["soon", "-5", "9" * 400, "1e400", "Mon, 99 Jan 99999 00:00:00 GMT", ""])
async def test_a_wait_that_makes_no_sense_is_none(endpoint: ScriptedEndpoint, header: str) -> None:
    endpoint.default = Answer(503, headers={"Retry-After": header})
    assert (await failure(endpoint.url)).retry_after is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(endpoint: ScriptedEndpoint, status: int) -> None:
    async with ScriptedEndpoint() as elsewhere:
        endpoint.default = Answer.redirect(f"{elsewhere.url}/{TOKEN}", status)
        error = await failure(endpoint.url, secret=SECRET)
        assert not elsewhere.requests
    assert (error.retryable, error.refused) == (True, True)
    assert TOKEN not in str(error)


async def test_cookies_are_not_kept(endpoint: ScriptedEndpoint) -> None:
    endpoint.default = Answer(headers={"Set-Cookie": "session=1; Path=/"})
    async with notifier(endpoint.url.replace("127.0.0.1", "localhost")) as webhook:
        await webhook.send(make_notification())
        await webhook.send(make_notification())
    assert ["cookie" in request.headers for request in endpoint.requests] == [False, False]


async def test_proxies_of_the_environment_are_not_used(
    endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with notifier(endpoint.url) as webhook:
        await webhook.send(make_notification())
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "does not speak HTTP as it should"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "does not speak HTTP as it should"),
        (b"HTTP/1.1 200 " + b"x" * 100_000, "does not speak HTTP as it should"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "does not speak HTTP as it should"),
    ],
)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_an_answer_that_is_none_is_worth_another_attempt(answer: bytes, said: str, reset: bool) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        if reset:
            writer.transport.abort()

    async with Peer(speak).serving() as peer:
        error = await failure(f"http://127.0.0.1:{peer.port}/{TOKEN}")
    assert (error.retryable, error.refused) == (True, False)
    # An abort may overtake what was written before it.
    assert str(error).startswith("127.0.0.1 ")
    if not reset:
        assert said in str(error)
    assert TOKEN not in str(error)


async def test_a_status_that_came_before_the_reset_counts() -> None:
    gone = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx")
        await reader.read()
        gone.set()

    async with Peer(speak).serving() as peer, notifier(f"http://127.0.0.1:{peer.port}") as webhook:
        await webhook.send(make_notification())
        await asyncio.wait_for(gone.wait(), 5)


async def test_headers_without_end_are_given_up() -> None:
    written = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            written += 1
            await writer.drain()

    async with Peer(speak).serving() as peer:
        error = await failure(f"http://127.0.0.1:{peer.port}")
    assert error.retryable
    assert "does not speak HTTP as it should" in str(error)
    # The peer can fill the sockets' buffers, and no more.
    assert written < 20_000


async def test_nobody_there_is_worth_another_attempt() -> None:
    async with Peer(read_nothing).serving() as peer:
        url = f"http://127.0.0.1:{peer.port}/{TOKEN}"
    error = await failure(url)
    assert (error.retryable, error.refused) == (True, False)
    assert str(error) == "127.0.0.1 cannot be reached (Connection refused)"


async def test_a_name_that_is_nowhere_is_named_without_the_rest_of_the_url() -> None:
    error = await failure(f"https://nowhere.invalid/{TOKEN}?{TOKEN}")
    assert (error.retryable, error.refused) == (True, False)
    assert "the name nowhere.invalid cannot be resolved" in str(error)
    assert TOKEN not in str(error)


async def test_a_cancelled_attempt_leaves_no_connection(endpoint: ScriptedEndpoint) -> None:
    endpoint.answer(Answer.hang())
    async with notifier(endpoint.url) as webhook:
        sending = asyncio.create_task(webhook.send(make_notification()))
        await endpoint.wait_for(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await endpoint.wait_until_left()
        # And the notifier still works.
        await webhook.send(make_notification())
    assert len(endpoint.requests) == 2


async def test_each_attempt_has_a_connection_of_its_own() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
        await reader.read()

    async with Peer(speak).serving() as peer, notifier(f"http://127.0.0.1:{peer.port}") as webhook:
        for _ in range(3):
            await webhook.send(make_notification())
        assert peer.came == 3


async def test_it_may_be_closed_unstarted_and_twice_and_then_says_so(endpoint: ScriptedEndpoint) -> None:
    webhook = WebhookNotifier(WebhookConfig.model_validate({"url": endpoint.url, "allow_networks": LOOPBACK}))
    await webhook.close()
    with pytest.raises(NotifyError, match="not been started"):
        await webhook.send(make_notification())
    await webhook.start()
    await webhook.close()
    await webhook.close()


# TLS


@pytest.fixture
async def tls_peer(server_tls: ssl.SSLContext) -> AsyncIterator[tuple[Peer, list[bytes]]]:
    """A server with a certificate that it signed itself, and the bodies that it got."""
    bodies: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with Peer(speak).serving("localhost", server_tls) as peer:
        yield peer, bodies


async def test_a_ca_of_ones_own_is_trusted_when_it_is_named(
    tls_peer: tuple[Peer, list[bytes]], certificate: Path
) -> None:
    peer, bodies = tls_peer
    notification = make_notification()
    async with notifier(f"https://localhost:{peer.port}/hook", ca_file=str(certificate)) as webhook:
        await webhook.send(notification)
    assert bodies == [body_of(notification).encode()]


async def test_a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do(
    tls_peer: tuple[Peer, list[bytes]],
) -> None:
    peer, bodies = tls_peer
    error = await failure(f"https://localhost:{peer.port}/{TOKEN}")
    assert (error.retryable, error.refused) == (True, True)
    assert "the certificate of localhost is not trusted (self-signed certificate)" in str(error)
    assert "ca_file" in str(error)
    assert not bodies


async def test_a_certificate_of_another_name_is_refused(server_tls: ssl.SSLContext, certificate: Path) -> None:
    async with Peer(read_nothing).serving("127.0.0.1", server_tls) as peer:
        error = await failure(f"https://127.0.0.1:{peer.port}/{TOKEN}", ca_file=str(certificate))
    assert (error.retryable, error.refused) == (True, True)
    assert "IP address mismatch" in str(error)


async def test_https_to_a_server_without_tls_says_so() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with Peer(speak).serving() as peer:
        error = await failure(f"https://127.0.0.1:{peer.port}/{TOKEN}")
    assert (error.retryable, error.refused) == (True, False)
    assert str(error) == "127.0.0.1 does not speak TLS as it should (wrong version number)"


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("nothing", "no PEM certificate")])
async def test_a_ca_file_that_cannot_be_used_is_named_at_the_start_and_read_again_at_the_next(
    tmp_path: Path, certificate: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    webhook = WebhookNotifier(WebhookConfig.model_validate({"url": "https://soc.example", "ca_file": str(path)}))
    with pytest.raises(NotifyError, match=said) as caught:
        await webhook.start()
    assert str(path) in str(caught.value)
    path.write_bytes(certificate.read_bytes())
    await webhook.start()
    await webhook.close()


async def test_no_secret_is_in_errors_their_causes_or_the_log(endpoint: ScriptedEndpoint) -> None:
    said: list[str] = []
    sink = logger.add(said.append, format="{message} {exception}", level=0, backtrace=True, diagnose=False)
    settings = {"secret": SECRET, "headers": {"X-Token": TOKEN}}
    async with Peer(read_nothing).serving() as silent:
        nobody = f"http://127.0.0.1:{silent.port}/{TOKEN}"
    try:
        endpoint.default = Answer(403, f"{TOKEN} {SECRET}", {"X": TOKEN, "Retry-After": TOKEN})
        for url in (f"{endpoint.url}/{TOKEN}", nobody, f"https://nowhere.invalid/{TOKEN}"):
            error: BaseException | None = await failure(url, **settings)
            while error is not None:
                told = f"{error} {error!r} {vars(error) if hasattr(error, '__dict__') else ''}"
                said += [told, *traceback.format_exception(error)]
                error = error.__cause__ or error.__context__
    finally:
        logger.remove(sink)
    assert said
    assert not [line for line in said if TOKEN in line or SECRET.removeprefix("whsec_") in line]
