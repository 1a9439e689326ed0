"""Errors that deepguard raises on purpose; each message is for the person who reads it."""

from __future__ import annotations

import time
from dataclasses import dataclass


class DeepguardError(Exception):
    """Root of all errors that deepguard raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration file.

    Attributes:
        message: What is wrong and what to do. Never holds a value from the file.
        path: Where in the document, for example ``notifiers[0].url``; empty for the whole file.
        file: The file's name as the user gave it.
        line: From 1; 0 when no place is known.
        column: From 1; 0 when no place is known.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """``file:line:col: path: message``, leaving out what is unknown."""
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(DeepguardError):
    """A configuration that cannot be used.

    Attributes:
        problems: Everything that is wrong, in the order of the file.
    """

    def __init__(self, problems: list[Problem]) -> None:
        """Gather ``problems`` (at least one)."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PluginError(DeepguardError):
    """A plugin that the configuration names cannot be loaded or misbehaves."""


class DetectorError(DeepguardError):
    """A detector cannot be opened as configured."""


class MediaError(DeepguardError, ValueError):
    """A picture or a piece of audio that cannot be what it is said to be."""


class StoreError(DeepguardError):
    """The store cannot be used; the message says what to do and holds no password."""


class NotifyError(DeepguardError):
    """A notifier could not deliver.

    Attributes:
        retryable: Whether trying again later may help. A notification whose error says no is dead at once.
        retry_after: Seconds that the service asked to wait, else None.
        refused: Whether the service refuses the sender, not just this notification: wrong credentials, a revoked
            token, an address that is gone. What waits is then kept and not tried one by one: the destination is asked
            again every few minutes, or, when not ``retryable``, not before the next start.
    """

    def __init__(
        self, message: str, *, retryable: bool = True, retry_after: float | None = None, refused: bool = False
    ) -> None:
        """Say what went wrong and what to do; ``message`` must hold no secret."""
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.refused = refused

    @classmethod
    def for_status(cls, who: str, status: int, retry_after: str | None = None) -> NotifyError:
        """The error that fits an HTTP status that is not 2xx; what a service means otherwise is the notifier's to say.

        Args:
            who: Who answered, to begin the message with: ``the pager``.
            status: The status.
            retry_after: The header ``Retry-After`` as it came: seconds, or a date.
        """
        if status in _TRY_AGAIN or status >= 500:
            return cls(f"{who} answered {status}", retry_after=_seconds(retry_after))
        if status == 410:
            return cls(f"{who} answered 410: its address is gone for good", retryable=False, refused=True)
        if status in _SENDER_REFUSED or 300 <= status < 400:
            return cls(f"{who} answered {status}: {_SENDER_REFUSED.get(status, _REDIRECTED)}", refused=True)
        return cls(f"{who} answered {status}: it does not take this notification", retryable=False)


_TRY_AGAIN = frozenset({408, 425, 429})
_SENDER_REFUSED = {
    401: "check the credentials in its settings",
    403: "check what its credentials may do",
    404: "check the address in its settings",
}
_REDIRECTED = "its address has moved; put the new one into its settings"


def _seconds(retry_after: str | None) -> float | None:
    """The seconds that a ``Retry-After`` asks for; None when there is none or it makes no sense."""
    if not retry_after:
        return None
    # A number of seconds is at most a few digits: what is longer than that is not meant.
    if retry_after.strip().isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
