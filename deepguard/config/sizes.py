"""Amounts of data as they stand in the configuration."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_WRITTEN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([kKmMgGtT][bB])", re.ASCII)

SMALLEST = 10**6


def _size(value: object) -> int:
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif found is not None:
        size = round(float(found[1]) * _UNITS[found[2].lower()])
    else:
        raise ValueError("must be an amount of data: a number and kB, MB, GB or TB, for example 2 GB")
    if size < SMALLEST:
        raise ValueError("must be 1 MB or more")
    return size


Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^{_WRITTEN.pattern}$"}, {"type": "integer", "minimum": SMALLEST}]}
    ),
]
"""Bytes, written as a number and its unit."""


__all__ = ["Size"]
