"""Several detectors that judge one call, as one detector."""

from __future__ import annotations

from deepguard.detectors.several.building import build_detector
from deepguard.detectors.several.detector import SeveralDetector

__all__ = ["SeveralDetector", "build_detector"]
