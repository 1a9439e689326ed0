"""Every hook of deepguard.

A plugin implements a hook with ``deepguard.hookimpl``. Hooks are synchronous and only register or decide; whatever is
asynchronous lives in the objects that they hand over. The three observers at the end may also be ``async def``.
"""

from __future__ import annotations

import pluggy

from deepguard.contracts import DetectorType, NotifierType, Policy
from deepguard.model import Call, Incident, Notification, Transition
from deepguard.thresholds import Thresholds

PROJECT = "deepguard"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

OBSERVERS = frozenset({"deepguard_call_started", "deepguard_transition", "deepguard_call_ended"})
"""The hooks that may be coroutine functions."""


@hookspec
def deepguard_register_notifiers() -> list[NotifierType]:  # pyright: ignore[reportReturnType]
    """Offer kinds of notifiers.

    Called once, when the plugin has been loaded. All results are collected. Since 0.1.

    Returns:
        The kinds; each name must equal the name of an entry point of the same package.
    """


@hookspec
def deepguard_register_detectors() -> list[DetectorType]:  # pyright: ignore[reportReturnType]
    """Offer kinds of detectors.

    Called once, when the plugin has been loaded. All results are collected. Since 0.1.

    Returns:
        The kinds; each name must equal the name of an entry point of the same package.
    """


@hookspec(firstresult=True)
def deepguard_thresholds(call: Call, participant_id: str, defaults: Thresholds) -> Thresholds | None:
    """Override the thresholds of one call, or of one participant.

    Called once a call, before its first sample, and once for each participant, before their first verdict; not for
    participants where ``deepguard_policy`` gave another policy. Stops at the first result that is not None. Since 0.1.

    Args:
        call: The call.
        participant_id: Whom they are for; untrusted text. Empty for the call as a whole.
        defaults: What the configuration says.

    Returns:
        The thresholds to use, or None to leave the decision to others.
    """


@hookspec(firstresult=True)
def deepguard_policy(call: Call, thresholds: Thresholds) -> Policy | None:
    """Replace the alert policy of one call.

    Called once a call, before its first sample. Stops at the first result that is not None. Since 0.1.

    Args:
        call: The call that begins.
        thresholds: What ``deepguard_thresholds`` decided for the call as a whole.

    Returns:
        The policy to use, or None to leave the decision to others.
    """


@hookspec(firstresult=True)
def deepguard_should_notify(notification: Notification, notifier: str) -> bool | None:
    """Decide whether one notifier is handed one notification.

    Called once for each notification and each notifier whose ``on`` lets it through. Stops at the first result that
    is not None. Since 0.1.

    Args:
        notification: What would be told.
        notifier: The notifier's name in the configuration.

    Returns:
        False to keep it from this notifier, True to hand it over, None to leave the decision to others.
    """


@hookspec
def deepguard_enrich(incident: Incident) -> dict[str, str]:  # pyright: ignore[reportReturnType]
    """Add context to an incident, for example a customer number.

    Called once, when the incident opens. All results are merged; of two equal keys the one of the plugin that was
    named last in the configuration wins. Since 0.1.

    Args:
        incident: The incident that opens.

    Returns:
        What to add; shown to people and handed to notifiers.
    """


@hookspec
def deepguard_call_started(call: Call) -> None:
    """Observe that a call begins.

    Called once a call; may be a coroutine function; a failure is reported and changes nothing. Since 0.1.

    Args:
        call: The call.
    """


@hookspec
def deepguard_transition(transition: Transition) -> None:
    """Observe a change of level or of coverage.

    Called for each transition, in order; may be a coroutine function; a failure is reported and changes nothing.
    Since 0.1.

    Args:
        transition: What changed.
    """


@hookspec
def deepguard_call_ended(call: Call, reason: str) -> None:
    """Observe that a call ended.

    Called once a call; may be a coroutine function; a failure is reported and changes nothing. Since 0.1.

    Args:
        call: The call.
        reason: A word for programs: why it ended.
    """
