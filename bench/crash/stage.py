"""What a campaign happens in: the receiver, the store as the parent sees it, and the children."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crash.child import Settings
from bench.crash.children import Children
from bench.crash.findings import at_rest
from bench.crash.leases import LeaseWatch
from bench.crash.receiver import Receiver
from deepguard.store.store import Store

TIMEOUT = 1.0
"""Seconds that an attempt may take."""
PACE = 60.0
MOST_WAITING = 40
ROUTES = {"digests": 10, "singles": 1000}
"""``digest_after`` of each notifier."""
DRAIN_SECONDS = 120.0
LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Stage:
    """The receiver, the store as the parent sees it, and the children."""

    receiver: Receiver
    store: Store
    children: Children
    leases: LeaseWatch

    async def come_to_rest(self, *, all_resolved: bool = False, recorded: Collection[str] = ()) -> None:
        """Wait until nothing waits any more, for a bounded time: what waits then shows in the findings.

        Args:
            all_resolved: Whether to wait for every incident's end.
            recorded: Notifications to wait for until they are committed.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            if await self.store.read(lambda db: at_rest(db, all_resolved=all_resolved, recorded=recorded)):
                return
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def set_stage(
    url: str, seed: int, log: Path, *, pace: float = PACE, most_waiting: int = MOST_WAITING, watch_leases: bool = True
) -> AsyncIterator[Stage]:
    """Everything but living children.

    Args:
        url: ``store.url``.
        seed: Of what happens in the calls, and of how the receiver answers.
        log: Takes what children log.
        pace: How much happens a second, on average.
        most_waiting: When so much waits for a notifier, nothing happens until less does.
        watch_leases: Whether to look at the store all the time.
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
            pace=pace,
            most_waiting=most_waiting,
        )

    store = Store(url)
    await store.open()
    with log.open("wb") as stream:
        children = Children(settings, stream)
        leases = LeaseWatch(store, children.all)
        if watch_leases:
            leases.start()
        try:
            yield Stage(receiver, store, children, leases)
        finally:
            await children.close()
            await leases.close()
            await store.close()
            await receiver.close()
