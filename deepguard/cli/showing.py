"""What the commands about alerts print: tables for people, JSON for programs. Nothing in it steers a terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from deepguard.config.suggest import did_you_mean
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

FEWEST = 24
"""Characters that a column of words must have to be read beside others."""
INDENT = 4
LONGEST = 600
"""Characters of a cell: it may be made of several texts, each of which is bounded already."""


def say(text: str) -> None:
    """Print a line; every part of it that came from outside must have gone through ``one_line``."""
    _printable()
    typer.echo(text)


def print_json(value: Any) -> None:
    """Print JSON in ASCII: names in it are exactly what they are, and escaped."""
    typer.echo(json.dumps(value, indent=2))


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    whole: Collection[str] = (),
    below: Sequence[Sequence[str]] = (),
) -> None:
    """Print a table.

    Args:
        headings: One a column.
        rows: Cells; each is put on one line and shown as it is, without markup.
        whole: The columns whose cells are never broken into several lines.
        below: The columns that stand below the others where the terminal is too narrow to read them side by side;
            one line for each of these groups.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    cells = [[one_line(cell, LONGEST) for cell in row] for row in rows]
    if below and _needed(headings, cells, {name for group in below for name in group}) > console.width:
        _print_stacked(console, headings, cells, below)
        return
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _needed(headings: Sequence[str], rows: Sequence[Sequence[str]], below: Collection[str]) -> int:
    """Characters that a table needs so that no line of it holds a few letters only."""
    from rich.cells import cell_len

    widths = (max(map(cell_len, column)) for column in zip(headings, *rows, strict=True))
    return sum(
        3 + (min(width, FEWEST) if name in below else width) for name, width in zip(headings, widths, strict=True)
    )


def _print_stacked(
    console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[Sequence[str]]
) -> None:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    groups = [[headings.index(name) for name in group] for group in below]
    beside = [number for number, name in enumerate(headings) if not any(name in group for group in below)]
    widths = {number: max(cell_len(row[number]) for row in (headings, *rows)) for number in beside}
    console.print()
    for row in (headings, *rows):
        style = "bold" if row is headings else ""
        line = "   ".join(set_cell_size(row[number], widths[number]) for number in beside)
        console.print(Text(f" {line.rstrip()}", style=style, overflow="fold"))
        for group in groups:
            text = Text("   ".join(row[number] for number in group if row[number]), style=style, overflow="fold")
            for part in text.wrap(console, max(1, console.width - INDENT)) if text else ():
                console.print(Text(" " * INDENT) + part)
        if row is headings:
            console.print("-" * console.width if console.options.ascii_only else "─" * console.width)
    console.print()


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names with what is known of them; each value is put on one line and wrapped beside its name."""
    told = [(name, one_line(value, LONGEST)) for name, value in facts]
    width = max(len(name) for name, _ in told) + 2
    _print_hanging((f"{name:<{width}}", value) for name, value in told)


def print_time_line(entries: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Print what happened, one entry after the other.

    Args:
        entries: When it was, and what there is to say of it: a line, and lines that stand below it. Each is put on one
            line, and wrapped where the terminal is narrower.
    """
    rows: list[tuple[str, str]] = []
    for when, lines in entries:
        first, *below = [one_line(line, LONGEST) for line in lines]
        rows.append((when, first))
        rows += [(" " * len(when) + "  ", line) for line in below]
    _print_hanging(rows)


def _print_hanging(rows: Iterable[tuple[str, str]]) -> None:
    from rich.text import Text

    console = _console()
    for lead, text in rows:
        # On a narrow terminal what hangs would be a column of single words.
        indent = len(lead) if console.width - len(lead) >= FEWEST else INDENT
        parts = Text(text, overflow="fold").wrap(console, max(1, console.width - indent))
        if indent != len(lead) and lead.strip():
            console.print(Text(lead.rstrip()))
        for number, part in enumerate(parts or [Text("")]):
            part.rstrip()
            console.print(Text(lead if number == 0 and indent == len(lead) else " " * indent) + part)


def moment(at: float) -> str:
    """A Unix time by the clock of whoever reads it; question marks when no clock shows it."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):
        # A detector is somebody else's code: what it calls a time may be any number.
        return "????-??-?? ??:??:??"


def short(at: float) -> str:
    """The same without the year, for tables."""
    return moment(at)[5:]


def one_of(words: Sequence[str], known: Iterable[str], missing: str) -> tuple[str, ...]:
    """See that each of the words is known, and leave out those that are said twice.

    Args:
        words: What was written.
        known: What there is.
        missing: The beginning of the error, before the word.

    Raises:
        DeepguardError: One is not; says which may have been meant.
    """
    known = list(known)
    for word in words:
        if word not in known:
            guess = did_you_mean(word, known) or f"; there are: {', '.join(one_line(name, 64) for name in known)}"
            raise DeepguardError(f"{missing} '{one_line(word, 64)}'{guess if known else ''}")
    return tuple(dict.fromkeys(words))


def plural(count: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else many}"


def value_words(value: Any) -> str:
    """A setting's value on one line, about as it stands in YAML."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{one_line(str(name), 64)}: {value_words(one)}" for name, one in value.items())
        return f"{{{pairs}}}"
    return one_line(value if isinstance(value, str) else json.dumps(value))


def thresholds_words(thresholds: Mapping[str, Any]) -> str:
    """Thresholds as they stand in YAML, on one line."""
    return ", ".join(f"{one_line(str(name))} {value_words(value)}" for name, value in thresholds.items())


def _console() -> Console:
    from rich.console import Console

    _printable()
    return Console(highlight=False)


def _printable() -> None:
    # A terminal that does not know UTF-8 must not keep anybody from seeing that there is an alert.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


__all__ = [
    "moment",
    "one_of",
    "plural",
    "print_facts",
    "print_json",
    "print_table",
    "print_time_line",
    "say",
    "short",
    "thresholds_words",
    "value_words",
]
