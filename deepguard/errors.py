"""Errors that deepguard raises on purpose; each message is for the person who reads it."""

from __future__ import annotations

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
