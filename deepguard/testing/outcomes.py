"""What becomes of a delivery, by what the service answered."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from deepguard.errors import NotifyError


class Outcome(Enum):
    """How a ``send`` ends, in the words of its ``NotifyError``."""

    TAKEN = "no error"
    AGAIN = "NotifyError(retryable=True)"
    DEAD = "NotifyError(retryable=False)"
    REFUSED = "NotifyError(refused=True)"
    GONE = "NotifyError(retryable=False, refused=True)"

    @classmethod
    def of(cls, error: NotifyError | None) -> Outcome:
        """The outcome that an error stands for; None is no error."""
        if error is None:
            return cls.TAKEN
        if error.refused:
            return cls.REFUSED if error.retryable else cls.GONE
        return cls.AGAIN if error.retryable else cls.DEAD


STATUSES: Mapping[int, Outcome] = MappingProxyType(
    {
        **dict.fromkeys((200, 201, 202, 204), Outcome.TAKEN),
        **dict.fromkeys((301, 302, 303, 307, 308), Outcome.REFUSED),
        **dict.fromkeys((400, 405, 413, 422), Outcome.DEAD),
        **dict.fromkeys((401, 403, 404), Outcome.REFUSED),
        410: Outcome.GONE,
        **dict.fromkeys((408, 425, 429, 500, 502, 503, 504), Outcome.AGAIN),
    }
)
"""What each HTTP status means where a service says nothing else. ``NotifyError.for_status`` knows the same."""

MEANING: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.TAKEN: "the service has it",
        Outcome.AGAIN: "this may pass, so core has to try it again",
        Outcome.DEAD: "this notification will never be taken, so core must not try it again",
        Outcome.REFUSED: "the service refuses the sender, so core has to keep what waits and ask again now and then",
        Outcome.GONE: "the address is gone for good, so core must not ask again before the next start",
    }
)

__all__ = ["MEANING", "STATUSES", "Outcome"]
