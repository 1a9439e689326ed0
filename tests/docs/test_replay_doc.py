"""docs/replay.md: its settings load, its commands are understood, its figures are those that are told."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
import pytest
from typer.main import get_command

from deepguard.cli import app
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.replay.compare import Comparison
from deepguard.replay.figures import figures
from deepguard.replay.search import FEW_LABELS, FOLDS
from deepguard.replay.tally import Tally
from deepguard.replay.work import MOST_HUNG
from support.pages import ROOT, code, files, snippets, table

PAGE = ROOT / "docs" / "replay.md"


def lines() -> list[str]:
    shown = [line for one in snippets(PAGE) for line in one.text.splitlines()]
    return [line for line in shown if re.match(r"deepguard \w", line)]


@pytest.mark.parametrize("line", lines())
def test_commands_are_understood(line: str) -> None:
    command: Any = get_command(app)
    arguments = shlex.split(line)[1:]
    context = click.Context(command)
    command = command.get_command(context, arguments.pop(0))
    assert command is not None
    command.make_context(line, arguments)


def test_the_settings_load(tmp_path) -> None:
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
        assert load_config(tmp_path / name, PluginHost(), {}).coverage.notify_after == 30


def test_the_figures_are_those_that_are_told() -> None:
    labelled = Comparison(before=Tally(fake=1), after=Tally(fake=1))
    told = {row.name for row in figures(labelled)}
    described = [code(row[0])[0] for row in table(PAGE, "figure")]
    assert [name for name in described if not any(one.startswith(name) for one in told)] == []
    # What is only there with labels stands last.
    with_labels = told - {row.name for row in figures(Comparison())}
    assert set(described[-4:]) <= with_labels


def test_the_numbers_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    assert (FOLDS, FEW_LABELS, MOST_HUNG + 1) == (5, 10, 4)
    assert "divided in five" in text
    assert "With fewer than 10 fakes" in text
    assert "after the fourth call" in text
