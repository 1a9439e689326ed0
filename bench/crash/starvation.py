"""Takes the store away from a child in the middle of its alerts, and gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.crash.children import Process
from bench.crash.findings import Findings, compare
from bench.crash.stage import set_stage

BEFORE = 20
"""Notifications that are recorded before."""
MEANWHILE = 20
"""Notifications that are recorded meanwhile, at least."""
AWAY_SECONDS = 4.0
"""Long enough that alerts are told although they cannot be written down."""

Act = Callable[[Process], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Starved:
    """What came of it.

    Attributes:
        findings: What was committed, held against what was received.
        meanwhile: How many notifications were recorded while the store was away.
        told_meanwhile: How many messages were received meanwhile.
    """

    findings: Findings
    meanwhile: int
    told_meanwhile: int


async def starve(url: str, seed: int, log: Path, *, take_away: Act, give_back: Act) -> Starved:
    """Let a child work, take its store away, give it back, and wait until everything is told.

    Args:
        url: ``store.url``.
        seed: Of what happens in the calls.
        log: Takes what the child logs.
        take_away: Lets the child's store fail.
        give_back: Lets it work again.
    """
    async with set_stage(url, seed, log, watch_leases=False) as stage:
        child = await stage.children.another()
        await child.ready()
        await child.has_told(BEFORE)
        await take_away(child)
        before, received_before = len(child.told), len(stage.receiver.arrivals)
        await asyncio.sleep(AWAY_SECONDS)
        await child.has_told(before + MEANWHILE)
        meanwhile, told_meanwhile = len(child.told) - before, len(stage.receiver.arrivals) - received_before
        await give_back(child)
        await child.tell("quiet")
        await stage.come_to_rest(recorded=child.told)
        await child.end()
        await stage.come_to_rest(recorded=child.told)
        findings = await compare(stage.store, stage.receiver.arrivals, all_resolved=True, recorded=child.told)
    return Starved(findings, meanwhile, told_meanwhile)
