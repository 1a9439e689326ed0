"""The health of several detectors, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepguard.model import DetectorHealth, HealthState


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """How one of several detectors is.

    Attributes:
        name: Its name.
        health: What it says of itself; for one that is gone: why it is.
        counts: Whether it counts toward those that are needed: it can tell a deepfake.
        gone: Whether it will not work again in this call.
    """

    name: str
    health: DetectorHealth
    counts: bool = True
    gone: bool = False


def merge_health(members: Sequence[MemberHealth], needed: int) -> DetectorHealth:
    """One health for all; its detail names each member that is not up, and why.

    UP while ``needed`` of those that count are up; CONNECTING while enough of them are up or on their way; REFUSED when
    it is for those that are refused that there cannot be enough; else DOWN.

    Args:
        members: All of them.
        needed: How many must be up, at least 1.
    """
    states = [None if each.gone else each.health.state for each in members if each.counts]
    up = states.count(HealthState.UP)
    refused = states.count(HealthState.REFUSED)
    usable = len(states) - states.count(None) - refused
    if up >= needed:
        state = HealthState.UP
    elif up + states.count(HealthState.CONNECTING) >= needed:
        state = HealthState.CONNECTING
    elif usable < needed <= usable + refused:
        state = HealthState.REFUSED
    else:
        state = HealthState.DOWN
    told = [_told(each) for each in members if each.gone or each.health.state is not HealthState.UP]
    if len(states) < needed:
        told.append(f"{needed} are needed, and only {len(states)} can tell a deepfake")
    return DetectorHealth(state, "; ".join(told))


def _told(member: MemberHealth) -> str:
    state = HealthState.DOWN if member.gone else member.health.state
    return f"{member.name} is {state}: {member.health.detail}" if member.health.detail else f"{member.name} is {state}"


__all__ = ["MemberHealth", "merge_health"]
