"""Takes the store away from a child in the middle of its alerts, and gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.crash.children import Process
from bench.crash.findings import Findings, compare
from bench.crash.stage import set_stage

BEFORE = 20
"""Notifications that are recorded before."""
MEANWHILE = 20
"""Notifications that are recorded meanwhile, at least."""
PATIENCE = 60.0
PACE = 20.0
MOST_WAITING = 10_000
"""More than ever waits: things go on happening while nothing can be delivered."""

Act = Callable[[Process], Awaitable[None]]


async def starve(url: str, seed: int, log: Path, *, take_away: Act, give_back: Act) -> Findings:
    """Let a child work, take its store away until people are told all the same, and give it back.

    Args:
        url: ``store.url``.
        seed: Of what happens in the calls.
        log: Takes what the child logs.
        take_away: Lets the child's store fail.
        give_back: Lets it work again.

    Raises:
        TimeoutError: Nobody was told while it was away.
    """
    async with set_stage(url, seed, log, pace=PACE, most_waiting=MOST_WAITING, watch_leases=False) as stage:
        child = await stage.children.another()
        await child.ready()
        await child.has_told(BEFORE)
        await take_away(child)
        before = len(child.told)
        await child.has_told(before + MEANWHILE)
        async with asyncio.timeout(PATIENCE):
            await stage.receiver.comes(lambda arrival: arrival.message_id in child.told[before:])
        await give_back(child)
        await child.tell("quiet")
        await stage.come_to_rest(recorded=child.told)
        await child.end()
        await stage.come_to_rest(recorded=child.told)
        return await compare(stage.store, stage.receiver.arrivals, all_resolved=True, recorded=child.told)
