"""What the outbox hands out: a delivery for one attempt, or nothing for now."""

from __future__ import annotations

from dataclasses import dataclass

from deepguard.model import Notification


@dataclass(frozen=True, slots=True)
class Member:
    """What one outcome is told of: the delivery itself, or each that a digest stands for."""

    notification_id: str
    call_id: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery, leased to this process for one attempt.

    Attributes:
        delivery_id: Which.
        attempt: From 1.
        faults: How many of the attempts before were broken by the notifier's own code.
        probe: Whether it is the single attempt that shows whether a destination answers again.
        notification: What to send.
        members: Whom the outcome concerns.
    """

    delivery_id: int
    attempt: int
    faults: int
    probe: bool
    notification: Notification
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do now.

    Attributes:
        seconds: Ask again after so long; None: when there is news.
    """

    seconds: float | None = None


__all__ = ["Claim", "Idle", "Member"]
