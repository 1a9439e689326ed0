"""What keeps calls from being played again."""

from __future__ import annotations

from deepguard.errors import DeepguardError


class ReplayError(DeepguardError):
    """Recorded calls cannot be played again: a policy or a file is not what it has to be; says which and what to do."""


__all__ = ["ReplayError"]
