"""A document as plain values, with the line and column that each came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import eq
from typing import Any, TypeAlias

from deepguard.errors import ConfigError, Problem

Keys: TypeAlias = tuple[str | int, ...]
"""Where in the document: ``("notifiers", 0, "url")``."""

Place: TypeAlias = tuple[int, int]
"""Line and column, both from 1; zeros when there is none."""

NOWHERE: Place = (0, 0)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


def name_of(key: str) -> str:
    """A key as it may be shown: what does not look like a setting's name could be a misplaced secret."""
    return key if _NAME.fullmatch(key) else "…"


def dotted(keys: Keys) -> str:
    """``notifiers[0].url`` for ``("notifiers", 0, "url")``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{name_of(key)}" for key in keys)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration comes from. It is no part of what the configuration says: any two are equal.

    Attributes:
        file: The file's name as the user gave it; empty when there is none.
        places: Line and column of each value in it.
        files: The SHA-256 of each Python file that it names, by the setting that names it.
    """

    file: str = field(default="", compare=False)
    places: Mapping[Keys, Place] = field(default_factory=dict, compare=False, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(slots=True)
class Source:
    """A document as plain values, with every value's place and what is wrong so far.

    Attributes:
        file: The file's name as the user gave it; empty when there is none.
        data: The root mapping.
        problems: What is wrong so far.
        broken: The places of values that could not be read, and are therefore not worth a second complaint.
        expanded: The places of texts in which something was expanded.
        values: The place of each value.
        keys: The place of each value's key, where it has one.
    """

    file: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[Keys] = field(default_factory=set)
    expanded: set[Keys] = field(default_factory=set)
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)

    def problem(self, keys: Keys, message: str, *, at_key: bool = False) -> None:
        """Note what is wrong with one value; of a value that could not be read nothing more is said.

        Args:
            keys: Where.
            message: What is wrong and what to do.
            at_key: Point at the key rather than at the value.
        """
        if not any(all(map(eq, broken, keys)) for broken in self.broken):
            line, column = self.place(keys, at_key=at_key)
            self.problems.append(Problem(message, dotted(keys), self.file, line, column))

    def place(self, keys: Keys, *, at_key: bool = False) -> Place:
        """Line and column of a value, or of what is nearest to it; zeros when there is no document."""
        container = isinstance(self.at(keys), (dict, list))
        while keys:
            if (at_key or container) and keys in self.keys:
                return self.keys[keys]
            if keys in self.values:
                return self.values[keys]
            # What is missing is looked for where its container begins.
            keys, container = keys[:-1], True
        return NOWHERE

    def at(self, keys: Keys) -> Any:
        """The value at ``keys``, or None."""
        value: Any = self.data
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def refusal(file: str, message: str, place: Place = NOWHERE) -> ConfigError:
    """The error for a file that is not worth reading on."""
    return ConfigError([Problem(message, "", file, *place)])


def mark_of(item: Any) -> Place:
    """Where one of PyYAML's nodes or events begins."""
    return item.start_mark.line + 1, item.start_mark.column + 1


__all__ = ["NOWHERE", "Keys", "Origin", "Place", "Source", "dotted", "mark_of", "name_of", "refusal"]
