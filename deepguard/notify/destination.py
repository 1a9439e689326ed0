"""What all processes know about one destination: how many attempts it may get, and whether it takes any at all.

Pure functions over one row of the shared database. Every time is what the database's clock said, as a Unix time in
seconds, read in the transaction that holds the row. Every attempt goes: ``permit``, the attempt, and then one of
``succeeded``, ``failed`` and ``refused`` with the ``probe`` of its permit. An attempt of which nothing more is heard,
because its process is gone, needs nothing: a probe's lease ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

FAILURES_TO_OPEN = 3
"""Failed attempts in a row after which the breaker opens: from then on there is one attempt at a time, a probe."""
LONGEST_BLOCK = 60.0
"""Seconds between probes at most, while nothing else is asked for."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds that a service may ask to wait; what is more is taken for this."""
REFUSED_SECONDS = 300.0
"""Seconds, more or less, until a destination that refuses the sender is asked again."""
LONGEST_RESTART = 20.0
"""Seconds that a refused sender waits after a start, at most, when the starts before did not help."""
LONGEST_BACKOFF = 300.0
"""Seconds that one delivery waits at most from one attempt to its next."""
SHORTEST_BACKOFF = 0.05
CLOCK_STEP = 5.0
"""Seconds that the clock may seem to go back because transactions overtake each other; more: it was set back."""
ROUNDING = 1e-6
"""Seconds; more than a Unix time loses as a float, so that whoever waited for a token finds a whole one."""

Draw: TypeAlias = Callable[[float, float], float]
"""Draws a number between two others, both included: ``random.uniform``."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The state of one destination.

    Attributes:
        tokens: Attempts that may be made at once, as of ``refilled_at``.
        refilled_at: When ``tokens`` was last counted.
        failures: Failed attempts in a row; at least ``FAILURES_TO_OPEN`` for a destination that refuses the sender.
        blocked_until: No attempt before.
        probing_until: Until then the only attempt that may be under way belongs to somebody.
        disabled: It is gone for good: no attempt before the next start.
        refused: The block is there because the destination refuses the sender.
        detail: For people: why the last attempt failed.
    """

    tokens: float
    refilled_at: float
    failures: int = 0
    blocked_until: float = 0.0
    probing_until: float = 0.0
    disabled: bool = False
    refused: bool = False
    detail: str = ""

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Destination:
        """Make one of a row of the store; what else is in the row is left out."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    @property
    def open(self) -> bool:
        """Whether the breaker is open: nothing goes there but single probes.

        After a success of a destination that was open, everything that waits for it is due.
        """
        return self.disabled or self.failures >= FAILURES_TO_OPEN


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer to: may an attempt be made now?

    Attributes:
        destination: The state from now on; the same as before when there is nothing to write.
        go: Make one attempt.
        probe: This attempt is the single one; to be told to what ends it.
        wait: Seconds after which to ask again; None with ``go``, and for a destination that is disabled.
    """

    destination: Destination
    go: bool
    probe: bool = False
    wait: float | None = None


def fresh(burst: int, now: float) -> Destination:
    """A destination of which nothing is known yet.

    Args:
        burst: Attempts that may be made at once.
        now: Unix time in seconds.
    """
    return Destination(tokens=float(burst), refilled_at=now)


def permit(destination: Destination, *, rate: float, burst: int, now: float, lease: float) -> Permit:
    """Ask for one attempt, and take what it needs.

    Args:
        destination: The state so far.
        rate: Attempts a second in the long run.
        burst: Attempts that may be made at once after a quiet time.
        now: Unix time in seconds.
        lease: Seconds that a probe may take; nobody else probes meanwhile. More than an attempt's time limit.
    """
    known = _with_clock(destination, now)
    if known.disabled:
        return Permit(known, go=False)
    tokens = min(float(burst), known.tokens + rate * max(0.0, now - known.refilled_at))
    waits = [known.blocked_until - now]
    if known.open:
        waits.append(known.probing_until - now)
    if tokens < 1.0:
        waits.append(max(0.0, known.refilled_at - now) + (1.0 - tokens) / rate + ROUNDING)
    if (wait := max(waits)) > 0.0:
        return Permit(known, go=False, wait=wait)
    taken = replace(known, tokens=tokens - 1.0, refilled_at=max(known.refilled_at, now))
    if known.open:
        return Permit(replace(taken, probing_until=now + lease), go=True, probe=True)
    return Permit(taken, go=True)


def succeeded(destination: Destination, *, probe: bool) -> Destination:
    """The destination took something: whatever stood against it is over.

    Args:
        destination: The state so far; ``destination.open`` tells whether all that waits is due now.
        probe: Whether the attempt was the single one.
    """
    return Destination(
        tokens=destination.tokens,
        refilled_at=destination.refilled_at,
        probing_until=_probing(destination, probe),
    )


def failed(
    destination: Destination, *, now: float, detail: str, draw: Draw, probe: bool, retry_after: float | None = None
) -> Destination:
    """An attempt failed, and another may help.

    Args:
        destination: The state so far.
        now: Unix time in seconds.
        detail: For people: why.
        draw: Draws the wait, so that processes do not come back all at once.
        probe: Whether the attempt was the single one.
        retry_after: Seconds that the service asked to wait; holds for every delivery to it.
    """
    known = _with_clock(destination, now)
    failures, wait = known.failures, capped_retry_after(retry_after) or 0.0
    # Attempts that began before the breaker opened tell nothing new: they must not add up to a long block.
    if probe or not known.open:
        failures += 1
        if failures >= FAILURES_TO_OPEN:
            wait = max(wait, draw(0.5, 1.0) * _doubled(failures - FAILURES_TO_OPEN, LONGEST_BLOCK))
    return replace(
        known,
        failures=failures,
        blocked_until=max(known.blocked_until, now + wait),
        probing_until=_probing(known, probe),
        refused=known.refused and (known.disabled or not probe),
        detail=detail,
    )


def refused(destination: Destination, *, now: float, detail: str, draw: Draw, probe: bool, again: bool) -> Destination:
    """The destination refuses the sender, whatever is sent.

    Args:
        destination: The state so far.
        now: Unix time in seconds.
        detail: For people: why, and what to do.
        draw: Draws the wait.
        probe: Whether the attempt was the single one.
        again: Whether to ask again in some minutes; otherwise not before the next start.
    """
    known = _with_clock(destination, now)
    blocked_until = now + REFUSED_SECONDS * draw(0.8, 1.2) if again else now
    return replace(
        known,
        failures=max(known.failures + 1, FAILURES_TO_OPEN),
        blocked_until=max(known.blocked_until, blocked_until),
        probing_until=_probing(known, probe),
        disabled=known.disabled or not again,
        refused=True,
        detail=detail,
    )


def restarted(destination: Destination, now: float) -> Destination:
    """Let a refused sender try once: a process starts, perhaps with new credentials, or somebody asks for a test.

    Not at once when it was refused at the starts before, too: a program that is started again and again, or anew for
    each call, must not hammer the service. What the service itself asked for, and the pause of a breaker, stay.

    Args:
        destination: The state so far.
        now: Unix time in seconds.
    """
    if not destination.refused:
        return destination
    again_and_again = destination.failures - FAILURES_TO_OPEN - 1
    soon = now + (_doubled(again_and_again, LONGEST_RESTART) if again_and_again > 0 else 0.0)
    blocked_until = soon if destination.disabled else min(destination.blocked_until, soon)
    return replace(destination, blocked_until=blocked_until, disabled=False, refused=False)


def backoff(attempts: int, draw: Draw) -> float:
    """Seconds that one delivery waits for its next attempt.

    Args:
        attempts: How often it was tried so far.
        draw: Draws the wait: full jitter.
    """
    return max(SHORTEST_BACKOFF, draw(0.0, _doubled(attempts, LONGEST_BACKOFF)))


def capped_retry_after(value: float | None) -> float | None:
    """Seconds that a service asked to wait, within bounds; None for what is no number of seconds.

    Args:
        value: From a notifier, which may have it from anywhere.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        return None
    return float(min(value, LONGEST_RETRY_AFTER))


def _with_clock(destination: Destination, now: float) -> Destination:
    """The same state after the clock was set back: what it held for stays as long as it was."""
    ahead = destination.refilled_at - now
    if ahead <= CLOCK_STEP:
        return destination
    return replace(
        destination,
        refilled_at=now,
        blocked_until=max(0.0, destination.blocked_until - ahead),
        probing_until=max(0.0, destination.probing_until - ahead),
    )


def _probing(destination: Destination, probe: bool) -> float:
    """Only who has the probe gives it back: another may still be waiting for its answer."""
    return 0.0 if probe else destination.probing_until


def _doubled(times: int, most: float) -> float:
    """1 doubled so often, up to ``most``; any number of times."""
    return min(most, 2.0 ** max(0, min(times, 20)))


__all__ = [
    "CLOCK_STEP",
    "FAILURES_TO_OPEN",
    "LONGEST_BACKOFF",
    "LONGEST_BLOCK",
    "LONGEST_RESTART",
    "LONGEST_RETRY_AFTER",
    "REFUSED_SECONDS",
    "SHORTEST_BACKOFF",
    "Destination",
    "Draw",
    "Permit",
    "backoff",
    "capped_retry_after",
    "failed",
    "fresh",
    "permit",
    "refused",
    "restarted",
    "succeeded",
]
