"""Ids of incidents and notifications."""

from __future__ import annotations

import uuid
from collections.abc import Callable

NewId = Callable[[str], str]
"""Makes a new unique id from a prefix."""


def new_id(prefix: str) -> str:
    """Make an id that nobody can guess, for example ``inc_`` and 32 hexadecimal digits."""
    return prefix + uuid.uuid4().hex


__all__ = ["NewId", "new_id"]
