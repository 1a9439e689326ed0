"""What a notifier remembers, bounded."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """A value for each of the keys that were set last; older ones are forgotten."""

    def __init__(self, size: int = 500) -> None:
        """Remember at most ``size`` keys."""
        self._size = size
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, key: str) -> V | None:
        """The value of a key, or None."""
        return self._values.get(key)

    def set(self, key: str, value: V) -> None:
        """Remember a value."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def pop(self, key: str) -> None:
        """Forget a key."""
        self._values.pop(key, None)
