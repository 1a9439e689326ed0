"""The project's pages, and what is in them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


class Snippet(NamedTuple):
    """A fenced block.

    Attributes:
        language: What stands behind the fence.
        text: Its lines.
    """

    language: str
    text: str


def snippets(page: Path) -> list[Snippet]:
    """All fenced blocks of a page, in order."""
    return [
        Snippet(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


def files(page: Path) -> dict[str, str]:
    """The blocks of a page whose first line is a comment with a file's name, by that name, without that line."""
    found = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    named = dict(found)
    assert len(named) == len(found), f"{page.name} shows two files of one name"
    return named


def table(page: Path, heading: str) -> list[list[str]]:
    """The rows of the table whose first cell of the head is ``heading``, cell by cell as written."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in page.read_text().splitlines()
        if line.startswith("|")
    ]
    begin = [number for number, row in enumerate(rows) if row[0] == heading]
    assert len(begin) == 1, f"{page.name} has {len(begin)} tables with {heading!r}"
    body = rows[begin[0] + 2 :]
    ends = [number for number, row in enumerate(body) if set("".join(row)) <= set("-:")]
    return body[: ends[0] - 1] if ends else body


def code(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def module_of(path: Path) -> ModuleType:
    """Import a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
