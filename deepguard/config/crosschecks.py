"""Checks of what one part of the configuration says of another."""

from __future__ import annotations

import re
from typing import Any

from deepguard.config.models import Config
from deepguard.config.policy import ThresholdParams
from deepguard.config.source import Keys, Source
from deepguard.config.suggest import did_you_mean

PLUGIN_NAME = re.compile(r"[a-z][a-z_-]{0,30}[0-9]{0,2}")
"""What surely is the name of a plugin, and no secret in the wrong line."""


def mappings(entries: object) -> dict[int, dict[str, Any]]:
    """Those entries of a list that hold settings, by their place in it."""
    listed = entries if isinstance(entries, list) else []
    return {index: entry for index, entry in enumerate(listed) if isinstance(entry, dict)}


def check_silences(source: Source, data: dict[str, Any]) -> None:
    """See that silences name notifiers that there are, and have names of their own.

    Args:
        source: Takes problems.
        data: The document, its defaults filled in.
    """
    known = [entry.get("name") or entry.get("type") for entry in mappings(data["notifiers"]).values()]
    shown = [name for name in known if isinstance(name, str) and PLUGIN_NAME.fullmatch(name)]
    for index, window in mappings(data.get("silences")).items():
        notifiers = window.get("notifiers")
        for position, notifier in enumerate(notifiers if isinstance(notifiers, list) else []):
            if isinstance(notifier, str) and notifier and notifier not in known:
                message = f"`notifiers` has no entry of this name{did_you_mean(notifier, shown)}"
                source.problem(("silences", index, "notifiers", position), message)
    _check_names(source, ("silences",), data.get("silences"))


def check_shadows(source: Source, data: dict[str, Any]) -> None:
    """See that shadow policies have names of their own.

    Args:
        source: Takes problems.
        data: The document.
    """
    policy = data.get("policy")
    if isinstance(policy, dict):
        _check_names(source, ("policy", "shadow"), policy.get("shadow"))
        for index, shadow in mappings(policy.get("shadow")).items():
            if shadow.get("name") == "live":
                source.problem(("policy", "shadow", index, "name"), "the policy that decides is called live already")


def check_detectors(source: Source, config: Config) -> None:
    """Note quorums that can never come together, and weights of detectors that there are not.

    Args:
        source: Takes problems.
        config: The configuration.
    """
    policy = config.policy
    _check_combining(source, config, policy.thresholds, ("policy", "thresholds"))
    for index, shadow in enumerate(policy.shadow):
        if shadow.thresholds is not None:
            _check_combining(source, config, shadow.thresholds, ("policy", "shadow", index, "thresholds"))


def _check_combining(source: Source, config: Config, thresholds: ThresholdParams, keys: Keys) -> None:
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


def _check_names(source: Source, keys: Keys, entries: object) -> None:
    """See that no two entries of a list have the same name."""
    seen: dict[str, int] = {}
    for index, entry in mappings(entries).items():
        name = entry.get("name")
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            source.problem((*keys, index, "name"), f"{keys[-1]}[{seen[name]}] has the same name")


__all__ = ["PLUGIN_NAME", "check_detectors", "check_shadows", "check_silences", "mappings"]
