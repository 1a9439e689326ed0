"""Which line of which configuration says something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from deepguard.config.snapshot import Snapshot
from deepguard.store.material import CallRow
from deepguard.thresholds import After

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_OF_A_HOOK = re.compile(r"built in, thresholds of (.+)", re.DOTALL)
_OF_A_PLUGIN = re.compile(r"(.+?) of (.+)", re.DOTALL)

From = Literal["file", "default", "hook", "policy", "unknown"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting says, and who set it.

    Attributes:
        path: Its path in the YAML, for example ``policy.thresholds.alert_after``; of a plugin's policy, its own word.
        value: What it says; None where that is not known.
        origin: ``file``, ``default`` (it is not in the file), ``hook`` (a ``deepguard_thresholds`` hook says it),
            ``policy`` (a plugin's policy decides by rules of its own), or ``unknown``.
        where: The place: file, line and column, or that of the hook; empty where there is none.
    """

    path: str
    value: Any = None
    origin: From = "unknown"
    where: str = ""


def value_at(snapshot: Snapshot | None, path: str) -> Any:
    """What a configuration says at a path; None when it says nothing."""
    value: Any = snapshot.body if snapshot else None
    for index, name in _STEP.findall(path):
        try:
            value = value[int(index) if index else name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def setting(snapshot: Snapshot | None, path: str) -> Setting:
    """One setting of a configuration.

    Args:
        snapshot: The configuration; None when it is not known.
        path: Which.
    """
    if snapshot is None:
        return Setting(path)
    value, place = value_at(snapshot, path), snapshot.places.get(path)
    if place is None:
        return Setting(path, value, "default")
    line, column = place
    return Setting(path, value, "file", f"{snapshot.file}:{line}:{column}")


def rule(name: str, verdicts: int, call: CallRow | None, snapshot: Snapshot | None) -> Setting | None:
    """The setting that a change of level follows from.

    Args:
        name: The rule, as the policy named it.
        verdicts: On how many verdicts the change rests; 0 where that is not said.
        call: The call.
        snapshot: The call's configuration.

    Returns:
        The setting; None when nothing is known of it.
    """
    origin = call.policy if call else ""
    path = f"policy.{name}"
    given = _given(name, call)
    if _contradicts(given, verdicts):
        # A hook gave this participant thresholds of their own, which are not written down.
        return Setting(path, None, "hook")
    if hook := _OF_A_HOOK.fullmatch(origin):
        return Setting(path, given, "hook", hook[1]) if name else None
    if (plugin := _OF_A_PLUGIN.fullmatch(origin)) and not (call and call.policy_failed and given is not None):
        return Setting(name, None, "policy", f"{plugin[1]}, {plugin[2]}")
    if not name:
        return None
    found = setting(snapshot, path)
    if given is not None and found.value != given and _differs(found.value, given):
        # Behind a policy that failed, a hook may have set the thresholds: the call says what counted.
        return Setting(path, given, "unknown" if snapshot is None else "hook")
    return found


def _contradicts(given: Any, verdicts: int) -> bool:
    """Whether a change rests on another number of verdicts than the call's thresholds ask for."""
    try:
        asked = After.parse(str(given)) if given is not None else None
    except ValueError:
        return False
    return asked is not None and (0 if asked.seconds else asked.of or asked.verdicts) != verdicts


def _given(name: str, call: CallRow | None) -> Any:
    """What the call's thresholds say of a rule; None when they do not."""
    value: Any = {"thresholds": call.thresholds} if call else None
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def _differs(body: Any, given: Any) -> bool:
    """Whether two values differ in more than how they are written: the call leaves out what is usual."""
    if isinstance(body, dict) and isinstance(given, dict):
        return any(_differs(body[key], given[key]) for key in body.keys() & given.keys())
    return str(body) != str(given) and body != given


__all__ = ["From", "Setting", "rule", "setting", "value_at"]
