"""Checks what the policy says of several detectors against the detectors that there are."""

from __future__ import annotations

from deepguard.config.models import Config
from deepguard.config.policy import ThresholdParams
from deepguard.config.source import Keys, Source
from deepguard.config.suggest import did_you_mean

THRESHOLDS: Keys = ("policy", "thresholds")


def check_combining(source: Source, config: Config, thresholds: ThresholdParams, keys: Keys = THRESHOLDS) -> None:
    """Note a quorum that can never come together, and weights of detectors that there are not.

    Args:
        source: Takes problems.
        config: The configuration.
        thresholds: Some of its thresholds.
        keys: Where these stand.
    """
    combining, names = thresholds.detectors, config.detector.names
    keys = (*keys, "detectors")
    if combining.combine == "quorum" and combining.quorum > len(names):
        there = "there is only one detector" if len(names) == 1 else f"there are only {len(names)} detectors"
        where = "quorum" if source.at((*keys, "quorum")) is not None else "combine"
        source.problem(
            (*keys, where), f"{combining.quorum} detectors must agree, and {there}: nobody could ever be suspected"
        )
    for name in combining.weights:
        if name not in names:
            source.problem(
                (*keys, "weights", name), f"there is no detector of this name{did_you_mean(name, names)}", at_key=True
            )


__all__ = ["check_combining"]
