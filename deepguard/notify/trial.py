"""A test that goes the way of an alert: into the store, out of it under the destination's rate and breaker, and there.

Without a dispatcher's upkeep: who looks after the store must know every notifier, and a trial runs some of them.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from deepguard.errors import StoreError
from deepguard.model import Delivery, DeliveryStatus
from deepguard.notify import acknowledging
from deepguard.notify.destination import Destination, permit
from deepguard.notify.lane import Lane
from deepguard.notify.outbox import LEASE_MARGIN, Outbox
from deepguard.notify.planning import Planner
from deepguard.policy.notifications import test_notification
from deepguard.store import deliveries, destinations, letters
from deepguard.store.entry import Entry
from deepguard.store.letters import Letter
from deepguard.store.store import Store

LOOK_SECONDS = 0.1
"""Seconds from one look at the store to the next: another process may be the one that delivers."""
KEPT_SECONDS = 60.0
"""Seconds beyond the trial after which nobody tries its deliveries any more, should it be killed."""
DROPPED_BY = "the test that sent it"

Result = Literal["delivered", "failed", "not_attempted", "kept_back"]
Follows = Literal["retried", "dead", "refused", "disabled"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the test at one destination.

    Attributes:
        notifier: The notifier's name.
        result: What became of it.
        seconds: From when it was written down until it was delivered; None when it was not.
        attempts: How often it was tried.
        elsewhere: Whether another process delivered it, or tried it last.
        detail: For people: why it was not delivered.
        follows: What would follow for an alert that was not delivered; None for one that was.
        next_at: When the destination is tried next, as far as that is known (Unix time).
    """

    notifier: str
    result: Result
    seconds: float | None = None
    attempts: int = 0
    elsewhere: bool = False
    detail: str = ""
    follows: Follows | None = None
    next_at: float | None = None


class Trial:
    """Sends one test to some of the notifiers.

    Attributes:
        notification: The test.
        left: Numbers of the deliveries that another process still had in hand when the trial ended.
    """

    def __init__(self, store: Store, planner: Planner, names: Sequence[str], seconds: float) -> None:
        """Prepare.

        Args:
            store: An open store.
            planner: Knows every notifier of the configuration.
            names: The notifiers to try.
            seconds: How long the trial may take.
        """
        self.notification = test_notification(now=time.time())
        self.left: list[int] = []
        self._store = store
        self._planner = planner
        self._routes = {name: planner.routes[name] for name in names}
        self._seconds = seconds
        self._outcomes: dict[str, Outcome] = {}
        self._own: dict[str, Delivery] = {}
        self._lanes: dict[str, Lane] = {}
        self._news = asyncio.Event()

    async def run(self) -> list[Outcome]:
        """Send the test, and take back what was not delivered.

        Returns:
            What became of it at each destination, in the order of the names.

        Raises:
            StoreError: The store failed.
        """
        outbox = Outbox(self._store, uuid.uuid4().hex, only=[self.notification.id])
        await outbox.restart(list(self._routes.values()))
        planned = self._planner.plan(Entry(notifications=(self.notification,)), self._routes)
        outgoing = [replace(each, give_up_after=self._seconds + KEPT_SECONDS) for each in planned.outgoing]
        self._lanes = {name: Lane(route, outbox, self._told) for name, route in self._routes.items()}
        try:
            await self._store.write(lambda db: deliveries.add(db, outgoing))
            for lane in self._lanes.values():
                lane.route.notifier.acknowledge = self._acknowledge
                lane.open()
            await self._follow()
            await self._close()
            await self._look(0.0)
        finally:
            # Also when it is interrupted: a test that nobody waits for any more must not arrive some time later.
            await self._close()
            with suppress(StoreError):
                await self._store.write(self._take_back)
        # Only now has every lane told what it did.
        found = [self._outcomes[name] for name in self._routes]
        return [replace(one, elsewhere=one.elsewhere and one.notifier not in self._own) for one in found]

    async def _close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        while (left := deadline - loop.time()) > 0:
            self._news.clear()
            await self._look(left)
            if len(self._outcomes) == len(self._routes):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self._news.wait()

    async def _look(self, left: float) -> None:
        """See how each delivery stands; one that has failed is taken back before anybody tries it again.

        Args:
            left: Seconds that the trial may still take; at 0 whatever has not ended ends.
        """

        def read(db: sa.Connection) -> tuple[list[Letter], dict[str, dict[str, Any]]]:
            return letters.find(db, notification_id=self.notification.id), destinations.all_rows(db)

        found, rows = await self._store.read(read)
        ended = [
            (letter, outcome)
            for letter in found
            if letter.notifier not in self._outcomes
            and (outcome := self._outcome(letter, rows.get(letter.notifier), left)) is not None
        ]
        failed = {letter.id for letter, outcome in ended if outcome.result in ("failed", "not_attempted")}
        if failed:
            gone = set(await self._store.write(lambda db: letters.drop(db, ids=failed, by=DROPPED_BY)))
            gone.update(letter.id for letter in found if letter.status == DeliveryStatus.DROPPED)
            if left > 0:
                # What could not be dropped is in another process's hands by now: how that ends is what counts.
                ended = [(letter, outcome) for letter, outcome in ended if letter.id not in failed - gone]
        for letter, outcome in ended:
            self._outcomes[letter.notifier] = outcome
        for letter in found:
            if letter.notifier not in self._outcomes and letter.status == DeliveryStatus.PENDING and letter.attempts:
                self._lanes[letter.notifier].wake()  # another process took it and gave it back untried

    def _take_back(self, db: sa.Connection) -> None:
        found = letters.find(db, notification_id=self.notification.id)
        if found:
            letters.drop(db, ids=[letter.id for letter in found], by=DROPPED_BY)
        self.left = [letter.id for letter in found if letter.status == DeliveryStatus.LEASED]

    def _outcome(self, letter: Letter, row: dict[str, Any] | None, left: float) -> Outcome | None:
        """What became of the test at one destination; None while that is open."""
        own = self._own.get(letter.notifier)
        base = Outcome(letter.notifier, "failed", attempts=letter.attempts, elsewhere=own is None, detail=letter.detail)
        match letter.status:
            case DeliveryStatus.DELIVERED:
                seconds = max(0.0, (letter.ended_at or letter.created_at) - letter.created_at)
                return replace(base, result="delivered", seconds=seconds, detail="")
            case DeliveryStatus.SILENCED:
                return replace(base, result="kept_back", elsewhere=False)
            case DeliveryStatus.DEAD:
                return replace(base, follows="dead")
            case DeliveryStatus.DROPPED:
                return base
            case DeliveryStatus.LEASED if left <= 0:
                return replace(base, detail="another process is still trying it")
            case DeliveryStatus.PENDING if letter.attempts and (letter.detail or own):
                return _after(base, letter, row)
            case DeliveryStatus.PENDING if letter.attempts and left <= 0:
                return replace(base, detail=f"no answer within {self._seconds:g} s", elsewhere=False, follows="retried")
            case DeliveryStatus.PENDING if not letter.attempts:
                return self._not_attempted(replace(base, elsewhere=False), row, left)
        return None

    def _not_attempted(self, base: Outcome, row: dict[str, Any] | None, left: float) -> Outcome | None:
        """Why the destination may not be tried, when that will not change in time."""
        route = self._routes[base.notifier]
        outcome = replace(base, result="not_attempted")
        late = replace(outcome, detail=f"its turn did not come within {self._seconds:g} s", follows="retried")
        if row is None:
            return late if left <= 0 else None
        at, destination = row["now"], Destination.stored(row)
        asked = permit(destination, rate=route.rate, burst=route.burst, now=at, lease=route.timeout + LEASE_MARGIN)
        if asked.go or (asked.wait is not None and asked.wait <= left):
            return late if left <= 0 else None
        if destination.disabled:
            return replace(outcome, detail=destination.detail, follows="disabled")
        blocked = max(destination.blocked_until, destination.probing_until) > at
        detail = destination.detail if blocked else f"its rate of {route.rate:g} a second is used up"
        next_at = at + (asked.wait or 0.0)
        return replace(outcome, detail=detail, follows="refused" if destination.refused else "retried", next_at=next_at)

    async def _acknowledge(self, incident_id: str, by: str) -> bool:
        stored, _ = await acknowledging.acknowledge(self._store, self._planner, incident_id, by)
        return stored is not None

    def _told(self, delivery: Delivery) -> None:
        self._own[delivery.notifier] = delivery
        self._news.set()


def _after(base: Outcome, letter: Letter, row: dict[str, Any] | None) -> Outcome:
    """What would follow for an alert whose attempt failed."""
    destination = Destination.stored(row) if row else None
    if destination and destination.disabled:
        return replace(base, follows="disabled")
    next_at = max(letter.due_at, destination.blocked_until if destination else 0.0)
    refused = destination is not None and destination.refused
    return replace(base, follows="refused" if refused else "retried", next_at=next_at)


__all__ = ["Follows", "Outcome", "Result", "Trial"]
