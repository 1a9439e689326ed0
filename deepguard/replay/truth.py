"""What people found out, as it is held against a policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from deepguard.model import Label, Labelled


class Truth(Enum):
    """What is known of a participant in one call."""

    FAKE = "fake"
    GENUINE = "genuine"


def truths(labels: Iterable[Labelled]) -> Mapping[str, Truth]:
    """What is known of the participants of one call.

    One who was confirmed, or missed, is fake; one of a false positive is genuine, unless another of their incidents was
    confirmed.

    Args:
        labels: Those of the call.
    """
    found: dict[str, Truth] = {}
    for one in labels:
        if one.label is Label.FALSE_POSITIVE:
            found.setdefault(one.participant_id, Truth.GENUINE)
        else:
            found[one.participant_id] = Truth.FAKE
    return found


__all__ = ["Truth", "truths"]
