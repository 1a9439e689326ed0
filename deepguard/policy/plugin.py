"""The default policy, as implementations of the very hooks that others override."""

from __future__ import annotations

from deepguard.contracts import Policy, Thresholds
from deepguard.hookspecs import hookimpl
from deepguard.policy.machine import ThresholdPolicy


@hookimpl(trylast=True)
def deepguard_thresholds(defaults: Thresholds) -> Thresholds:
    """Take what the configuration says."""
    return defaults


@hookimpl(trylast=True)
def deepguard_policy(thresholds: Thresholds) -> Policy:
    """Count verdicts in a row."""
    return ThresholdPolicy(thresholds)
