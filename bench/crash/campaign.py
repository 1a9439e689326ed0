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

from bench.crash.child import Settings
from bench.crash.children import Children, Process
from bench.crash.findings import Findings, at_rest, compare
from bench.crash.leases import LeaseWatch
from bench.crash.receiver import Mood, Receiver
from deepguard.store.store import Store

TIMEOUT = 1.0
"""Seconds that an attempt may take."""
PACE = 60.0
MOST_WAITING = 40
ROUTES = {"digests": 10, "singles": 1000}
"""``digest_after`` of each notifier."""
LONGEST_MOOD = 3.0
TWO_ALIVE = 0.3
"""How often there are two children at a kill."""
ENDING = 0.1
"""How often it is killed while it ends in order."""
LONGEST_ENDING = 0.5
MOODS: dict[Mood, int] = {"calm": 45, "stormy": 45, "dead": 10}
DRAIN_SECONDS = 240.0
PATIENCE = 60.0
LOOK_SECONDS = 0.2


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


@dataclass(slots=True)
class Scene:
    """The receiver, the store as the parent sees it, and the children."""

    receiver: Receiver
    store: Store
    children: Children
    leases: LeaseWatch

    async def come_to_rest(self, *, all_resolved: bool, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until nothing waits any more, as long as at most; what still waits then shows in the findings."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if await self.store.read(lambda db: at_rest(db, all_resolved=all_resolved)):
                return
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def scene(url: str, seed: int, log: Path) -> AsyncIterator[Scene]:
    """Everything but living children.

    Args:
        url: ``store.url``.
        seed: Of what happens in the calls, and of how the receiver answers.
        log: Takes what children log.
    """
    receiver = Receiver(seed)
    await receiver.start()

    def settings(name: str) -> Settings:
        return Settings(
            name=name,
            url=url,
            receivers={route: (receiver.url + route, digest_after) for route, digest_after in ROUTES.items()},
            timeout=TIMEOUT,
            seed=seed + len(children.all),
            pace=PACE,
            most_waiting=MOST_WAITING,
        )

    store = Store(url)
    await store.open()
    with log.open("wb") as stream:
        children = Children(settings, stream)
        leases = LeaseWatch(store, children.all)
        leases.start()
        try:
            yield Scene(receiver, store, children, leases)
        finally:
            await children.close()
            await leases.close()
            await store.close()
            await receiver.close()


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
    async with scene(plan.url, plan.seed, plan.log) as stage:
        for number in range(plan.kills):
            while len(stage.children.alive) < (2 if number in takeovers or chance.random() < TWO_ALIVE else 1):
                await stage.children.another()
            if number in takeovers:
                victim, excess = await _kill_in_the_middle(stage)
                tried_again.append(excess)
            else:
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


async def _kill_in_the_middle(stage: Scene) -> tuple[Process, float]:
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
        again = await stage.receiver.comes_again(first)
    for child in stage.children.alive:
        await child.tell("loud")
    return victim, again.at - lease.until


async def _drain(stage: Scene, *, to_the_end: bool) -> None:
    """End in order who is left, and let one that does nothing else deliver what waits."""
    stage.receiver.mood = "calm"
    for child in stage.children.alive:
        await child.ready()
        await child.end()
    last = await stage.children.another(quiet=True)
    await last.ready()
    await stage.come_to_rest(all_resolved=to_the_end)
    await last.end()
