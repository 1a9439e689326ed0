"""What keeps a call's cost from being measured."""

from deepguard.errors import DeepguardError


class DensityError(DeepguardError):
    """It could not be measured; says why."""


__all__ = ["DensityError"]
