"""The detector that finds nothing: it gives scripted verdicts, for demonstrations and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepguard.contracts import DetectorType
from deepguard.detectors.scenario.config import ScenarioConfig
from deepguard.hookspecs import hookimpl

if TYPE_CHECKING:
    from deepguard.detectors.scenario.detector import ScenarioDetector


def _build(config: ScenarioConfig) -> ScenarioDetector:
    from deepguard.detectors.scenario.detector import ScenarioDetector

    return ScenarioDetector(config)


@hookimpl
def deepguard_register_detectors() -> list[DetectorType]:
    """Offer the type ``scenario``."""
    return [DetectorType("scenario", ScenarioConfig, _build)]


__all__ = ["ScenarioConfig"]
