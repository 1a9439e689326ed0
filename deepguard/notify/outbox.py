"""Takes deliveries out of the store for one attempt each, and writes down how it went."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from loguru import logger

from deepguard.model import Delivery, DeliveryStatus, Notification, NotificationKind
from deepguard.notify.claim import Claim, Idle, Member
from deepguard.notify.destination import (
    CLOCK_STEP,
    Destination,
    Draw,
    backoff,
    capped_retry_after,
    permit,
    restarted,
    succeeded,
)
from deepguard.notify.outcome import Failure, after
from deepguard.notify.route import Route
from deepguard.policy.notifications import digest_notification
from deepguard.store import deliveries, destinations
from deepguard.store.codec import decode
from deepguard.store.incidents import picture_of
from deepguard.store.store import Store

KINDS = frozenset(kind.value for kind in NotificationKind)
"""What this version can read. Others are left in the store for a newer one."""
LEASE_MARGIN = 5.0
"""Seconds that a lease lasts beyond an attempt's time limit: how it went has to be written down, too."""
DIGEST_MOST = 100
"""Notifications that one digest names."""
DIGEST_ATTEMPTS = 5
"""Attempts after which a digest is taken apart that fails while the destination takes others."""
MOST_FAULTS = 5
"""Attempts that a notifier's own code may break until the delivery is dead."""
ASK_AGAIN = 1.0
"""Seconds until a lane looks again whose deliveries wait for others."""


class Outbox:
    """The deliveries of one process's notifiers."""

    def __init__(
        self,
        store: Store,
        owner: str,
        *,
        ack_url: Callable[[Notification], str] = lambda _notification: "",
        pictures: bool = False,
        draw: Draw = random.uniform,
        only: Sequence[str] | None = None,
    ) -> None:
        """Deliver from a store.

        Args:
            store: An open store.
            owner: This process, as leases name it.
            ack_url: Makes the page on which an incident can be acknowledged; empty for none.
            pictures: Whether the store keeps pictures of incidents.
            draw: Draws waits.
            only: Ids of the only notifications to deliver; None for all that wait.
        """
        self._store = store
        self._owner = owner
        self._ack_url = ack_url
        self._pictures = pictures
        self._draw = draw
        self._only = only

    async def claim(self, route: Route) -> Claim | Idle:
        """Take the next delivery of a notifier, if there is one and its destination may be tried now.

        Raises:
            StoreError: The store failed; nothing was taken.
        """

        def work(db: sa.Connection) -> Claim | Idle:
            locked = destinations.lock(db, route.name, route.burst)
            now, destination, first_due = locked.now, Destination.stored(locked.values), locked.first_due
            if first_due is None:
                return Idle()
            if destination.refilled_at - now > CLOCK_STEP:
                # The clock was set back: by the old one, what waits for its next attempt would wait for as long.
                deliveries.make_due(db, route.name)
                first_due = 0.0
            asked = permit(destination, rate=route.rate, burst=route.burst, now=now, lease=route.timeout + LEASE_MARGIN)
            if not asked.go:
                if asked.destination != destination:
                    _save(db, route, asked.destination)  # the clock was set back
                return Idle(asked.wait)
            row = None
            if locked.waiting > route.digest_after and not destination.open and self._only is None:
                # Without delay, as long as it is not what ends those who try it: what follows it waits for it.
                row = deliveries.next_unsure(db, route.name, KINDS, MOST_FAULTS) or self._digest(db, route)
            elif first_due > 0.0:
                return Idle(first_due)
            row = row or deliveries.next_due(db, route.name, KINDS, self._only)
            if row is None:
                return Idle(ASK_AGAIN)
            try:
                told = decode(row.body)
            except ValueError:
                logger.error("Delivery {} cannot be read by this version of deepguard; it is left to others", row.id)
                deliveries.lease(db, row.id, self._owner, ASK_AGAIN)
                deliveries.put_back(db, row.id, self._owner, row.attempts + 1, 60.0, "", fault=True)
                return Idle(0.0)
            _save(db, route, asked.destination)
            deliveries.lease(db, row.id, self._owner, route.timeout + LEASE_MARGIN)
            concerned = (Member(told.id, told.call_id, row.created_at),)
            if told.kind is NotificationKind.DIGEST:
                concerned = tuple(Member(*member) for member in deliveries.members(db, row.id))
            notification = self._complete(db, route, told)
            return Claim(row.id, row.attempts + 1, row.faults, asked.probe, notification, concerned)

        return await self._store.write(work)

    async def delivered(self, route: Route, claim: Claim, thread: str) -> list[Delivery]:
        """Write down that the destination took it.

        Args:
            route: To whom.
            claim: What.
            thread: What the service calls it, if anything.

        Raises:
            StoreError: The store failed; the delivery will be tried again when its lease ends.
        """

        def work(db: sa.Connection) -> list[Delivery]:
            now, destination = _locked(db, route)
            _save(db, route, succeeded(destination, probe=claim.probe))
            held = deliveries.end(
                db, claim.delivery_id, self._owner, claim.attempt, DeliveryStatus.DELIVERED, thread=thread
            )
            if destination.open:
                deliveries.make_due(db, route.name)
            if not held:
                return []
            return _told(route, claim, DeliveryStatus.DELIVERED, now)

        return await self._store.write(work)

    async def failed(self, route: Route, claim: Claim, failure: Failure) -> list[Delivery]:
        """Write down that an attempt failed, and what follows.

        Raises:
            StoreError: The store failed; the delivery will be tried again when its lease ends.
        """

        def work(db: sa.Connection) -> list[Delivery]:
            now, destination = _locked(db, route)
            _save(db, route, after(destination, failure, probe=claim.probe, now=now, draw=self._draw))
            gone = not failure.retryable and not failure.refused
            gone = gone or (failure.fault and claim.faults + 1 >= MOST_FAULTS)
            if claim.notification.kind is NotificationKind.DIGEST and (gone or _is_stuck(claim, failure, destination)):
                # That a service takes no digest, or one of those named breaks it, costs none of the others.
                status = DeliveryStatus.PENDING
                held = deliveries.take_apart(db, claim.delivery_id, self._owner, claim.attempt, failure.detail)
            elif gone:
                status = DeliveryStatus.DEAD
                held = deliveries.end(db, claim.delivery_id, self._owner, claim.attempt, status, detail=failure.detail)
            else:
                status, wait = DeliveryStatus.PENDING, 0.0
                if not failure.refused:
                    wait = max(backoff(claim.attempt, self._draw), capped_retry_after(failure.retry_after) or 0.0)
                held = deliveries.put_back(
                    db, claim.delivery_id, self._owner, claim.attempt, wait, failure.detail, fault=failure.fault
                )
            return _told(route, claim, status, now, failure.detail) if held else []

        return await self._store.write(work)

    async def release(self, route: Route, claim: Claim) -> None:
        """Give a delivery back untried, or half tried: this process ends.

        Raises:
            StoreError: The store failed; the lease ends by itself.
        """

        def work(db: sa.Connection) -> None:
            if claim.probe:
                _, destination = _locked(db, route)
                _save(db, route, replace(destination, probing_until=0.0))
            deliveries.give_back(db, claim.delivery_id, self._owner, claim.attempt)

        await self._store.write(work)

    async def restart(self, routes: Sequence[Route]) -> None:
        """Let destinations that refuse the sender be tried once: its credentials may be new.

        Raises:
            StoreError: The store failed.
        """

        def work(db: sa.Connection) -> None:
            for route in sorted(routes, key=lambda route: route.name):
                now, destination = _locked(db, route)
                if (again := restarted(destination, now)) != destination:
                    _save(db, route, again)

        await self._store.write(work)

    def _digest(self, db: sa.Connection, route: Route) -> Any:
        """Put what waits into one digest; the digest's row, locked, or None when too little can be put together."""
        rows = deliveries.lock_for_digest(db, route.name, KINDS, DIGEST_MOST)
        items: dict[int, Notification] = {}
        for row in rows:
            try:
                items[row.id] = decode(row.body)
            except ValueError:
                continue  # a newer version's; what it alone can read stays single
        if len(items) <= route.digest_after:
            return None
        digest = digest_notification(tuple(items.values()), now=time.time())
        deliveries.put_into_digest(db, digest, route.name, tuple(items), route.give_up_after)
        return deliveries.next_due(db, route.name, KINDS, [digest.id])

    def _complete(self, db: sa.Connection, route: Route, told: Notification) -> Notification:
        """Add what is found out anew for each attempt."""
        if told.kind is NotificationKind.DIGEST:
            return replace(told, items=tuple(replace(item, ack_url=self._ack_url(item)) for item in told.items))
        incident = told.incident
        if incident is None:
            return told
        first = told.kind is NotificationKind.OPENED
        return replace(
            told,
            thread="" if first else deliveries.thread_of(db, incident.id, route.name),
            ack_url=self._ack_url(told),
            picture=picture_of(db, incident.id) if self._pictures else None,
        )


def _is_stuck(claim: Claim, failure: Failure, destination: Destination) -> bool:
    """Whether it fails again and again while others are taken."""
    return claim.attempt >= DIGEST_ATTEMPTS and not destination.open and not failure.refused


def _locked(db: sa.Connection, route: Route) -> tuple[float, Destination]:
    locked = destinations.lock(db, route.name, route.burst)
    return locked.now, Destination.stored(locked.values)


def _save(db: sa.Connection, route: Route, destination: Destination) -> None:
    destinations.save(db, route.name, asdict(destination))


def _told(route: Route, claim: Claim, status: DeliveryStatus, now: float, detail: str = "") -> list[Delivery]:
    return [
        Delivery(
            notification_id=member.notification_id,
            call_id=member.call_id,
            notifier=route.name,
            status=status,
            at=now,
            seconds=max(0.0, now - member.created_at),
            attempts=claim.attempt,
            detail=detail,
        )
        for member in claim.members
    ]


__all__ = ["DIGEST_MOST", "KINDS", "LEASE_MARGIN", "Outbox"]
