"""What each of Slack's answers means, and that none of them shows a secret."""

import io
import logging
import socket
import ssl
import traceback

import pytest
from loguru import logger

from deepguard import NotifyError, Picture, SampleFormat
from deepguard.testing import make_notification
from deepguard_slack.errors import HOPELESS, REFUSED, TRY_AGAIN, WEBHOOK_REFUSED, SlackError, connection_error
from support.slack_server import BOT_TOKEN, WEBHOOK_PATH, Reply, error

SECRETS = (BOT_TOKEN, "SeCrEt", WEBHOOK_PATH)
ECHO = f"{BOT_TOKEN} {WEBHOOK_PATH} SeCrEt\x1b[31m"


def chain(problem):
    """An exception, what it came from and what it came in the middle of."""
    seen = []
    waiting = [problem]
    while waiting:
        if (one := waiting.pop()) is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
    return seen


async def refusal(notifier):
    """The error of a send, checked for secrets, with everything that was logged on the way."""
    notification = make_notification(picture=Picture(b"SeCrEt face", SampleFormat.JPEG, 1.0))
    log, library = [], io.StringIO()
    sink = logger.add(lambda line: log.append(str(line)), level=0)
    handler = logging.StreamHandler(library)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with pytest.raises(NotifyError) as caught:
            await notifier.send(notification)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        logger.remove(sink)
    assert chain(caught.value) == [caught.value]
    shown = [str(caught.value), repr(caught.value), "".join(log), library.getvalue(), repr(notifier)]
    shown += traceback.format_exception(caught.value)
    for secret in SECRETS:
        assert not any(secret in text for text in shown)
    assert "\x1b" not in str(caught.value)
    return caught.value


def outcome(problem):
    return problem.retryable, problem.refused


@pytest.mark.parametrize(
    ("answer", "wanted", "told"),
    [
        *[(error(code), (True, True), advice) for code, advice in REFUSED.items()],
        *[(error(code), (False, False), "does not take this message") for code in sorted(HOPELESS)],
        *[(error(code), (True, False), code) for code in sorted(TRY_AGAIN)],
        (error("token_expired"), (True, True), "make a new one at https://api.slack.com/apps and set bot_token"),
        (error("not_in_channel"), (True, True), "/invite"),
        (error("some_new_word"), (True, False), "some_new_word"),
        (error("invalid_auth", 401), (True, True), "Slack does not know the token"),
        (error(ECHO), (True, True), "is not Slack: check api_url"),
        (error("bot"), (True, False), "Slack answered bot"),
        (Reply(200, {"ok": False}), (True, True), "is not Slack"),
        (Reply(200, []), (True, True), "is not Slack"),
        (Reply(200, "ok"), (True, False), "answered with something that is not Slack's"),
        (Reply(200, "<html>", {"Content-Type": "text/html"}), (True, True), "is not Slack"),
        (Reply(200, "{", {"Content-Type": "application/json"}), (True, True), "is not Slack"),
        (Reply(200, ECHO, {"Content-Type": "application/json"}), (True, True), "is not Slack"),
        (Reply(503, ECHO, {"Content-Type": "application/json"}), (True, False), "answered 503"),
        (Reply(404, ECHO), (True, True), "(api_url)"),
        (Reply(400, ECHO), (False, False), "answered 400"),
        (Reply(410, ""), (False, True), "(api_url)"),
        (Reply(302, "", {"Location": "https://evil.example/"}), (True, True), "redirects"),
        (Reply(307, "", {"Location": "/api/auth.test"}), (True, True), "redirects"),
        *[(Reply(status, ECHO), (True, False), f"answered {status}") for status in (408, 425, 429, 500, 502, 599)],
    ],
)
async def test_answers_of_the_web_api(server, start, answer, wanted, told):
    server.say("chat.postMessage", answer)
    problem = await refusal(await start())
    assert outcome(problem) == wanted
    assert told in str(problem)
    # One attempt is one request: core repeats, not the library.
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "wanted", "told"),
    [
        *[(Reply(403, code), (True, True), advice) for code, advice in WEBHOOK_REFUSED.items()],
        (Reply(410, "channel_is_archived"), (False, True), "archived"),
        (
            Reply(404, "no_service"),
            (True, True),
            "make a new webhook at https://api.slack.com/apps and set webhook_url",
        ),
        (Reply(400, "invalid_payload"), (False, False), "does not take this message"),
        (Reply(400, "no_text"), (False, False), "does not take this message"),
        (Reply(400, "invalid_token"), (True, True), "set webhook_url"),
        (Reply(400, ECHO), (False, False), "answered 400"),
        (Reply(500, "rollup_error"), (True, False), "rollup_error"),
        (Reply(401, ECHO), (True, True), "(webhook_url)"),
        (Reply(403, ECHO), (True, True), "(webhook_url)"),
        (Reply(404, ECHO), (True, True), "(webhook_url)"),
        (Reply(410, ECHO), (False, True), "(webhook_url)"),
        (
            Reply(301, "", {"Location": "https://evil.example/"}),
            (True, True),
            "redirects elsewhere, which is never followed: check webhook_url",
        ),
        (Reply(304), (True, True), "has moved"),
        (Reply(200, "<html>", {"Content-Type": "text/html"}), (True, True), "web page"),
        *[(Reply(status, ECHO), (True, False), f"answered {status}") for status in (408, 425, 429, 500, 503)],
        *[(Reply(status, ECHO), (False, False), f"answered {status}") for status in (402, 405, 413, 422)],
    ],
)
async def test_answers_of_a_webhook(server, start, answer, wanted, told):
    server.say("webhook", answer)
    problem = await refusal(await start(webhook=True))
    assert outcome(problem) == wanted
    assert told in str(problem)
    assert len(server.requests) == 1


@pytest.mark.parametrize("webhook", [True, False])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), ("0", 0.0), ("-5", None), ("soon", None), ("nan", None), ("inf", None), (None, None)],
)
async def test_a_rate_limit_says_how_long(server, start, webhook, header, seconds):
    headers = {} if header is None else {"Retry-After": header}
    if webhook:
        server.say("webhook", Reply(429, "rate_limited", headers))
    else:
        server.say("chat.postMessage", Reply(429, {"ok": False, "error": "ratelimited"}, headers))
    problem = await refusal(await start(webhook=webhook))
    assert (problem.retryable, problem.refused, problem.retry_after) == (True, False, seconds)


async def test_a_wrong_token_is_refused(server, start):
    problem = await refusal(await start(bot_token="xoxb-1-OtherSeCrEt"))
    assert outcome(problem) == (True, True)
    assert isinstance(problem, SlackError)
    assert problem.code == "invalid_auth"


async def test_nobody_listens(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for settings in (
            {"webhook": True, "webhook_url": f"http://127.0.0.1:{port}/SeCrEt"},
            {"api_url": f"http://127.0.0.1:{port}/api/"},
        ):
            problem = await refusal(await start(**settings))
            assert outcome(problem) == (True, False)
            assert "cannot reach 127.0.0.1: Connect" in str(problem)


async def test_no_tls_where_tls_is_expected(server, start):
    problem = await refusal(await start(webhook=True, webhook_url=server.webhook_url.replace("http:", "https:")))
    assert outcome(problem) == (True, False)
    assert "cannot reach 127.0.0.1" in str(problem)


def test_a_certificate_that_does_not_verify_is_refused():
    problem = connection_error(ssl.SSLCertVerificationError(1, "SeCrEt"), "slack.com")
    assert outcome(problem) == (True, True)
    assert "the certificate of slack.com cannot be verified" in str(problem)
    assert "SeCrEt" not in str(problem)


@pytest.mark.parametrize("webhook", [True, False])
async def test_what_is_sent_is_not_logged_even_at_debug(server, start, webhook):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    root.addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in ("", "slack_sdk", "deepguard_slack", "aiohttp.client")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.DEBUG)
        notifier = await start(webhook=webhook)
        await notifier.send(make_notification(title="SeCrEt person"))
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    assert "SeCrEt" not in written.getvalue()
