"""The README of the webhook notifier: its files load, its snippets run, its examples are the schema's."""

from __future__ import annotations

import json
from importlib.resources import files as files_of
from pathlib import Path
from typing import Any

import pytest

from deepguard import NotificationKind
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.testing import ScriptedEndpoint, make_notification
from deepguard_webhook.config import WebhookConfig
from support.pages import ROOT, code, files, snippets, table
from support.webhook import SECRET, notifier

PAGE = ROOT / "plugins" / "deepguard_webhook" / "README.md"
ENVIRON = {"WEBHOOK_SECRET": SECRET, "SOC_TOKEN": "t"}


def test_the_settings_are_those_that_there_are() -> None:
    assert {code(row[0])[0] for row in table(PAGE, "setting")} == set(WebhookConfig.model_fields)


def test_the_files_load(tmp_path: Path) -> None:
    shown = [one.text for one in snippets(PAGE) if one.language == "yaml"]
    assert len(shown) == 2
    for text in shown:
        (tmp_path / "deepguard.yaml").write_text(text)
        (entry,) = load_config(tmp_path / "deepguard.yaml", PluginHost(), ENVIRON).notifiers
        assert isinstance(entry.options, WebhookConfig)
        assert len(entry.options.keys) == 1


def test_the_examples_are_those_of_the_schema() -> None:
    schema = json.loads(files_of("deepguard_webhook").joinpath("schema.json").read_text(encoding="utf-8"))
    shown = [json.loads(one.text) for one in snippets(PAGE) if one.language == "json"]
    assert shown == schema["examples"]
    for kind in NotificationKind:
        assert f"\n`{kind.value}`:\n" in PAGE.read_text()


@pytest.mark.parametrize("name", ["with_the_package.py", "with_hmac.py"])
async def test_the_snippets_know_a_message_of_ours_from_a_forged_one(endpoint: ScriptedEndpoint, name: str) -> None:
    snippet: dict[str, Any] = {}
    exec(files(PAGE)[name], snippet)
    check = snippet["notification_in"]
    other = SECRET.replace("AAEC", "AAED")
    notification = make_notification()
    async with notifier(endpoint.url, secret=[other, SECRET]) as webhook:
        await webhook.send(notification)
    (request,) = endpoint.requests
    headers = {key.lower(): value for key, value in request.headers.items()}
    message = check(SECRET, headers, request.body)
    assert message["data"]["id"] == notification.id
    signature = headers["webhook-signature"]
    forged = [
        (SECRET, headers, request.body.replace(b"alert", b"clear", 1)),
        (SECRET, {**headers, "webhook-id": "ntf_0"}, request.body),
        (SECRET, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}, request.body),
        (SECRET, {**headers, "webhook-signature": signature.split()[0]}, request.body),
    ]
    for attempt in forged:
        with pytest.raises(Exception, match=r"(?i)signature|old"):
            check(*attempt)


def test_nothing_else_is_in_it_that_would_need_a_test() -> None:
    assert {one.language for one in snippets(PAGE)} == {"yaml", "json", "python"}
    assert set(files(PAGE)) == {"local.yaml", "with_the_package.py", "with_hmac.py"}
