"""The detector that needs no account: it tells what can be seen and heard, and does not assess deepfakes.

Importing this brings no heavy library; OpenCV and NumPy come with the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepguard.contracts import DetectorType, PluginConfig
from deepguard.hookspecs import hookimpl

if TYPE_CHECKING:
    from deepguard.detectors.embedded.detector import EmbeddedDetector


class EmbeddedConfig(PluginConfig):
    """The embedded detector has no settings."""


def _build(config: EmbeddedConfig) -> EmbeddedDetector:
    from deepguard.detectors.embedded.detector import EmbeddedDetector

    return EmbeddedDetector()


@hookimpl
def deepguard_register_detectors() -> list[DetectorType]:
    """Offer the type ``embedded``."""
    return [DetectorType("embedded", EmbeddedConfig, _build)]


__all__ = ["EmbeddedConfig"]
