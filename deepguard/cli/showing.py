"""What the commands about alerts print: tables for people, JSON for programs. Nothing in it steers a terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from deepguard.config.suggest import did_you_mean
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str) -> None:
    """Print a line; every part of it that came from outside must have gone through ``one_line``."""
    _printable()
    typer.echo(text)


def print_json(value: Any) -> None:
    """Print JSON in ASCII: names in it are exactly what they are, and escaped."""
    typer.echo(json.dumps(value, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str] = ()) -> None:
    """Print a table.

    Args:
        headings: One a column.
        rows: Cells; each is put on one line and shown as it is, without markup.
        whole: The columns whose cells are never broken into several lines.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for cells in rows:
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    _console().print(table)


def moment(at: float) -> str:
    """A Unix time by the clock of whoever reads it."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


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


def _console() -> Console:
    from rich.console import Console

    _printable()
    return Console(highlight=False)


def _printable() -> None:
    # A terminal that does not know UTF-8 must not keep anybody from seeing that there is an alert.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


__all__ = ["moment", "one_of", "plural", "print_json", "print_table", "say", "short"]
