"""What a value in an export may be. Each kind reads a JSON value, or says what it must be instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from deepguard.config.suggest import did_you_mean
from deepguard.store.text import LONGEST, storable
from deepguard.text import one_line

Kind: TypeAlias = Callable[[Any], Any]
"""Reads a value; raises ``ValueError`` with the end of a sentence: what it must be."""

AnyEnum = TypeVar("AnyEnum", bound=Enum)

LAST_MOMENT = 250_000_000_000.0
"""Unix time, in the year 9892: what is later has no date."""
LARGEST = 2**31 - 1
"""The largest number that a column of integers holds in every database."""


def text(value: Any) -> str:
    """A text that the store can hold as it is."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if len(value) > LONGEST:
        raise ValueError(f"must be a text of {LONGEST} characters at most")
    if value and not value.isascii() and storable(value) != value:
        raise ValueError("must be a text without half a surrogate pair")
    if "\x00" in value:
        raise ValueError("must be a text without the character NUL")
    return value


def name(value: Any) -> str:
    """A text that is not empty."""
    if not text(value):
        raise ValueError("must not be empty")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if type(value) is float:
        found = value
    elif type(value) is int:
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
    else:
        raise ValueError("must be a number")
    if not math.isfinite(found):
        raise ValueError("must be a number that is not infinite")
    return found


def date(value: Any) -> float:
    """A Unix time that has a date."""
    found = number(value)
    if not 0 <= found <= LAST_MOMENT:
        raise ValueError("must be a Unix time in seconds")
    return found


def count(value: Any) -> int:
    """A whole number, 0 or more."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ValueError(f"must be a whole number from 0 to {LARGEST}")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def texts(value: Any) -> Mapping[str, str]:
    """Texts by name, of any length."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("must be an object whose values are texts")
    return value


def settings(value: Any) -> Mapping[str, Any]:
    """Whatever a policy is given."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def signals(value: Any) -> Mapping[str, Any]:
    """What a detector measured; null stands for what could not be written down, an infinite number."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    found: dict[str, Any] = {}
    for key, one in value.items():
        try:
            found[text(key)] = _signal(one)
        except ValueError as error:
            raise ValueError(f"'{one_line(key, 64)}' {error}") from None
    return found


def _signal(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, int | float):
        raise ValueError("must be a number, a text, true, false or null")
    return number(value)


def word_of(known: Iterable[AnyEnum], shown: Callable[[AnyEnum], str] = lambda one: str(one.value)) -> Kind:
    """One word of an enumeration.

    Args:
        known: Its members.
        shown: How a member is written.
    """
    return word_in({shown(one): one for one in known})


def word_in(words: Mapping[str, Any]) -> Kind:
    """One of these words, read as what stands for it."""

    def read(value: Any) -> Any:
        try:
            return words[value]
        except (KeyError, TypeError):
            pass
        if not isinstance(value, str):
            raise ValueError(f"must be one of {', '.join(words)}")
        guess = did_you_mean(value, words) or f"; there are: {', '.join(words)}"
        raise ValueError(f"'{one_line(value, 64)}' is not known{guess}")

    return read


def maybe(kind: Kind) -> Kind:
    """The same, or null."""

    def read(value: Any) -> Any:
        return None if value is None else kind(value)

    return read


def many(kind: Kind) -> Kind:
    """A list of them."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return tuple(kind(one) for one in value)

    return read


__all__ = [
    "Kind",
    "count",
    "date",
    "flag",
    "many",
    "maybe",
    "name",
    "number",
    "settings",
    "signals",
    "text",
    "texts",
    "word_in",
    "word_of",
]
