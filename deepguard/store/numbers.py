"""Numbers that both databases can hold, whatever they came from."""

from __future__ import annotations

import math
import time
from typing import Any


def finite(value: Any) -> float | None:
    """``value`` as a number; None when it is none. A detector is somebody else's code: its numbers may be numpy's."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def moment(value: Any) -> float:
    """``value`` as a Unix time; now when it is none, for that must not keep an alert from being written down."""
    number = finite(value)
    return time.time() if number is None else number


__all__ = ["finite", "moment"]
