"""The default policy, as implementations of the very hooks that others override."""

from __future__ import annotations

from deepguard.contracts import Policy
from deepguard.hookspecs import hookimpl
from deepguard.policy.machine import ThresholdPolicy
from deepguard.thresholds import Thresholds


@hookimpl(trylast=True)
def deepguard_thresholds(defaults: Thresholds) -> Thresholds:
    """Take what the configuration says."""
    return defaults


@hookimpl(trylast=True)
def deepguard_policy(thresholds: Thresholds) -> Policy:
    """Follow the thresholds."""
    return ThresholdPolicy(thresholds)
