"""How values are spread, in counts that can be added up in any order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Self


class Spread:
    """How values are spread, in a bounded number of counts: each value is kept to three digits.

    Attributes:
        counts: How many values there are of each, in milliseconds.
    """

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Begin with these counts."""
        self.counts: Counter[int] = Counter(counts or {})

    def add(self, value: int) -> None:
        """Count one value.

        Args:
            value: Milliseconds, at least 0.
        """
        step = 10 ** max(0, len(str(value)) - 3)
        self.counts[(value + step // 2) // step * step] += 1

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least this share of all are not above, in seconds; None when there is none.

        Args:
            share: Above 0, to 1.
        """
        left = math.ceil(self.counts.total() * share)
        for value in sorted(self.counts):
            left -= self.counts[value]
            if left <= 0:
                return value / 1000
        return None

    def __iadd__(self, other: Self) -> Self:
        """Take in what another one counted."""
        self.counts.update(other.counts)
        return self

    def __eq__(self, other: object) -> bool:
        """Whether both counted the same."""
        return isinstance(other, Spread) and self.counts == other.counts

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it changes


__all__ = ["Spread"]
