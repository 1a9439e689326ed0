"""Whoever is not being watched is called clear, or shown in green, by no notifier of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from email.headerregistry import Address
from importlib.metadata import entry_points
from typing import Any

import pytest
from apprise import NotifyType

from deepguard import Level, Notification, NotificationKind, level_words
from deepguard.plugins import PluginHost
from deepguard.testing import make_notification
from deepguard_apprise.notifier import type_of
from deepguard_apprise.words import body_of as apprise_body
from deepguard_apprise.words import title_of as apprise_title
from deepguard_email.message import compose
from deepguard_log.lines import json_line, text_line
from deepguard_slack.message import full_message, reply
from deepguard_webhook.body import body_of

GREEN = ("#12b76a", "#15803d", NotifyType.SUCCESS.value)
ADDRESS = Address("deepguard", "guard", "guard.example")
LOST, DIGEST, RESOLVED = NotificationKind.COVERAGE_LOST, NotificationKind.DIGEST, NotificationKind.RESOLVED


def by_log(notification: Notification) -> list[str]:
    return [text_line(notification), for_people(json.loads(json_line(notification)))]


def by_webhook(notification: Notification) -> list[str]:
    return [for_people(json.loads(body_of(notification))["data"])]


def by_slack(notification: Notification) -> list[str]:
    return [json.dumps(asdict(full_message(notification))), json.dumps(asdict(reply(notification)))]


def by_email(notification: Notification) -> list[str]:
    message = compose(notification, ADDRESS, (ADDRESS,))
    return [str(message["Subject"]), *(part.get_content() for part in message.iter_parts())]


def by_apprise(notification: Notification) -> list[str]:
    return [apprise_title(notification), apprise_body(notification), type_of(notification).value]


SHOWN: dict[str, Callable[[Notification], list[str]]] = {
    "log": by_log,
    "webhook": by_webhook,
    "slack": by_slack,
    "email": by_email,
    "apprise": by_apprise,
}


def for_people(data: dict[str, Any]) -> str:
    """What a program shows that heeds ``covered``, as the documentation of both formats asks of it."""
    items = [for_people(item["data"]) for item in data.pop("items", [])]
    if not data.pop("covered"):
        for levelled in filter(None, (data, data.get("incident"))):
            levelled["level"] = "not watched" if levelled["level"] == "clear" else levelled["level"]
    return "\n".join([json.dumps(data), *items])


def lost(level: Level = Level.CLEAR) -> Notification:
    return make_notification(kind=LOST, level=level)


def resolved(*, unwatched: bool) -> Notification:
    return make_notification(kind=RESOLVED, unwatched=unwatched)


def digest(*items: Notification) -> Notification:
    return make_notification(kind=DIGEST, items=items)


def test_every_notifier_of_ours_is_tried_here() -> None:
    ours = {
        point.name
        for point in entry_points(group="deepguard")
        if point.dist is not None and point.dist.name == "pipecat-deepguard"
    }
    host = PluginHost()
    host.load_all()
    assert {name for name in host.notifier_types if name in ours} == SHOWN.keys()


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("told", [[lost()], [digest(lost(), lost())], [lost(), digest(lost())]])
def test_lost_coverage_is_not_called_clear(name: str, told: Sequence[Notification]) -> None:
    for notification in told:
        shown = SHOWN[name](notification)
        assert any(re.search("not (being )?watched", text, re.IGNORECASE) for text in shown)
        for text in shown:
            assert not re.search(r"\bclear\b", text, re.IGNORECASE)
            assert not any(colour in text for colour in GREEN)


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("unwatched", [True, False])
def test_an_incident_that_is_over_is_shown_in_green_only_while_somebody_watches(name: str, unwatched: bool) -> None:
    for notification in (resolved(unwatched=unwatched), digest(resolved(unwatched=unwatched))):
        assert level_words(notification) == ("not watched" if unwatched else "clear")
        text = "\n".join(SHOWN[name](notification))
        if unwatched:
            assert not any(colour in text for colour in GREEN)
            # The reason may be a clear verdict; the level is not.
            assert not re.search(r"level\W+clear|, clear,", text, re.IGNORECASE)
        elif name in ("slack", "email", "apprise") and notification.kind is RESOLVED:
            assert any(colour in text for colour in GREEN), "else this test could not fail"


@pytest.mark.parametrize("level", [Level.SUSPICIOUS, Level.ALERT])
def test_a_raised_level_stays_to_be_seen_when_nobody_watches_any_more(level: Level) -> None:
    assert level_words(lost(level)) == str(level)
    assert f"level={level}" in text_line(lost(level))
