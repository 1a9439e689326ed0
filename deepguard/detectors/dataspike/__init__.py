"""The detector that asks the Dataspike service, over its WebSocket.

Importing this brings the model of its settings only; the client, aiohttp and protobuf come with the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepguard.contracts import DetectorType
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.hookspecs import hookimpl

if TYPE_CHECKING:
    from deepguard.detectors.dataspike.client import DataspikeDetector


def _build(config: DataspikeConfig) -> DataspikeDetector:
    from deepguard.detectors.dataspike.client import DataspikeDetector

    return DataspikeDetector(config)


@hookimpl
def deepguard_register_detectors() -> list[DetectorType]:
    """Offer the type ``dataspike``."""
    return [DetectorType("dataspike", DataspikeConfig, _build)]


__all__ = ["DataspikeConfig"]
