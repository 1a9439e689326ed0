"""The button that acknowledges, over a real WebSocket: who pressed, what is told, and what a broken one cannot do."""

import asyncio
import json
from dataclasses import replace

import pytest
from loguru import logger

from deepguard import NotificationKind
from deepguard.testing import make_notification
from deepguard_slack.button import REFUSED_WAIT, backoff
from support.slack_server import APP_TOKEN, CHANNEL_ID, Reply, button_of, error


class Desk:
    """What core gives a notifier to acknowledge with."""

    def __init__(self, answer: bool | Exception = True):
        self.answer = answer
        self.taken = []
        self.news = asyncio.Event()

    async def __call__(self, incident_id, by):
        self.taken.append((incident_id, by))
        self.news.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def log():
    lines = []
    sink = logger.add(lambda line: lines.append(str(line)), level="DEBUG", format="{message}")
    yield lines
    logger.remove(sink)
    assert "SeCrEt" not in "".join(lines)


@pytest.fixture
def waits(monkeypatch):
    """The waits between connections, which take no time."""
    asked = []

    def none(failures):
        asked.append(failures)
        return 0.0

    monkeypatch.setattr("deepguard_slack.button.backoff", none)
    return asked


async def opened(server, notifier):
    notification = make_notification()
    await notifier.send(notification)
    assert notification.incident is not None
    return notification.incident, server.threads()[-1]


async def test_a_press_acknowledges_with_who_pressed(server, start, log):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    incident, message = await opened(server, notifier)
    await server.press(message)
    await asyncio.wait_for(desk.news.wait(), 5)
    assert desk.taken == [(incident.id, "ann")]
    await notifier.close()
    assert server.ephemeral == []


async def test_pressing_twice_is_harmless(server, start, log):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    incident, message = await opened(server, notifier)
    for _ in range(2):
        desk.news.clear()
        await server.press(message)
        await asyncio.wait_for(desk.news.wait(), 5)
    assert desk.taken == [(incident.id, "ann")] * 2
    assert server.ephemeral == []


@pytest.mark.parametrize(
    ("user", "by"),
    [
        ({"name": "<!channel>\r\n\u202eann\x1b[31m"}, "<!channel> ann [31m"),
        ({"name": "x" * 10_000}, "x" * 79 + "…"),
        ({"name": None, "username": "bob"}, "bob"),
        ({"name": "\n", "username": 5}, "U123"),
        ({"name": "", "username": "", "id": ""}, "somebody on Slack"),
    ],
)
async def test_who_pressed_is_one_short_line(server, start, log, user, by):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    _, message = await opened(server, notifier)
    await server.press(message, **user)
    await asyncio.wait_for(desk.news.wait(), 5)
    assert desk.taken[0][1] == by


@pytest.mark.parametrize(
    ("desk", "told"),
    [
        (Desk(answer=False), "deepguard does not know this incident"),
        (Desk(answer=RuntimeError("SeCrEt")), "could not write it down"),
        (None, "keeps no incidents"),
    ],
)
async def test_whoever_pressed_in_vain_is_told(server, start, log, desk, told):
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    _, message = await opened(server, notifier)
    await server.press(message)
    await server.until(lambda: server.ephemeral)
    (answer,) = server.ephemeral
    assert (answer["channel"], answer["user"]) == (CHANNEL_ID, "U123")
    assert told in answer["text"]
    assert any(told in line for line in log)


async def test_an_answer_that_slack_does_not_take_changes_nothing(server, start, log):
    server.say("chat.postEphemeral", error("user_not_in_channel"))
    desk = Desk(answer=False)
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    _, message = await opened(server, notifier)
    await server.press(message)
    await server.until(lambda: server.calls("chat.postEphemeral"))
    desk.news.clear()
    await server.press(message)
    await asyncio.wait_for(desk.news.wait(), 5)


NOISE = [
    (
        {"type": "block_actions", "actions": [{"action_id": "deepguard_acknowledge", "value": "x; drop table"}]},
        "interactive",
    ),
    ({"type": "block_actions", "actions": [{"action_id": "deepguard_acknowledge", "value": "x" * 101}]}, "interactive"),
    ({"type": "block_actions", "actions": [{"action_id": "deepguard_acknowledge", "value": ["inc_1"]}]}, "interactive"),
    ({"type": "block_actions", "actions": [{"action_id": "deepguard_open", "value": "inc_1"}]}, "interactive"),
    ({"type": "block_actions", "actions": ["x"]}, "interactive"),
    ({"type": "block_actions", "actions": {}}, "interactive"),
    ({"type": "view_submission"}, "interactive"),
    ({"type": "block_actions", "actions": [{"action_id": "deepguard_acknowledge", "value": "inc_1"}]}, "events_api"),
    ({}, "slash_commands"),
]


async def test_what_is_no_press_of_ours_is_acknowledged_and_left_alone(server, start, log):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    for text in ("", "{", "[]", "5", '{"type": 5}', "[" * 100_000, json.dumps({"envelope_id": 5, "payload": {}})):
        await server.raw(text)
    for payload, kind in NOISE:
        await server.push(payload, kind)
    assert len(server.acknowledged) == len(NOISE)
    incident, message = await opened(server, notifier)
    await server.press(message)
    await asyncio.wait_for(desk.news.wait(), 5)
    assert desk.taken == [(incident.id, "ann")]


async def test_a_press_without_anybody_is_taken_too(server, start, log):
    desk = Desk()
    await start(button=True, acknowledge=desk)
    await server.until(lambda: server.connected)
    await server.push({"type": "block_actions", "actions": [{"action_id": "deepguard_acknowledge", "value": "inc_1"}]})
    await asyncio.wait_for(desk.news.wait(), 5)
    assert desk.taken == [("inc_1", "somebody on Slack")]


@pytest.mark.parametrize("how", ["drop", "disconnect"])
async def test_a_connection_that_ends_is_followed_by_another(server, start, log, waits, how):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    for round_ in range(3):
        await server.until(lambda: server.connected)
        incident, message = await opened(server, notifier)
        desk.news.clear()
        await server.press(message)
        await asyncio.wait_for(desk.news.wait(), 5)
        assert desk.taken[-1] == (incident.id, "ann")
        if how == "drop":
            await server.drop()
        else:
            await server.raw(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
        await server.until(lambda count=round_: len(server.calls("apps.connections.open")) >= count + 2)
    assert not any("does not work" in line for line in log)


async def test_a_refused_token_is_told_once_and_not_hammered(server, start, log, waits):
    notifier = await start(button=True, app_token=APP_TOKEN)
    await notifier.close()
    server.requests.clear()
    server.say("apps.connections.open", error("invalid_auth"), error("invalid_auth"))
    told = asyncio.Event()
    sink = logger.add(lambda _: told.set(), level="WARNING")
    await notifier.start()
    await asyncio.wait_for(told.wait(), 5)
    logger.remove(sink)
    # Nothing but the alert is asked for from here on, and that works.
    await notifier.send(make_notification())
    assert [method for method, _ in server.requests] == ["apps.connections.open", "chat.postMessage"]
    assert [line for line in log if "does not work" in line] == [line for line in log if "invalid_auth" in line]
    assert REFUSED_WAIT >= 60


@pytest.mark.parametrize(
    ("method", "answer", "told"),
    [
        ("apps.connections.open", error("internal_error"), "internal_error"),
        ("apps.connections.open", Reply(500, "x"), "answered 500"),
        ("apps.connections.open", error("ratelimited", 429, Retry_After="0"), "ratelimited"),
        ("link", Reply(403), "WSServerHandshakeError"),
    ],
)
async def test_a_button_that_breaks_comes_back_and_alerts_go_on(server, start, log, waits, method, answer, told):
    server.say(method, answer, answer)
    notifier = await start(button=True, acknowledge=Desk())
    await notifier.send(make_notification())
    assert len(server.threads()) == 1
    await server.until(lambda: server.connected)
    await notifier.close()
    broken = [line for line in log if "does not work" in line]
    assert len(broken) == 1
    assert told in broken[0]
    assert waits[:2] == [1, 2]


async def test_a_button_is_redirected_nowhere(server, start, log):
    server.say("link", Reply(302, "", {"Location": "https://evil.example/SeCrEt"}))
    told = asyncio.Event()
    sink = logger.add(lambda _: told.set(), level="WARNING")
    notifier = await start(button=True)
    await asyncio.wait_for(told.wait(), 5)
    logger.remove(sink)
    assert any("redirects elsewhere" in line for line in log)
    await notifier.send(make_notification())
    assert len(server.threads()) == 1


@pytest.mark.parametrize("address", ["", "http://127.0.0.1/SeCrEt", "ws://evil.example/SeCrEt", 5])
async def test_an_address_that_is_none_is_not_connected_to(server, start, log, address):
    server.say("apps.connections.open", Reply(200, {"ok": True, "url": address}))
    told = asyncio.Event()
    sink = logger.add(lambda _: told.set(), level="WARNING")
    notifier = await start(button=True)
    await asyncio.wait_for(told.wait(), 5)
    logger.remove(sink)
    assert any("named no address" in line for line in log)
    await notifier.send(make_notification())
    assert len(server.threads()) == 1


@pytest.mark.parametrize(
    ("reason", "told"),
    [("link_disabled", "switched off"), ("too_many_websockets", "as many connections as Slack allows")],
)
async def test_a_connection_that_is_not_wanted_is_not_asked_for_again_at_once(server, start, log, reason, told):
    await start(button=True)
    await server.until(lambda: server.connected)
    heard = asyncio.Event()
    sink = logger.add(lambda _: heard.set(), level="WARNING")
    await server.raw(json.dumps({"type": "disconnect", "reason": reason}))
    await asyncio.wait_for(heard.wait(), 5)
    logger.remove(sink)
    assert any(told in line for line in log)
    assert len(server.calls("apps.connections.open")) == 1


async def test_closing_ends_the_connection_and_the_presses_in_hand(server, start, log):
    stuck, ended = asyncio.Event(), asyncio.Event()

    async def never(incident_id, by):
        stuck.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    notifier = await start(button=True, acknowledge=never)
    await server.until(lambda: server.connected)
    _, message = await opened(server, notifier)
    before = asyncio.all_tasks()
    await server.press(message)
    await stuck.wait()
    await notifier.close()
    await notifier.close()
    assert ended.is_set()
    await server.until(lambda: not server.connected)
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}


async def test_too_many_presses_at_once_are_told_of(server, start, log):
    release = asyncio.Event()
    taken = []

    async def slow(incident_id, by):
        taken.append(incident_id)
        await release.wait()
        return True

    notifier = await start(button=True, acknowledge=slow)
    await server.until(lambda: server.connected)
    _, message = await opened(server, notifier)
    for _ in range(22):
        await server.press(message)
    release.set()
    await notifier.close()
    assert len(taken) == 20
    assert sum("is dropped" in line for line in log) == 2


async def test_the_button_goes_when_somebody_acknowledged(server, start, log):
    desk = Desk()
    notifier = await start(button=True, acknowledge=desk)
    notification = make_notification()
    receipt = await notifier.send(notification)
    (first,) = server.threads()
    button = button_of(first)
    assert button is not None
    assert notification.incident is not None
    assert button["value"] == notification.incident.id
    taken = replace(notification.incident, acknowledged_at=5.0, acknowledged_by="ann")
    told = make_notification(kind=NotificationKind.ACKNOWLEDGED, incident=taken, thread=receipt)
    await notifier.send(told)
    assert button_of(first) is None


def test_waits_grow_and_end():
    assert all(0 <= backoff(count) <= 2**count for count in range(1, 6))
    assert all(backoff(count) <= 60 for count in (10, 1000, 10**9))
