"""How an attempt failed, and what that says of its destination."""

from __future__ import annotations

from dataclasses import dataclass

from deepguard.notify.destination import Destination, Draw, failed, refused, succeeded


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed.

    Attributes:
        detail: For people; holds no secret.
        retryable: Whether another attempt may help.
        retry_after: Seconds that the service asked to wait.
        refused: Whether the sender is refused, whatever it sends.
        fault: Whether the notifier's own code broke.
    """

    detail: str
    retryable: bool = True
    retry_after: float | None = None
    refused: bool = False
    fault: bool = False


def after(destination: Destination, failure: Failure, *, probe: bool, now: float, draw: Draw) -> Destination:
    """The state of a destination after a failed attempt.

    Args:
        destination: Its state so far.
        failure: Why it failed.
        probe: Whether the attempt was the single one.
        now: Unix time in seconds.
        draw: Draws waits.
    """
    if failure.refused:
        return refused(destination, now=now, detail=failure.detail, draw=draw, probe=probe, again=failure.retryable)
    if not failure.retryable:
        return succeeded(destination, probe=probe)  # it answers; this one notification it does not take
    if failure.fault and not probe:
        return destination
    return failed(destination, now=now, detail=failure.detail, draw=draw, probe=probe, retry_after=failure.retry_after)


__all__ = ["Failure", "after"]
