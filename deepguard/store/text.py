"""Text and JSON that both databases can hold, whatever it came from."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 2000
"""Characters of one text; the rest is cut. Whoever joins a call chooses the length of their name."""


def storable(text: object) -> str:
    """Cut ``text``, and replace what PostgreSQL's text or UTF-8 cannot hold: NUL and half a surrogate pair."""
    return str(text)[:LONGEST].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def to_json(value: Any) -> str:
    """Write JSON in ASCII, which every database holds as it is; what JSON does not know becomes a number or text."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> float | str:
    # Detectors and policies are somebody else's code: their numbers may be numpy's.
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


__all__ = ["LONGEST", "storable", "to_json"]
