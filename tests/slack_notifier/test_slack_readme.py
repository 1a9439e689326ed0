"""The README of the Slack notifier: its settings are those that there are, its files load."""

from __future__ import annotations

from pathlib import Path

import yaml

from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard_slack.config import SlackConfig
from deepguard_slack.errors import HOPELESS, REFUSED, TRY_AGAIN, WEBHOOK_REFUSED
from support.pages import ROOT, code, files, snippets, table
from support.slack_server import APP_TOKEN, BOT_TOKEN

PAGE = ROOT / "plugins" / "deepguard_slack" / "README.md"
ENVIRON = {
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
    "SLACK_BOT_TOKEN": BOT_TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
}


def test_the_settings_are_those_that_there_are() -> None:
    assert {code(row[0])[0] for row in table(PAGE, "setting")} == set(SlackConfig.model_fields)


def test_the_files_load(tmp_path: Path) -> None:
    shown = [one.text for one in snippets(PAGE) if one.text.startswith("notifiers:")]
    assert len(shown) == 2
    for text in shown:
        (tmp_path / "deepguard.yaml").write_text(text)
        (entry,) = load_config(tmp_path / "deepguard.yaml", PluginHost(), ENVIRON).notifiers
        assert isinstance(entry.options, SlackConfig)


def test_the_manifest_asks_for_what_is_used() -> None:
    manifest = yaml.safe_load(files(PAGE)["manifest.yaml"])
    assert manifest["oauth_config"]["scopes"]["bot"] == ["chat:write", "files:write"]
    assert manifest["settings"]["socket_mode_enabled"]
    assert manifest["settings"]["interactivity"]["is_enabled"]


def test_the_answers_that_it_names_are_known() -> None:
    known = set(REFUSED) | set(WEBHOOK_REFUSED) | HOPELESS | TRY_AGAIN
    named = {word for row in table(PAGE, "Slack's answer") for word in code(row[0]) if word != "Retry-After"}
    assert named <= known
    assert len(named) > 20
