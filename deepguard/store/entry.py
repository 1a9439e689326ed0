"""What a guard has written down: one entry is one transaction, or a part of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepguard.model import (
    Call,
    DeliveryStatus,
    LevelChanged,
    Notification,
    Picture,
    SampleRecord,
    Transition,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class PolicyUsed:
    """An alert policy that decides on a call, or runs beside the one that does.

    Attributes:
        origin: Where it comes from, for people: ``built in``, or a plugin and the place of its hook.
        thresholds: What it was given, as it stands in YAML.
        name: The name of a shadow policy; empty for the one that decides.
    """

    origin: str = ""
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A call begins.

    Attributes:
        call: The call.
        detector: Who judges it.
        simulated: Whether its verdicts are scripted.
        policy: The policy that decides.
        config_hash: The configuration's hash; empty when there is none.
        shadows: The policies that run beside it.
    """

    call: Call
    detector: str
    simulated: bool
    policy: PolicyUsed = PolicyUsed()
    config_hash: str = ""
    shadows: tuple[PolicyUsed, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyFailed:
    """A policy raised, or took too long.

    Attributes:
        reason: For people.
        shadow: The name of a shadow policy; empty for the one that decided until then.
    """

    reason: str
    shadow: str = ""


@dataclass(frozen=True, slots=True)
class ShadowChanged:
    """A shadow policy would have changed a level.

    Attributes:
        shadow: Its name.
        change: The change.
    """

    shadow: str
    change: LevelChanged


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call ended.

    Attributes:
        at: When.
        reason: A word for programs.
    """

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened at one moment of one call, and is to be found together or not at all.

    Attributes:
        call_id: The call; empty when it is about none.
        began: The call's beginning.
        verdict: A verdict.
        samples: Samples that ended.
        transitions: The changes of level or coverage that it caused.
        shadow_changes: The changes that shadow policies would have made.
        policy_failed: A policy that failed.
        notifications: What is told of it; an incident is stored as its last notification shows it.
        picture: The picture that the incident of a notification rests on, where the configuration keeps it.
        ended: The call's end.
    """

    call_id: str = ""
    began: CallBegan | None = None
    verdict: Verdict | None = None
    samples: tuple[SampleRecord, ...] = ()
    transitions: tuple[Transition, ...] = ()
    shadow_changes: tuple[ShadowChanged, ...] = ()
    policy_failed: PolicyFailed | None = None
    notifications: tuple[Notification, ...] = ()
    picture: Picture | None = None
    ended: CallEnded | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notification on its way to one notifier.

    Attributes:
        notification: What is told.
        notifier: The notifier's name in the configuration.
        give_up_after: Seconds that it is tried for.
        status: ``PENDING``, or ``SILENCED``.
        detail: For people: what silenced it.
    """

    notification: Notification
    notifier: str
    give_up_after: float
    status: DeliveryStatus = DeliveryStatus.PENDING
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """An entry, and where its notifications go."""

    entry: Entry
    outgoing: tuple[Outgoing, ...] = ()


__all__ = [
    "CallBegan",
    "CallEnded",
    "Entry",
    "Outgoing",
    "Planned",
    "PolicyFailed",
    "PolicyUsed",
    "ShadowChanged",
]
