"""The email notifier against mail servers on loopback: what it hands over, and what it says when it cannot."""

import asyncio
import base64
import gc
import socket
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deepguard_email
from deepguard import NotificationKind, NotifyError, Picture, SampleFormat
from deepguard.testing import NotifierContract, make_notification
from deepguard_email.config import EmailConfig
from deepguard_email.notifier import EmailNotifier
from support.certificates import certificate
from support.smtp import HANG, HANG_UP, RESET, cable, mailbox, offers, scripted

PASSWORD = "s3cret pass"
LOGIN: dict[str, Any] = {"username": "guard", "password": PASSWORD}
PICTURE = Picture(b"\xff\xd8" + bytes(range(256)) * 100, SampleFormat.JPEG, captured_at=1.0)
OPENED = make_notification(picture=PICTURE)

# aiosmtpd still reads an attribute of its own that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    """A certificate for 127.0.0.1: the file to trust, and the server's context."""
    return certificate(tmp_path_factory.mktemp("trusted"), "127.0.0.1")


def notifier(port, **over):
    wanted = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "Guard <guard@example.com>",
        "recipients": ["soc@example.com"],
    }
    return EmailNotifier(EmailConfig(**(wanted | over)))


async def sent(port, notification=OPENED, **over):
    """Send one message, in whole life."""
    made = notifier(port, **over)
    try:
        await made.start()
        return await made.send(notification)
    finally:
        await made.close()
        await made.close()


async def failed(port, notification=OPENED, **over):
    """The error that sending ends in."""
    with pytest.raises(NotifyError) as caught:
        await sent(port, notification, **over)
    assert PASSWORD not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800
    return caught.value


def meaning(error):
    return ("retry" if error.retryable else "dead") + (" refused" if error.refused else "")


async def test_starttls_and_a_login(trusted):
    ca, context = trusted
    async with mailbox(starttls=context, require_starttls=True, auth_required=True) as box:
        address = await sent(box.port, tls="starttls", ca_file=str(ca), **LOGIN)
    (received,) = box.received
    assert received.encrypted
    assert received.user == "guard"
    assert (received.sender, received.recipients) == ("guard@example.com", ["soc@example.com"])
    assert received.message["Message-ID"] == address
    assert not list(received.message.iter_attachments())


async def test_tls_from_the_first_byte(trusted):
    ca, context = trusted
    # aiosmtpd does not take this for encrypted.
    async with mailbox(tls=context, auth_require_tls=False) as box:
        await sent(box.port, tls="tls", ca_file=str(ca), **LOGIN)
        assert box.logins == [("guard", PASSWORD)]
        assert len(box.received) == 1


async def test_a_relay_on_this_machine_needs_no_encryption():
    async with mailbox() as box:
        await sent(box.port, recipients=["one@example.com", "Two <two@example.com>"])
    (received,) = box.received
    assert received.recipients == ["one@example.com", "two@example.com"]
    assert not received.encrypted


async def test_the_picture_goes_with_the_opened_one_only_and_only_when_wanted():
    async with mailbox() as box:
        await sent(box.port, evidence=True)
        await sent(box.port, make_notification(kind=NotificationKind.RESOLVED, picture=PICTURE), evidence=True)
    (attached,) = box.received[0].message.iter_attachments()
    assert attached.get_content() == PICTURE.data
    assert not list(box.received[1].message.iter_attachments())


async def test_a_picture_that_is_too_large_for_the_server_is_left_out(warnings):
    async with mailbox(data_size_limit=20_000) as box:
        await sent(box.port, evidence=True)
    assert not list(box.received[0].message.iter_attachments())
    assert "without it" in warnings[0]


async def test_addresses_outside_of_ascii_need_smtputf8():
    async with mailbox(enable_SMTPUTF8=True) as box:
        await sent(box.port, recipients=["wächter@bücher.example"])
    (received,) = box.received
    assert received.recipients == ["wächter@bücher.example"]
    assert "SMTPUTF8" in received.said
    assert received.message["To"] == "wächter@bücher.example"
    async with mailbox() as box:
        error = await failed(box.port, recipients=["wächter@example.com"])
    assert meaning(error) == "retry refused"
    assert "xn--" in str(error)


@given(st.text(max_size=50), st.text(max_size=50))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_server_takes_one_message_whatever_a_name_holds(name, title):
    async def run():
        async with mailbox() as box:
            notification = make_notification(
                participant_id=f"\r\n.\r\n{name}", title=title, detail=f"{name}\r\n.\r\nRSET"
            )
            await sent(box.port, notification)
        (received,) = box.received
        assert received.recipients == ["soc@example.com"]
        assert received.message.get_all("From") == ["Guard <guard@example.com>"]
        assert "Bcc" not in received.message
        assert not received.message.defects

    asyncio.run(run())


async def test_who_is_refused_is_told_when_others_got_it(warnings):
    async with mailbox() as box:
        box.refuse["two@example.com"] = "550 5.1.1 no such\tuser"
        await sent(box.port, recipients=["one@example.com", "two@example.com"])
    assert box.received[0].recipients == ["one@example.com"]
    assert "1 of 2" in warnings[0]
    assert "two@example.com: 550 5.1.1 no such user" in warnings[0]


REFUSALS = [
    ({"greeting": "421 busy"}, "retry", "421 busy"),
    ({"greeting": "554 go away"}, "retry refused", "check host and port"),
    ({"ehlo": "421 closing"}, "retry", "greeting the server"),
    ({"ehlo": "550 who are you"}, "retry refused", "check host and port"),
    ({"mail": "451 later"}, "retry", "naming the sender"),
    ({"mail": "530 5.7.0 log in first"}, "retry refused", "set username and password"),
    ({"mail": "550 5.7.1 not yours"}, "retry refused", "check sender"),
    ({"mail": "552 too large"}, "dead", "552"),
    ({"rcpt": "450 4.2.1 greylisted"}, "retry", "refuses every recipient"),
    ({"rcpt": "421 4.3.2 shutting down"}, "retry", "421"),
    ({"rcpt": "550 5.1.1 unknown"}, "retry refused", "check recipients"),
    ({"rcpt": "554 5.7.1 relay denied"}, "retry refused", "most want a login"),
    ({"data": "451 later"}, "retry", "handing over"),
    ({"data": "554 no"}, "dead", "handing over"),
    ({"content": "452 full"}, "retry", "452 full"),
    ({"content": "550 5.7.26 sender not authenticated"}, "retry refused", "takes mail from sender"),
    ({"content": "554 5.6.0 content rejected"}, "dead", "content rejected"),
    ({"content": "550 5.7.1 looks like spam"}, "dead", "looks like spam"),
    ({"content": "550 5.7.60 not allowed to send as this sender"}, "retry refused", "takes mail from sender"),
    ({"content": "552 5.3.4 too large"}, "dead", "552"),
]


@pytest.mark.parametrize(("answers", "means", "words"), REFUSALS)
async def test_a_refusal_means_what_its_code_and_place_say(answers, means, words):
    async with scripted(**answers) as script:
        error = await failed(script.port)
    assert meaning(error) == means
    assert words in str(error)
    assert f"127.0.0.1:{script.port}" in str(error)


async def test_recipients_of_which_one_may_do_later_are_tried_again():
    async with scripted(rcpt=["550 unknown", "450 later"]) as script:
        error = await failed(script.port, recipients=["a@example.com", "b@example.com"])
    assert meaning(error) == "retry"
    assert "550 unknown; 450 later" in str(error)


@pytest.mark.parametrize("kind", NotificationKind)
async def test_a_name_that_a_filter_refuses_does_not_silence_the_alert(kind, warnings):
    name = "GTUBE-STANDARD"
    notification = make_notification(kind=kind, participant_id=name, title=f"{name} is here", detail=name)
    if notification.incident:
        incident = replace(notification.incident, context={name: name}, detail=name)
        notification = replace(notification, incident=incident)
    async with mailbox() as box:
        box.unwanted = name
        address = await sent(box.port, notification)
    (received,) = box.received
    assert received.message["Message-ID"] == address
    if notification.incident:
        assert notification.incident.id in received.text
    assert "without names" in warnings[0]


LIES = [
    {"greeting": "SSH-2.0-OpenSSH_9.9"},
    {"greeting": "HTTP/1.1 400 Bad Request"},
    {"greeting": "\udcff\udcfe\x00"},
    {"greeting": "250 not the right one"},
    {"ehlo": "abc"},
    {"ehlo": "250-SIZE\r\n250-SIZE x\r\n250-\r\n250 AUTH"},
    {"mail": "354 go on"},
    {"rcpt": "999 ?"},
    {"data": "250 taken already"},
    {"content": "354 more"},
    {"content": "550-" + "\x1b[31m" + "x" * 5000 + "\r\n550 \u202eend"},
    {"mail": "451-" + "\r\n451-".join(["again"] * 50) + "\r\n451 end"},
    {"mail": "451 " + "x" * 100_000},
]


@pytest.mark.parametrize("answers", LIES)
async def test_what_makes_no_sense_is_an_error_that_can_be_read(answers):
    if "SIZE" in str(answers):
        async with scripted(**answers) as script:
            await sent(script.port)
        return
    async with scripted(**answers) as script:
        error = await failed(script.port)
    assert str(script.port) in str(error)


@pytest.mark.parametrize("verb", ["greeting", "ehlo", "mail", "rcpt", "data", "content"])
@pytest.mark.parametrize("end", [RESET, HANG_UP])
async def test_a_connection_that_ends_is_tried_again(verb, end):
    async with scripted(**{verb: end}) as script:
        error = await failed(script.port)
    assert meaning(error) == "retry"
    assert "closed the connection while" in str(error)


@pytest.mark.parametrize("end", [RESET, HANG_UP, "500 what?", "nonsense"])
async def test_a_message_that_was_taken_stays_taken_whatever_the_goodbye(end):
    async with scripted(quit=end) as script:
        await sent(script.port)
    assert script.connections == 1


async def test_a_server_that_never_says_goodbye_does_not_keep_the_message(monkeypatch):
    monkeypatch.setattr("deepguard_email.connection.GOODBYE", 0.01)
    async with scripted(quit=HANG) as script:
        await sent(script.port)


@pytest.mark.parametrize("verb", ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "content"])
@pytest.mark.parametrize("tls", [True, False])
async def test_a_cancelled_send_leaves_nothing_open(trusted, warnings, verb, tls):
    ca, context = trusted
    over: dict[str, Any] = {"tls": "tls", "ca_file": str(ca)} if tls else {}
    answers: dict[str, Any] = {"ehlo": offers("AUTH PLAIN"), "auth": "235 ok"} | {verb: HANG}
    async with scripted(tls=context if tls else None, **answers) as script:
        made = notifier(script.port, **over, **LOGIN)
        await made.start()
        before = asyncio.all_tasks()
        for _ in range(2):
            script.reached.clear()
            sending = asyncio.create_task(made.send(OPENED))
            async with asyncio.timeout(5):
                await script.reached.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            async with asyncio.timeout(5):
                await script.left.wait()
        assert asyncio.all_tasks() - before == set()
        await made.close()
    gc.collect()
    # Which server was silent, and when; once, not for each attempt.
    assert len(warnings) == 1
    assert str(script.port) in warnings[0]


async def test_a_cancelled_send_waits_for_no_goodbye_over_tls(trusted):
    ca, context = trusted
    async with scripted(tls=context, mail=HANG) as script, cable(script.port, script.reached) as (port, gone):
        made = notifier(port, tls="tls", ca_file=str(ca))
        await made.start()
        sending = asyncio.create_task(made.send(OPENED))
        async with asyncio.timeout(5):
            await script.reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(5):
            await gone.wait()


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_a_send_cancelled_in_the_middle_of_a_handshake_leaves_nothing_open(mode):
    answers: dict[str, Any] = (
        {"ehlo": offers("STARTTLS"), "starttls": "220 go on"} if mode == "starttls" else {"greeting": HANG}
    )
    async with scripted(**answers) as script:
        made = notifier(script.port, tls=mode)
        await made.start()
        sending = asyncio.create_task(made.send(OPENED))
        async with asyncio.timeout(5):
            await script.reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


@pytest.mark.parametrize(
    ("ehlo", "auth", "means", "words"),
    [
        (
            offers("AUTH PLAIN LOGIN"),
            "535 5.7.8 Username and Password not accepted",
            "retry refused",
            "check username and",
        ),
        (
            offers("AUTH PLAIN"),
            "534 5.7.9 Application-specific password required",
            "retry refused",
            "made for programs",
        ),
        (offers("AUTH PLAIN"), "454 4.7.0 later", "retry", "logging in"),
        (offers("AUTH PLAIN"), f"535 no user with '{PASSWORD}'", "retry refused", "535 while"),
        (offers("AUTH PLAIN"), "535-no user with 's3cret\r\n535 pass'", "retry refused", "535 while"),
        (
            offers("AUTH PLAIN"),
            f"535 what is {base64.b64encode(f'{chr(0)}guard{chr(0)}{PASSWORD}'.encode()).decode()}?",
            "retry refused",
            "535 while",
        ),
        (offers("AUTH XOAUTH2"), "235 ok", "retry refused", "offers no login"),
        (offers(), "235 ok", "retry refused", "offers no login"),
        (offers("AUTH PLAIN"), HANG_UP, "retry", "closed the connection while logging in"),
        (offers("AUTH CRAM-MD5"), "334 not base64!", "retry", "logging in"),
    ],
)
async def test_a_login_that_is_refused(ehlo, auth, means, words):
    async with scripted(ehlo=ehlo, auth=auth) as script:
        error = await failed(script.port, **LOGIN)
    assert meaning(error) == means
    assert words in str(error)
    # A wrong password is tried once, not once for each way to log in.
    assert sum(line.startswith("AUTH") for line in script.said) <= 1


async def test_another_way_to_log_in_is_tried_when_the_server_does_not_take_the_first():
    answers = ["504 not this one", "334 UGFzc3dvcmQ6"]
    script: dict[str, Any] = {"ehlo": offers("AUTH PLAIN LOGIN"), "auth": answers, "else": "235 ok"}
    async with scripted(**script) as server:
        await sent(server.port, **LOGIN)
    assert [line.split()[1] for line in server.said if line.startswith("AUTH")] == ["PLAIN", "LOGIN"]


async def test_a_wrong_password_is_refused_by_a_real_server(trusted):
    ca, context = trusted
    async with mailbox(starttls=context, auth_required=True) as box:
        error = await failed(box.port, tls="starttls", ca_file=str(ca), username="guard", password="wrong-4711")
    assert meaning(error) == "retry refused"
    assert "4711" not in str(error)
    assert len(box.logins) == 1


async def test_without_starttls_nothing_is_said():
    async with scripted() as script:
        error = await failed(script.port, tls="starttls", **LOGIN)
    assert meaning(error) == "retry refused"
    assert "offers no STARTTLS" in str(error)
    assert [line.split()[0] for line in script.said] == ["EHLO"]


@pytest.mark.parametrize(("answer", "means"), [("454 not now", "retry"), ("501 no", "retry refused")])
async def test_a_starttls_that_is_refused(answer, means):
    async with scripted(ehlo=offers("STARTTLS"), starttls=answer) as script:
        error = await failed(script.port, tls="starttls")
    assert meaning(error) == means
    assert "starting TLS" in str(error)


async def test_tls_to_a_port_that_begins_without():
    async with mailbox() as box:
        error = await failed(box.port, tls="tls")
    assert "set tls: starttls" in str(error)


async def test_an_unknown_certificate_is_refused(trusted):
    _, context = trusted
    async with mailbox(starttls=context) as box:
        error = await failed(box.port, tls="starttls", **LOGIN)
    assert meaning(error) == "retry refused"
    assert "ca_file" in str(error)
    assert box.logins == []


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_a_certificate_for_another_name_is_refused(tmp_path, mode):
    ca, context = certificate(tmp_path, "mail.elsewhere.example")
    served: dict[str, Any] = {"tls": context} if mode == "tls" else {"starttls": context}
    async with mailbox(**served) as box:
        error = await failed(box.port, tls=mode, ca_file=str(ca))
    assert meaning(error) == "retry refused"
    assert "set host to the name in the certificate" in str(error)


async def test_a_ca_file_that_cannot_be_read_is_told_before_anything_is_sent(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "none.pem", tmp_path, empty):
        made = notifier(1, tls="tls", ca_file=str(path))
        with pytest.raises(NotifyError, match="ca_file") as caught:
            await made.start()
        assert meaning(caught.value) == "retry refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nobody_there(host):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await failed(port, host=host)
    assert meaning(error) == "retry"
    assert "connection refused" in str(error)
    assert "check host and port" in str(error)


async def test_a_name_that_has_no_address(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # What a test may ask of the network's name servers is not known.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await failed(587, host="smtp.invalid", tls="starttls")
    assert meaning(error) == "retry"
    assert "check host" in str(error)


async def test_no_thread_is_left_by_sending():
    async with mailbox() as box:
        before = threading.active_count()
        await sent(box.port)
        assert threading.active_count() <= before


class TestContract(NotifierContract):
    notifier_type = deepguard_email.deepguard_register_notifiers()[0]
    secrets = (PASSWORD,)
    speaks_http = False

    def settings(self, url):
        return {
            "host": "127.0.0.1",
            "port": int(url.rpartition(":")[2]),
            "tls": "none",
            "sender": "guard@example.com",
            "recipients": ["soc@example.com"],
            **LOGIN,
        }

    @asynccontextmanager
    async def destination(self):
        async with mailbox(auth_require_tls=False) as box:
            yield f"smtp://127.0.0.1:{box.port}"
