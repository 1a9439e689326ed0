"""HTML and SVG, written as trees: every text and every attribute is escaped in one place."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TypeAlias

from deepguard.text import one_line

LONGEST = 400
"""Characters of a text from outside."""


class Markup(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | None"
Value: TypeAlias = "str | float | None"

_EMPTY = frozenset({"meta", "br", "rect", "line", "path", "circle"})


def tag(name: str, attributes: Mapping[str, Value] | None = None, *children: Child) -> Markup:
    """One element.

    Args:
        name: Of the element; never from outside.
        attributes: By name; None leaves one out. Numbers are written as short as they can be.
        *children: Markup as it is, any other text escaped and on one line; None is left out.
    """
    written = "".join(
        f' {key}="{escape(_value(value))}"' for key, value in (attributes or {}).items() if value is not None
    )
    inner = "".join(child if isinstance(child, Markup) else text(child) for child in children if child is not None)
    if name in _EMPTY and not inner:
        return Markup(f"<{name}{written}>" if name in ("meta", "br") else f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{inner}</{name}>")


def text(said: str) -> Markup:
    """A text from anywhere, escaped and on one line. A space at either end stays: a sentence may go on beside it."""
    shown = one_line(said, LONGEST)
    before, after = (" " if shown and edge == " " else "" for edge in (said[:1], said[-1:]))
    return Markup(escape(f"{before}{shown}{after}"))


def name_of(said: str) -> Markup:
    """A name from outside: whatever the direction of its writing, it leaves what stands around it alone."""
    return tag("bdi", None, one_line(said, 100) or "-")


def joined(*parts: Child) -> Markup:
    """Several one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts if part is not None))


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return one_line(value, LONGEST)
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


__all__ = ["Child", "Markup", "joined", "name_of", "tag", "text"]
