"""What a guard has written down: one entry is one transaction, or a part of one."""

from __future__ import annotations

from dataclasses import dataclass

from deepguard.model import Call, DeliveryStatus, Notification, Picture, Transition, Verdict


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A call begins.

    Attributes:
        call: The call.
        detector: Who judges it.
        simulated: Whether its verdicts are scripted.
    """

    call: Call
    detector: str
    simulated: bool


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
        transitions: The changes of level or coverage that it caused.
        notifications: What is told of it; an incident is stored as its last notification shows it.
        picture: The picture that the incident of a notification rests on, where the configuration keeps it.
        ended: The call's end.
    """

    call_id: str = ""
    began: CallBegan | None = None
    verdict: Verdict | None = None
    transitions: tuple[Transition, ...] = ()
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


__all__ = ["CallBegan", "CallEnded", "Entry", "Outgoing", "Planned"]
