"""The verdicts that a change of level rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from deepguard.model import Level
from deepguard.policy.opinion import LEVEL_OF, evidence_in
from deepguard.store.material import CallRow, ChangeRow, VerdictRow
from deepguard.thresholds import After


class Basis(NamedTuple):
    """What a change rests on.

    Attributes:
        verdicts: The numbers of the verdicts, in their order.
        missing: How many more it rests on that are not in the store any more.
    """

    verdicts: tuple[int, ...] = ()
    missing: int = 0


class Evidence:
    """The participant's verdicts that are evidence."""

    def __init__(self, verdicts: Iterable[VerdictRow], call: CallRow | None) -> None:
        """Take them in.

        Args:
            verdicts: The participant's verdicts, in their order.
            call: The call.
        """
        self._call = call
        self._heard: dict[tuple[str, str], list[VerdictRow]] = {}
        self._at: dict[float, list[tuple[tuple[str, str], int]]] = {}
        for one in verdicts:
            if evidence_in(one.judgement, one.blind) is not None:
                row = self._heard.setdefault((one.source, one.detector), [])
                self._at.setdefault(one.at, []).append(((one.source, one.detector), len(row)))
                row.append(one)

    def of(self, change: ChangeRow) -> Basis:
        """Find the verdicts that brought a change of level about.

        The last of them is the one that was judged at that moment. Before it come as many of the same detector's on
        the same track as the policy said; where a time decides, those in a row that speak for the change.

        Args:
            change: A change of level.
        """
        # The policy is given the time at which a verdict was received, and the change has that time.
        judged = [found for found in self._at.get(change.at, ()) if change.source in ("", found[0][0])]
        if not judged:
            return Basis((), max(0, change.verdicts))
        which, place = judged[-1]
        heard = self._heard[which]
        if change.verdicts > 0:
            kept = heard[max(0, place + 1 - change.verdicts) : place + 1]
            # Of the latest five there may be only two so far, which is none too few.
            missing = 0 if _is_share(change, self._call) else change.verdicts - len(kept)
            return Basis(tuple(one.number for one in kept), missing)
        row = [heard[place]]
        while _is_timed(change, self._call) and place > 0 and _speaks_for(heard[place - 1], change):
            place -= 1
            row.append(heard[place])
        return Basis(tuple(one.number for one in reversed(row)))


def _asked(change: ChangeRow, call: CallRow | None) -> After | None:
    """What the rule asks for, where it is one that counts verdicts."""
    name = change.rule.removeprefix("thresholds.")
    value: Any = call.thresholds.get(name) if call else None
    try:
        return After.parse(str(value)) if name.endswith("_after") else None
    except ValueError:
        return None


def _is_share(change: ChangeRow, call: CallRow | None) -> bool:
    asked = _asked(change, call)
    return asked is not None and asked.of > 0


def _is_timed(change: ChangeRow, call: CallRow | None) -> bool:
    asked = _asked(change, call)
    # Where scores decide, what a verdict was taken for is not what it says.
    return asked is not None and asked.seconds > 0 and not (call and call.thresholds.get("scores"))


def _speaks_for(verdict: VerdictRow, change: ChangeRow) -> bool:
    said, after = LEVEL_OF[verdict.judgement], LEVEL_OF.get(change.after, Level.CLEAR)
    return said >= after if after > LEVEL_OF.get(change.before, Level.CLEAR) else said <= after


__all__ = ["Basis", "Evidence"]
