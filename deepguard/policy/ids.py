"""Ids of incidents and notifications."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

NewId = Callable[[str], str]
"""Makes a new unique id from a prefix."""


def new_id(prefix: str) -> str:
    """Make an id that nobody can guess, for example ``inc_`` and 32 hexadecimal digits."""
    return prefix + uuid.uuid4().hex


def incident_id(call_id: str, participant_id: str, opened_at: float, before: str = "") -> str:
    """Make an incident's id: ``inc_`` and 32 hexadecimal digits.

    It follows from what it is about, so that a call that is played again gives the ids that it had. Whoever does not
    know the call's id cannot guess it.

    Args:
        call_id: The call.
        participant_id: The participant; a participant has one open incident at most.
        opened_at: When it opened.
        before: The id of one of theirs that opened at the very same time, and is over; empty when none did.
    """
    about = f"{call_id}\0{participant_id}\0{opened_at!r}\0{before}".encode("utf-8", "replace")
    return "inc_" + hashlib.sha256(about).hexdigest()[:32]


__all__ = ["NewId", "incident_id", "new_id"]
