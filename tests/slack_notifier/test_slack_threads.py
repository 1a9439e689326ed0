"""One thread an incident, through a real server: what is posted, edited, replied and not repeated."""

import asyncio
from dataclasses import replace

import pytest

from deepguard import Level, NotificationKind, NotifyError, Picture, SampleFormat
from deepguard.testing import make_notification
from support.slack_server import CHANNEL_ID, Reply, button_of, error, texts

INCIDENT_KINDS = [kind for kind in NotificationKind if kind.startswith("incident.")]


def story(*kinds, thread="", **over):
    """Notifications of one incident, a second apart."""
    incident = make_notification().incident
    assert incident is not None
    told = []
    for count, kind in enumerate(kinds):
        notification = make_notification(kind=kind, at=1000.0 + count, id=f"ntf_{count}", **over)
        assert notification.incident is not None
        told.append(replace(notification, thread=thread, incident=replace(notification.incident, id=incident.id)))
    return told


def picture():
    return Picture(data=b"\xff\xd8 a face", format=SampleFormat.JPEG, captured_at=1.0)


async def test_an_incident_is_one_thread_whose_first_message_shows_how_things_are(server, start):
    notifier = await start()
    kinds = [
        NotificationKind.OPENED,
        NotificationKind.UPDATED,
        NotificationKind.ACKNOWLEDGED,
        NotificationKind.RESOLVED,
    ]
    thread = ""
    for notification in story(*kinds):
        receipt = await notifier.send(replace(notification, thread=thread))
        thread = thread or receipt
        assert receipt == thread
        (first,) = server.threads()
        assert thread == f"{CHANNEL_ID}:{first['ts']}"
        assert texts(first)[0] == notification.title
        assert first["metadata"]["event_payload"]["id"] == notification.id
    replies = server.replies(thread.partition(":")[2])
    told = [texts(reply)[0] for reply in replies]
    assert told == [notification.title for notification in story(*kinds)[1:]]
    assert not any(reply.get("reply_broadcast") for reply in replies)


async def test_the_first_message_loses_its_button_with_the_need_for_it(server, start):
    opened, acknowledged = story(
        NotificationKind.OPENED, NotificationKind.ACKNOWLEDGED, ack_url="https://guard.example/a"
    )
    notifier = await start()
    receipt = await notifier.send(opened)
    (first,) = server.threads()
    assert button_of(first) is not None
    taken = replace(acknowledged.incident, acknowledged_at=5.0, acknowledged_by="ann")
    await notifier.send(replace(acknowledged, thread=receipt, incident=taken))
    assert button_of(first) is None
    assert any(text.endswith("by ann") for text in texts(first))


async def test_a_repeat_is_also_shown_in_the_channel_and_edits_nothing(server, start):
    opened, repeated = story(NotificationKind.OPENED, NotificationKind.REPEATED)
    notifier = await start()
    receipt = await notifier.send(opened)
    assert await notifier.send(replace(repeated, thread=receipt)) == receipt
    (first,) = server.threads()
    (reply,) = server.replies(first["ts"])
    assert reply["reply_broadcast"] is True
    assert server.calls("chat.update") == []


@pytest.mark.parametrize("kind", INCIDENT_KINDS)
@pytest.mark.parametrize("thread", ["", "nonsense", "C1:", ":1.2", "C1:x.y", "<mid@x>"])
async def test_without_a_thread_of_ours_there_is_a_new_first_message(server, start, kind, thread):
    notifier = await start()
    receipt = await notifier.send(make_notification(kind=kind, thread=thread))
    (first,) = server.threads()
    assert receipt == f"{CHANNEL_ID}:{first['ts']}"


@pytest.mark.parametrize("kind", [kind for kind in NotificationKind if kind not in INCIDENT_KINDS])
async def test_what_is_about_no_incident_is_a_plain_message(server, start, kind):
    notifier = await start()
    items = (make_notification(),) if kind is NotificationKind.DIGEST else ()
    notification = make_notification(kind=kind, items=items, thread=f"{CHANNEL_ID}:1.2")
    if kind is NotificationKind.DIGEST:
        notification = replace(notification, incident=None)
    await notifier.send(notification)
    assert [method for method, _ in server.requests] == ["chat.postMessage"]


async def test_nothing_is_linked_unfurled_or_formatted(server, start):
    opened, updated = story(
        NotificationKind.OPENED, NotificationKind.UPDATED, title="<!channel> @here", participant_id="@all"
    )
    notifier = await start()
    await notifier.send(replace(updated, thread=await notifier.send(opened)))
    for call in server.calls("chat.postMessage"):
        assert (call["mrkdwn"], call["unfurl_links"], call["unfurl_media"]) == (False, False, False)
    for call in server.calls("chat.postMessage") + server.calls("chat.update"):
        assert (call["parse"], call["link_names"]) == ("none", False)
        assert call["text"].startswith("&lt;!channel&gt;")


@pytest.mark.parametrize("code", ["message_not_found", "channel_not_found", "not_in_channel", "is_archived"])
async def test_a_thread_that_is_gone_is_followed_by_a_new_one(server, start, code):
    opened, updated, resolved = story(NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED)
    notifier = await start()
    receipt = await notifier.send(opened)
    if code == "message_not_found":
        server.messages.clear()
    else:
        server.say("chat.update", error(code))
    moved = await notifier.send(replace(updated, thread=receipt))
    assert moved != receipt
    # Core keeps handing out the first receipt.
    assert await notifier.send(replace(resolved, thread=receipt)) == moved
    assert texts(server.messages[moved.partition(":")[2]])[0] == resolved.title


async def test_a_reply_to_a_message_that_is_gone_begins_anew_too(server, start):
    notifier = await start()
    (repeated,) = story(NotificationKind.REPEATED, thread=f"{CHANNEL_ID}:1600000000.000100")
    assert await notifier.send(repeated) == f"{CHANNEL_ID}:{server.threads()[0]['ts']}"


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
async def test_a_first_message_that_must_stay_as_it_is_still_gets_replies(server, start, code):
    opened, updated = story(NotificationKind.OPENED, NotificationKind.UPDATED)
    notifier = await start()
    receipt = await notifier.send(opened)
    server.say("chat.update", error(code))
    assert await notifier.send(replace(updated, thread=receipt)) == receipt
    assert len(server.replies(receipt.partition(":")[2])) == 1


async def test_another_attempt_goes_on_where_the_last_one_stopped(server, start):
    opened, updated = story(NotificationKind.OPENED, NotificationKind.UPDATED)
    notifier = await start()
    receipt = await notifier.send(opened)
    server.say("chat.postMessage", error("ratelimited", 429, Retry_After="1"))
    with pytest.raises(NotifyError) as caught:
        await notifier.send(replace(updated, thread=receipt))
    assert caught.value.retry_after == 1.0
    await notifier.send(replace(updated, thread=receipt))
    assert len(server.calls("chat.update")) == 1
    assert len(server.replies(receipt.partition(":")[2])) == 1


async def test_what_had_to_wait_does_not_bring_an_old_state_back(server, start):
    opened, updated, resolved = story(NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.RESOLVED)
    notifier = await start()
    receipt = await notifier.send(opened)
    await notifier.send(replace(resolved, thread=receipt))
    await notifier.send(replace(updated, thread=receipt))
    (first,) = server.threads()
    assert texts(first)[0] == resolved.title
    assert [texts(reply)[0] for reply in server.replies(first["ts"])] == [resolved.title, updated.title]


async def test_the_picture_goes_into_the_thread_once(server, start):
    opened, updated = story(NotificationKind.OPENED, NotificationKind.UPDATED, picture=picture())
    notifier = await start(evidence=True)
    receipt = await notifier.send(opened)
    await notifier.send(replace(updated, thread=receipt))
    assert server.uploads == [(CHANNEL_ID, receipt.partition(":")[2], b"\xff\xd8 a face")]
    assert server.calls("files.getUploadURLExternal")[0]["filename"] == "evidence.jpeg"


@pytest.mark.parametrize(("evidence", "given"), [(False, picture()), (True, None)])
async def test_no_picture_without_the_setting_or_the_picture(server, start, evidence, given):
    notifier = await start(evidence=evidence)
    await notifier.send(make_notification(picture=given))
    assert [method for method, _ in server.requests] == ["chat.postMessage"]


@pytest.mark.parametrize(
    ("method", "answer", "told"),
    [
        (
            "files.getUploadURLExternal",
            Reply(200, {"ok": False, "error": "missing_scope", "needed": "files:write"}),
            "(needed: files:write)",
        ),
        ("upload", Reply(500, "oops xoxb-111-222-SeCrEtBot"), "SlackRequestError"),
        ("files.completeUploadExternal", Reply(200, {"ok": True}), "TypeError"),
        ("files.completeUploadExternal", Reply(429, {"ok": False, "error": "ratelimited"}), "ratelimited"),
        ("upload", Reply(302, "", {"Location": "https://evil.example/"}), "redirects"),
    ],
)
async def test_a_picture_that_fails_does_not_cost_the_alert(server, start, warnings, method, answer, told):
    server.say(method, answer)
    notifier = await start(evidence=True)
    receipt = await notifier.send(make_notification(picture=picture()))
    assert receipt == f"{CHANNEL_ID}:{server.threads()[0]['ts']}"
    assert told in warnings[0]
    assert "SeCrEt" not in "".join(warnings)
    assert "a face" not in "".join(warnings)


async def test_a_picture_that_hangs_is_given_up(server, start, warnings, monkeypatch):
    monkeypatch.setattr("deepguard_slack.thread.EVIDENCE_TIMEOUT", 0.05)
    server.say("upload", Reply(hang=True))
    notifier = await start(evidence=True)
    assert await notifier.send(make_notification(picture=picture()))
    assert "took more than 0.05 s" in warnings[0]
    await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_an_alert_cancelled_during_its_picture_is_not_posted_twice(server, start):
    server.say("upload", Reply(hang=True))
    notifier = await start(evidence=True)
    opened = make_notification(picture=picture())
    sending = asyncio.create_task(notifier.send(opened))
    await server.hanging.wait()
    sending.cancel()
    await asyncio.wait({sending})
    assert await notifier.send(opened) == f"{CHANNEL_ID}:{server.threads()[0]['ts']}"
    assert len(server.threads()) == 1
    assert len(server.calls("files.getUploadURLExternal")) == 1


@pytest.mark.parametrize("webhook", [True, False])
async def test_cancelled_in_the_middle_nothing_stays_open(server, start, webhook):
    server.say("webhook" if webhook else "chat.postMessage", Reply(hang=True))
    notifier = await start(webhook=webhook)
    sending = asyncio.create_task(notifier.send(make_notification()))
    await server.hanging.wait()
    sending.cancel()
    await asyncio.wait({sending})
    assert sending.cancelled()
    await asyncio.wait_for(server.hung_up.wait(), 5)
    await notifier.send(make_notification(level=Level.ALERT))


async def test_starting_and_closing_twice_is_harmless(server, start):
    notifier = await start()
    await notifier.start()
    await notifier.send(make_notification())
    await notifier.close()
    await notifier.close()
    with pytest.raises(NotifyError, match="has not been started"):
        await notifier.send(make_notification())
    await notifier.start()
    await notifier.send(make_notification())
    assert len(server.threads()) == 2


async def test_what_it_remembers_is_bounded(server, start):
    from deepguard_slack.recent import Recent

    recent = Recent[int](size=3)
    for count in range(10):
        recent.set(str(count % 5), count)
    assert [recent.get(str(key)) for key in range(5)] == [None, None, 7, 8, 9]
    recent.pop("4")
    recent.pop("4")
    assert recent.get("4") is None


async def test_a_webhook_takes_every_kind(server, start):
    notifier = await start(webhook=True)
    for kind in NotificationKind:
        assert await notifier.send(make_notification(kind=kind, title="<!channel>", thread="x")) is None
    assert len(server.hooked) == len(NotificationKind)
    assert all(call["text"] == "&lt;!channel&gt;" and call["mrkdwn"] is False for call in server.hooked)
