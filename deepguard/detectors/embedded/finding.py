"""What the embedded detector says of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deepguard.model import NO_SIGNALS, BlindReason, Judgement, Signal

NOT_ASSESSED = "deepfake: not assessed"
"""How every message begins: whatever was measured, nothing here tells a deepfake from a real face or voice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen or heard.

    Attributes:
        message: For people; begins with ``NOT_ASSESSED``.
        blind: Why nobody could have assessed this sample, or that this detector does not.
        judgement: Unknown, or error when the sample could not be read.
        signals: What was measured.
        model: What found the face, where one was looked for.
    """

    message: str
    blind: BlindReason
    judgement: Judgement = Judgement.UNKNOWN
    signals: Mapping[str, Signal] = field(default_factory=lambda: NO_SIGNALS)
    model: str = ""


def unreadable(why: str) -> Finding:
    """The finding on a sample that could not be read.

    Args:
        why: For people; must hold none of the sample's bytes.
    """
    return Finding(f"{NOT_ASSESSED}; {why}", BlindReason.DETECTOR_ERROR, Judgement.ERROR)


__all__ = ["NOT_ASSESSED", "Finding", "unreadable"]
