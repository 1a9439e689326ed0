"""Kills children at random moments while the receiver answers badly, and then looks what is missing."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crash.children import Process
from bench.crash.findings import Findings, compare
from bench.crash.receiver import Mood, Receiver
from bench.crash.stage import Stage, set_stage

LONGEST_MOOD = 3.0
TWO_ALIVE = 0.3
"""How often there are two children at a kill."""
WORKING = 0.8
"""How often a child is at work at a kill; otherwise it may still be starting."""
ENDING = 0.1
"""How often it is killed while it ends in order."""
LONGEST_ENDING = 0.5
MOODS: dict[Mood, int] = {"calm": 45, "stormy": 45, "dead": 10}
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        url: ``store.url``.
        kills: How often a child is killed at a random moment.
        takeovers: How often a child is killed in the middle of an attempt, and another one is there to take over.
        seed: Of everything that is left to chance.
        to_the_end: Also wait until the calls of killed children count as ended.
        log: Takes what children log.
        longest_life: Seconds from one kill to the next at most.
    """

    url: str
    kills: int
    takeovers: int
    seed: int
    to_the_end: bool
    log: Path
    longest_life: float = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        findings: What was committed, held against what was received.
        kills: How many children were killed.
        killed_unready: How many of them before they were ready to deliver.
        manners: How requests were answered.
        types: What was received.
        left_lying: For each lease of a killed child: the seconds beyond its end that a living one let it lie.
        tried_again: For each attempt in whose middle a child was killed: the seconds from the lease's end to the next
            attempt, by another child.
        seconds: How long it all took.
    """

    findings: Findings
    kills: int
    killed_unready: int
    manners: Counter[str]
    types: Counter[str]
    left_lying: list[float]
    tried_again: list[float]
    seconds: float


async def run(plan: Plan, on_kill: Callable[[int], None] = lambda _number: None) -> Outcome:
    """Carry a plan out.

    Args:
        plan: The plan.
        on_kill: Told how many were killed so far.
    """
    began = time.monotonic()
    chance = random.Random(plan.seed)
    takeovers = set(chance.sample(range(plan.kills), plan.takeovers))
    tried_again: list[float] = []
    killed: list[Process] = []
    async with set_stage(plan.url, plan.seed, plan.log) as stage:
        for number in range(plan.kills):
            while len(stage.children.alive) < (2 if number in takeovers or chance.random() < TWO_ALIVE else 1):
                await stage.children.another()
            if number in takeovers:
                victim, excess = await _kill_in_the_middle(stage)
                tried_again.append(excess)
            else:
                if chance.random() < WORKING:
                    await stage.children.alive[0].ready()
                async with _moods(stage.receiver, chance):
                    await asyncio.sleep(chance.uniform(0.0, plan.longest_life))
                victim = chance.choice(stage.children.alive)
                if chance.random() < ENDING:
                    victim.let_end()
                    await asyncio.sleep(chance.uniform(0.0, LONGEST_ENDING))
                await victim.kill()
            killed.append(victim)
            on_kill(len(killed))
        await _drain(stage, to_the_end=plan.to_the_end)
        findings = await compare(stage.store, stage.receiver.arrivals, all_resolved=plan.to_the_end)
    arrivals = stage.receiver.arrivals
    return Outcome(
        findings,
        kills=len(killed),
        killed_unready=sum(child.ready_at is None for child in killed),
        manners=Counter(arrival.manner for arrival in arrivals),
        types=Counter(arrival.type for arrival in arrivals if arrival.received),
        left_lying=stage.leases.left_lying,
        tried_again=tried_again,
        seconds=time.monotonic() - began,
    )


@asynccontextmanager
async def _moods(receiver: Receiver, chance: random.Random) -> AsyncIterator[None]:
    """Let the receiver change its mood now and then."""

    async def change() -> None:
        while True:
            (receiver.mood,) = chance.choices(list(MOODS), list(MOODS.values()))
            await asyncio.sleep(chance.uniform(0.0, LONGEST_MOOD))

    changing = asyncio.create_task(change())
    try:
        yield
    finally:
        changing.cancel()


async def _kill_in_the_middle(stage: Stage) -> tuple[Process, float]:
    """Kill one of two children while it waits for an answer.

    Returns:
        Which, and the seconds from its lease's end until the other tried.
    """
    stage.receiver.mood = "calm"
    for child in stage.children.alive:
        await child.ready()
    while True:
        async with asyncio.timeout(PATIENCE):
            first = await stage.receiver.hang_next()
        victim = next((child for child in stage.children.alive if child.name == first.host), None)
        if victim is None:
            continue  # it was sent by one that is dead already
        await victim.kill()
        lease = await stage.leases.of(first.message_id, first.route)
        if lease is not None and lease.owner == victim.process_id:
            break
        # It did not wait for the answer any longer, and was killed for nothing.
        await (await stage.children.another()).ready()
    for child in stage.children.alive:
        await child.tell("quiet")  # what waits must not come before it
    async with asyncio.timeout(PATIENCE):
        again = await stage.receiver.comes(first.is_before)
    for child in stage.children.alive:
        await child.tell("loud")
    return victim, again.at - lease.until


async def _drain(stage: Stage, *, to_the_end: bool) -> None:
    """End in order who is left, and let one that does nothing else deliver what waits."""
    stage.receiver.mood = "calm"
    for child in stage.children.alive:
        await child.ready()
        await child.end()
    last = await stage.children.another(quiet=True)
    await last.ready()
    await stage.come_to_rest(all_resolved=to_the_end)
    await last.end()
