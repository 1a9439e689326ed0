"""Names with ``*`` in the configuration, held against names that come from outside."""

from __future__ import annotations

from collections.abc import Iterable


def any_matches(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns stands for the name; upper and lower case are different letters.

    Args:
        patterns: ``*`` stands for any letters, also for none; every other character for itself.
        name: Untrusted and of any length: the time is linear in it.
    """
    return any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    # Each piece as early as can be leaves the most for the pieces after it.
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


__all__ = ["any_matches"]
