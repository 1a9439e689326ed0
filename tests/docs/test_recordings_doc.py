"""docs/recordings.md: its tables are the fields that there are, its files are read, its commands are understood."""

from __future__ import annotations

import io
import re
import shlex
from typing import Any

import click
import pytest
from typer.main import get_command

from deepguard.cli import app
from deepguard.cli.calls import call_dict
from deepguard.config.loading import load_config
from deepguard.model import BlindReason, Level
from deepguard.plugins import PluginHost
from deepguard.store.export import read_export
from deepguard.store.lines import FIELDS, FORMAT, HEADER, REQUIRED, VERSION
from deepguard.store.recording import Recording
from deepguard.store.summaries import Summary
from support.pages import ROOT, code, snippets, table

PAGE = ROOT / "docs" / "recordings.md"


def lines() -> list[str]:
    shown = [line for one in snippets(PAGE) for line in one.text.splitlines()]
    return [line for line in shown if re.match(r"deepguard \w", line)]


def reading(text: str, *, edited: bool = False) -> list[Recording]:
    return list(read_export(io.BytesIO(text.encode()), "x", edited=edited))


def told(kind: str) -> dict[str, list[str]]:
    """The rows of the table below a type's heading, by field."""
    (section,) = re.findall(rf"^### {re.escape(kind)}\n(.*?)(?=^##)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {code(row[0])[0]: row[1:] for row in rows[2:]}


def test_every_type_of_line_is_described() -> None:
    described = re.findall(r"^### ([\w-]+)$", PAGE.read_text(), re.MULTILINE)
    assert described == [FORMAT, *FIELDS]


@pytest.mark.parametrize("kind", [FORMAT, *FIELDS])
def test_the_fields_are_those_that_are_read(kind: str) -> None:
    fields = dict(HEADER if kind == FORMAT else FIELDS[kind])
    rows = told(kind)
    if kind == "shadow-level":
        rows |= told("level")
    assert rows.keys() == fields.keys()
    for name, field in fields.items():
        assert rows[name][0].endswith(", required") == (field.default is REQUIRED), name
        if "word" in rows[name][0] and "list" not in rows[name][0]:
            for word in code(rows[name][1]):
                if word != "coverage":
                    field.kind(word)


def test_each_reason_for_blindness_is_told() -> None:
    assert code(told("coverage")["before"][1]) == ["covered", *(reason.value for reason in BlindReason)]


def test_the_export_that_is_shown_is_whole() -> None:
    (shown,) = [one.text for one in snippets(PAGE) if not one.language and one.text[0] == "{"]
    (call,) = reading(shown)
    assert call.verdicts[0].score == 0.97
    assert f'"version":{VERSION},' in shown


def test_what_is_written_by_hand_is_read() -> None:
    (shown,) = [one.text for one in snippets(PAGE) if one.language == "json"]
    (call,) = reading(shown, edited=True)
    assert [verdict.score for verdict in call.verdicts] == [0.6, 0.9]


def test_a_call_has_these_fields_for_programs() -> None:
    one = Summary("c", 0.0, None, "", "", False, "", "", "", None, None, peak=Level.CLEAR)
    assert {row[0]: code(row[1]) for row in table(PAGE, "object")} == {"call": list(call_dict(one))}


def test_the_settings_load(tmp_path) -> None:
    (shown,) = [one.text for one in snippets(PAGE) if one.language == "yaml"]
    (tmp_path / "deepguard.yaml").write_text(shown)
    assert load_config(tmp_path / "deepguard.yaml", PluginHost(), {}).store.max_size == 2 * 10**9


@pytest.mark.parametrize("line", lines())
def test_commands_are_understood(line: str) -> None:
    command: Any = get_command(app)
    arguments = shlex.split(line.partition(" > ")[0])[1:]
    context = click.Context(command)
    command = command.get_command(context, arguments.pop(0))
    assert command is not None
    command.make_context(line, arguments)
