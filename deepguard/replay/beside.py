"""Shadow policies held against the policy that decided, over the calls in which both ran."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deepguard.replay.compare import Comparison
from deepguard.replay.coverage import Told, seen_in
from deepguard.replay.outcome import recorded, shadowed
from deepguard.replay.work import compared

if TYPE_CHECKING:
    from deepguard.store.recording import Recording

NO_COVERAGE = Told(0, 0)
"""Coverage is the call's, whatever a policy says: it is no part of this comparison."""


class Form(NamedTuple):
    """What a shadow policy was, in some calls.

    Attributes:
        origin: Where it came from, for people.
        thresholds: What it was given, as JSON.
    """

    origin: str
    thresholds: str


@dataclass
class Beside:
    """One shadow policy, by its name.

    Attributes:
        comparison: The policy that decided (before) and the shadow (after), over the calls that both came through.
        forms: What the shadow was, and in how many calls; more than one when it was changed meanwhile.
        failed: Calls in which it ended early or missed verdicts; they are not in the comparison.
        reasons: Some of the reasons for that, for people.
    """

    comparison: Comparison
    forms: dict[Form, int] = field(default_factory=dict)
    failed: int = 0
    reasons: list[str] = field(default_factory=list)


def compare_shadows(calls: Iterable[Recording], most: int) -> dict[str, Beside]:
    """Compare every shadow policy of these calls with the policy that decided.

    Args:
        calls: Read with their shadows. None is kept.
        most: How many of the calls in which they differ are kept with their time lines.

    Returns:
        By the shadows' names, in alphabetical order.
    """
    found: dict[str, Beside] = {}
    for recording in calls:
        for used in recording.shadows:
            beside = found.setdefault(used.name, Beside(Comparison(most)))
            form = Form(used.origin, json.dumps(dict(used.thresholds), sort_keys=True))
            beside.forms[form] = beside.forms.get(form, 0) + 1
            if used.failed:
                beside.failed += 1
                if used.failed not in beside.reasons and len(beside.reasons) < 5:
                    beside.reasons.append(used.failed)
                continue
            before, after = recorded(recording), shadowed(recording, used.name)
            tolds = NO_COVERAGE, NO_COVERAGE
            beside.comparison.add(compared(recording, before, after, seen_in(recording), tolds, most))
    return dict(sorted(found.items()))


__all__ = ["Beside", "Form", "compare_shadows"]
