"""Writes the list of hooks in plugins.md from the docstrings of ``deepguard.hookspecs``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deepguard import hookspecs

PAGE = Path(__file__).with_name("plugins.md")
BEGIN, END = "<!-- hooks: written by `python docs/hooks_reference.py` -->\n", "<!-- end of hooks -->"


def hooks() -> dict[str, Callable[..., Any]]:
    """Every hook by name, in the order of the file."""
    return {name: value for name, value in vars(hookspecs).items() if name.startswith("deepguard_")}


def reference() -> str:
    """The list as Markdown."""
    return "\n".join(line for name, hook in hooks().items() for line in _entry(name, hook))


def page_with(text: str, page: str) -> str:
    """``page`` with ``text`` between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + text + END + rest.split(END)[1]


def _entry(name: str, hook: Callable[..., Any]) -> Iterator[str]:
    body, _, rest = inspect.cleandoc(hook.__doc__ or "").partition("\nArgs:\n")
    arguments, _, returns = rest.partition("\nReturns:\n")
    if not rest:
        body, _, returns = body.partition("\nReturns:\n")
    yield f"### `{name}({', '.join(inspect.signature(hook).parameters)})`\n"
    yield _code(body.strip()) + "\n"
    for argument in re.split(r"\n(?=    \w)", arguments.strip("\n")) if arguments else ():
        key, _, text = argument.strip().partition(": ")
        yield f"- `{key}`: {_joined(text)}"
    if returns:
        yield f"- returns: {_joined(returns)}"
    if arguments or returns:
        yield ""


def _joined(text: str) -> str:
    return _code(" ".join(text.split()))


def _code(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page_with(reference(), PAGE.read_text("utf-8")), "utf-8")
