"""What became of policies, of all calls of a process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LIVE = ""
"""The name under which the policies that decide are counted; others are counted under a shadow's name."""


@dataclass(slots=True)
class PolicyCounts:
    """Counts by the name of a shadow policy, or ``LIVE``.

    Attributes:
        opened: Incidents that opened, or would have.
        failed: Policies that failed, and ended for their call.
        left_out: Verdicts that were left out because a shadow policy was too slow.
    """

    opened: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


__all__ = ["LIVE", "PolicyCounts"]
