"""docs/performance.md: its commands are understood, its tables are what there is."""

from __future__ import annotations

import ast
import shlex
from dataclasses import replace
from types import FunctionType
from typing import Any

import click
import pytest
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from typer.main import get_command

from deepguard import ReceivePath
from deepguard.cli import app
from deepguard.cli.bench import rows
from deepguard.density.figures import Samples
from deepguard.density.modes import MODES
from deepguard.model import Source
from support.detectors import AnsweringDetector, new_guard
from support.figures import figures
from support.pages import ROOT, code, snippets, table

PAGE = ROOT / "docs" / "performance.md"
NO_SAMPLES = Samples(0, 0, 0, None)
FIGURES = figures(samples={Source.CAMERA: NO_SAMPLES, Source.MICROPHONE: NO_SAMPLES})
LINES = [line for one in snippets(PAGE) if one.language == "bash" for line in one.text.splitlines()]


def test_it_explains_every_row() -> None:
    assert [code(row[0])[0] for row in table(PAGE, "row")] == [name for name, _ in rows(FIGURES)]
    # Where nothing was measured there are the same rows.
    nothing = replace(FIGURES, cpu_ms=0.0)
    assert [name for name, _ in rows(nothing)] == [name for name, _ in rows(FIGURES)]


def test_it_explains_every_mode() -> None:
    told = table(PAGE, "mode")
    assert [code(row[0])[0] for row in told] == list(MODES)
    for row, mode in zip(told, MODES.values(), strict=True):
        assert ("speak" in row[1]) is mode.speaks
        assert ("suspicious" in row[2]) is (mode.name == "suspicious")


async def test_a_pipeline_of_ones_own_is_fed_as_it_says() -> None:
    (shown,) = [one.text for one in snippets(PAGE) if one.language == "python"]
    connection = SmallWebRTCConnection()
    guard = new_guard(AnsweringDetector())
    names: dict[str, Any] = {
        "guard": guard,
        "connection": connection,
        "transport": SmallWebRTCTransport(connection, TransportParams()),
    }
    program = compile(shown, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = FunctionType(program, names)()
    assert running is not None
    await running
    assert isinstance(names["path"], ReceivePath)
    # It was closed: connected late, it takes nothing any more.
    await names["on_client_connected"](names["transport"], connection)
    assert names["path"].level is None


@pytest.mark.parametrize("line", LINES)
def test_its_commands_are_understood(line: str) -> None:
    # Read as the command line reads it, and not run.
    command: Any = get_command(app)
    arguments = shlex.split(line, comments=True)[1:]
    context = click.Context(command)
    while hasattr(command, "get_command"):
        command = command.get_command(context, arguments.pop(0))
        assert command is not None, line
    command.make_context(line, arguments)
