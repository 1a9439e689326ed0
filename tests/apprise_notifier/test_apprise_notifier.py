"""The apprise notifier against services on loopback."""

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import deepguard_apprise
from deepguard import Level, NotificationKind, NotifyError
from deepguard.testing import Answer, NotifierContract, ScriptedEndpoint, SecretWatch, make_notification
from deepguard_apprise.config import AppriseConfig
from deepguard_apprise.notifier import MOST_THREADS, AppriseNotifier
from deepguard_apprise.services import service
from deepguard_apprise.words import body_of, harmless, title_of

TOKEN = "token-of-the-test"


def address(endpoint, schema="json", path=TOKEN):
    return endpoint.url.replace("http://", f"{schema}://") + f"/{path}"


async def sent(notification, *urls):
    notifier = AppriseNotifier(AppriseConfig.model_validate({"urls": urls}))
    await notifier.start()
    try:
        await notifier.send(notification)
    finally:
        await notifier.close()


class TestContract(NotifierContract):
    notifier_type = deepguard_apprise.deepguard_register_notifiers()[0]
    secrets = (TOKEN,)

    def settings(self, url):
        # Seconds that it waits for an answer: what is given up before goes on until then.
        return {"urls": [url.replace("http://", "json://") + f"/{TOKEN}?rto=1"]}

    # Apprise does not tell what `Retry-After` said.
    test_passes_retry_after_on = None  # pyright: ignore[reportAssignmentType]

    # Not when an answer drips: no library that waits in a thread can be made to end then. Such attempts are bounded.
    @pytest.mark.parametrize("manner", ["hang"])
    async def test_can_be_cancelled(self, manner):
        await super().test_can_be_cancelled(manner)


async def test_a_service_gets_title_body_and_type():
    async with ScriptedEndpoint() as endpoint:
        notification = make_notification(participant_id="Zoë", ack_url="https://guard.example/ack/1")
        await sent(notification, address(endpoint))
        (request,) = endpoint.requests
    told = request.json()
    assert request.path == f"/{TOKEN}"
    assert told["title"] == "Zoë may be a deepfake"
    assert told["type"] == "failure"
    assert notification.incident is not None
    for line in (
        "Participant: Zoë",
        f"Incident: {notification.incident.id}",
        "Acknowledge: https://guard.example/ack/1",
    ):
        assert line in told["message"].splitlines()


async def test_ntfy_gets_it_as_ntfy_wants_it():
    async with ScriptedEndpoint() as endpoint:
        await sent(make_notification(participant_id="Zoë"), address(endpoint, "ntfy", "alerts"))
        (request,) = endpoint.requests
    assert request.json()["topic"] == "alerts"
    assert request.json()["title"] == "Zoë may be a deepfake"


@pytest.mark.parametrize(
    ("kind", "level", "type_"),
    [
        (NotificationKind.OPENED, Level.ALERT, "failure"),
        (NotificationKind.REPEATED, Level.ALERT, "failure"),
        (NotificationKind.UPDATED, Level.SUSPICIOUS, "warning"),
        (NotificationKind.ACKNOWLEDGED, Level.ALERT, "info"),
        (NotificationKind.RESOLVED, Level.ALERT, "success"),
        (NotificationKind.COVERAGE_LOST, Level.CLEAR, "warning"),
        (NotificationKind.COVERAGE_REGAINED, Level.CLEAR, "success"),
        (NotificationKind.DIGEST, Level.ALERT, "failure"),
        (NotificationKind.TEST, Level.CLEAR, "info"),
    ],
)
async def test_each_kind_has_a_type(kind, level, type_):
    async with ScriptedEndpoint() as endpoint:
        await sent(make_notification(kind=kind, level=level), address(endpoint))
        assert endpoint.requests[0].json()["type"] == type_


async def test_who_has_taken_it_is_not_told_again_when_others_fail():
    async with ScriptedEndpoint() as one, ScriptedEndpoint(Answer(503)) as two:
        notifier = AppriseNotifier(AppriseConfig.model_validate({"urls": [address(one), address(two)]}))
        notification = make_notification()
        with pytest.raises(NotifyError, match=r"^urls\[1\] \(JSON\) answered 503$"):
            await notifier.send(notification)
        two.default = Answer()
        await notifier.send(notification)
        assert (len(one.requests), len(two.requests)) == (1, 2)
        await notifier.send(make_notification())
        assert (len(one.requests), len(two.requests)) == (2, 3)


@pytest.mark.parametrize(
    ("statuses", "retryable", "refused"),
    [
        ((503, 400), True, False),
        ((503, 401), True, False),
        ((401, 404), True, True),
        ((401, 400), True, True),
        ((400, 422), False, False),
        ((410, 410), False, True),
    ],
)
async def test_several_that_fail_are_one_error_that_names_each(statuses, retryable, refused):
    async with ScriptedEndpoint(Answer(statuses[0])) as one, ScriptedEndpoint(Answer(statuses[1])) as two:
        with pytest.raises(NotifyError) as caught:
            await sent(make_notification(), address(one), address(two))
    assert (caught.value.retryable, caught.value.refused) == (retryable, refused)
    assert "urls[0]" in str(caught.value)
    assert f"urls[1] (JSON) answered {statuses[1]}" in str(caught.value)


async def test_what_is_asked_in_an_address_does_not_make_it_try_by_itself():
    async with ScriptedEndpoint(Answer(503)) as endpoint:
        with pytest.raises(NotifyError):
            await sent(make_notification(), address(endpoint) + "?retry=3&wait=0")
        assert len(endpoint.requests) == 1


async def test_attempts_that_never_end_are_bounded():
    async with ScriptedEndpoint(Answer.drip()) as endpoint:
        notifier = AppriseNotifier(AppriseConfig.model_validate({"urls": [address(endpoint)]}))
        before = threading.active_count()
        for count in range(1, MOST_THREADS + 1):
            sending = asyncio.create_task(notifier.send(make_notification()))
            await endpoint.wait_for(count)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        with pytest.raises(NotifyError, match="have not come to an end") as caught:
            await notifier.send(make_notification())
        assert caught.value.retryable
        assert threading.active_count() <= before + MOST_THREADS
        assert len(endpoint.requests) == MOST_THREADS


async def test_one_that_was_taken_after_all_is_not_sent_again():
    async with ScriptedEndpoint() as endpoint:
        notifier = AppriseNotifier(AppriseConfig.model_validate({"urls": [address(endpoint)]}))
        notification = make_notification()
        sending = asyncio.create_task(notifier.send(notification))
        await endpoint.wait_for(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        for thread in threading.enumerate():
            if thread.name == "deepguard-apprise":
                await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        await notifier.send(notification)
        assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        f"file:///etc/{TOKEN}",
        f"config:///etc/{TOKEN}",
        f"include:///etc/{TOKEN}",
        f"yaml:///etc/{TOKEN}",
        f"no-such-service://{TOKEN}",
        f"json://a/{TOKEN}, json://b",
        f"json://a/{TOKEN} json://b",
        f"json://a/{TOKEN}\r\nX: y",
        f"tgram://{TOKEN}",
        f"json://{TOKEN}@:0/?overflow=x",
        "",
    ],
)
def test_what_is_no_service_is_refused_without_the_address(url):
    with SecretWatch((TOKEN,)) as watch, pytest.raises(ValidationError) as caught:
        AppriseConfig.model_validate({"urls": ["json://127.0.0.1:9/x", url]})
    assert TOKEN not in str(caught.value)
    assert not watch.leaks
    assert caught.value.errors()[0]["loc"] == ("urls", 1)


def test_at_least_one_address_and_nothing_else():
    for settings in ({}, {"urls": []}, {"urls": ["json://127.0.0.1:9"], "tag": "x"}, {"urls": "json://127.0.0.1:9"}):
        with pytest.raises(ValidationError):
            AppriseConfig.model_validate(settings)


def test_a_long_text_goes_out_in_parts_where_that_is_cheap():
    assert service("json://127.0.0.1:9").overflow_mode.value == "split"
    assert service("bulksms://user:password@+49151000000/").overflow_mode.value == "truncate"
    assert service("json://127.0.0.1:9?overflow=truncate").overflow_mode.value == "truncate"


@given(st.text(), st.sampled_from(["@everyone", "<!channel>", "<@U1>", "[a](https://b)", "www.x.y", "@@", "<<a|b>>"]))
def test_a_name_pings_nobody_and_links_nowhere(text, special):
    for title in (text, f"{text}{special}", f"{special}{text}"):
        line = harmless(title, 200)
        assert not any(mark in line for mark in ("<", ">", "](", "://", "www.", "@everyone"))
        assert line.replace("\u200b", "").isprintable()
        assert len(line) < 700
    told = make_notification(participant_id=special + text, title=text, detail=special, ack_url="")
    assert body_of(told)
    assert title_of(told)
    assert "<" not in body_of(told) + title_of(told)


def test_a_digest_names_every_incident():
    items = tuple(make_notification(participant_id=f"caller-{number}") for number in range(100))
    body = body_of(make_notification(kind=NotificationKind.DIGEST, items=items))
    for item in items:
        assert item.incident is not None
        assert f"- {item.participant_id} may be a deepfake ({item.incident.id})" in body


def test_context_and_acknowledgement_are_told():
    notification = make_notification(kind=NotificationKind.ACKNOWLEDGED)
    assert notification.incident is not None
    incident = replace(
        notification.incident, acknowledged_by="Ann\n@here", context={"customer": "4711", "Incident": "x"}
    )
    lines = body_of(replace(notification, incident=incident)).splitlines()
    assert "Acknowledged by: Ann @\u200bhere" in lines
    assert "customer: 4711" in lines
    assert f"Incident: {incident.id}" in lines


WITHOUT = """
import sys
sys.modules['apprise'] = None
from deepguard.plugins.host import PluginHost
host = PluginHost()
host.load_all()
print([plugin.reason for plugin in host.installed() if plugin.status == 'failed'])
"""


def test_without_the_extra_the_list_of_plugins_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "pip install 'pipecat-deepguard[apprise]'" in done.stdout
