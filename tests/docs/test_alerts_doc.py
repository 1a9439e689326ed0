"""docs/alerts.md: its tables are what there is, its commands and settings are understood."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from typer.main import get_command

from deepguard.cli import app
from deepguard.cli.incidents import incident_dict
from deepguard.config.coverage import CoverageNotify, CoverageParams
from deepguard.config.loading import load_config
from deepguard.config.models import NotifierCommon, NotifyOn
from deepguard.contracts import NotifierType, PluginConfig
from deepguard.model import BlindReason, DeliveryStatus
from deepguard.notify.trial import Follows, Outcome, Result
from deepguard.plugins import PluginHost
from deepguard.store.incidents import StoredIncident
from deepguard.store.letters import Letter
from deepguard.store.tables import silences
from deepguard.testing import RecordingNotifier, make_notification
from support.pages import ROOT, code, snippets, table

PAGE = ROOT / "docs" / "alerts.md"
KIND = NotifierType("a type that says nothing of it", PluginConfig, lambda _config: RecordingNotifier())
PACE = {"rate": f"{KIND.rate:g}", "burst": KIND.burst, "digest_after": KIND.digest_after}
VARIABLES = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x"}


def lines() -> list[str]:
    shown = [line for one in snippets(PAGE) for line in one.text.splitlines()]
    told = [code(row[0])[0] for row in table(PAGE, "command")]
    return [line for line in [*shown, *told] if line.startswith("deepguard ")]


@pytest.mark.parametrize("number", range(4))
def test_its_settings_load(number: int, tmp_path: Path) -> None:
    settings = [one.text for one in snippets(PAGE) if one.language == "yaml"]
    assert len(settings) == 4
    if "silences" in settings[number]:
        settings[number] += "notifiers: [{type: log, name: soc}]\n"
    (tmp_path / "deepguard.yaml").write_text(settings[number])
    load_config(tmp_path / "deepguard.yaml", PluginHost(), VARIABLES)


def test_the_reasons_are_those_that_there_are_and_their_settings_exist() -> None:
    told = {code(row[0])[0]: code(row[2]) for row in table(PAGE, "reason")}
    assert told.keys() == {reason.value for reason in BlindReason} == CoverageNotify.model_fields.keys()
    assert {name for names in told.values() for name in names} <= CoverageParams.model_fields.keys()


@pytest.mark.parametrize("line", lines())
def test_its_commands_are_understood(line: str) -> None:
    # Read as the command line reads it, and not run.
    command: Any = get_command(app)
    arguments = shlex.split(line)[1:]
    context = click.Context(command)
    while hasattr(command, "get_command"):
        command = command.get_command(context, arguments.pop(0))
        assert command is not None, line
    if "--json" in arguments:
        assert "--json" in {option for parameter in command.params for option in parameter.opts}
        return
    command.make_context(line, arguments)


def test_what_is_told_is_every_word_of_on() -> None:
    assert [code(row[0])[0] for row in table(PAGE, "told")] == list(get_args(NotifyOn))


def test_the_settings_are_those_of_every_notifier_with_their_defaults() -> None:
    rows = {code(row[0])[0]: row[1] for row in table(PAGE, "setting")}
    known = {name: field.default for name, field in NotifierCommon.model_fields.items() if name != "type"}
    assert set(rows) == set(known)
    for name, told in rows.items():
        default = known[name]
        if isinstance(default, float | int):
            assert float(told) == default, name
        elif isinstance(default, str):
            assert code(told) == [default], name
        else:
            others = {"name": "the type"} | dict.fromkeys(PACE, f"the type's, mostly {PACE.get(name)}")
            assert told == others.get(name, "all")


def test_each_status_is_told() -> None:
    assert [code(row[0])[0] for row in table(PAGE, "status")] == [status.value for status in DeliveryStatus]


def test_the_objects_have_these_fields() -> None:
    told = {row[0]: code(row[1]) for row in table(PAGE, "object")}
    incident = make_notification().incident
    assert incident is not None
    assert told["incident"] == list(incident_dict(StoredIncident(incident, "test", simulated=False)))
    assert set(told["delivery"]) == {field.name for field in fields(Letter)} | {"configured"}
    columns = {column.name for column in silences.c} - {"matchers"}
    matchers = {"notifiers", "participants", "incidents", "kinds"}
    assert set(told["silence"]) == columns | matchers | {"state", "waiting", "active", "ended"}
    outcome = {field.name for field in fields(Outcome)} | {*get_args(Result), *get_args(Follows)}
    assert set(told["outcome"]) == outcome
