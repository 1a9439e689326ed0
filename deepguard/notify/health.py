"""How the way to the notifiers is, at this moment: for probes, pages and metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Whether the store can be used.

    Attributes:
        ok: Whether it can.
        detail: For people: why it cannot, and what to do; empty while it can.
        waiting: Entries that are in memory only.
    """

    ok: bool
    detail: str
    waiting: int


@dataclass(frozen=True, slots=True)
class DestinationHealth:
    """Whether a destination takes notifications.

    Attributes:
        blocked: Nothing, or nothing but single probes, goes there now.
        refused: It refuses the sender: credentials or address are wrong.
        disabled: It is gone for good: nothing goes there before the next start.
        detail: For people: why the last attempt failed; empty while it works.
    """

    blocked: bool = False
    refused: bool = False
    disabled: bool = False
    detail: str = ""


__all__ = ["DestinationHealth", "StoreHealth"]
