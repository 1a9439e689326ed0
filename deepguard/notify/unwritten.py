"""Alerts that the store does not take: told all the same, out of memory, until it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepguard.model import Delivery, DeliveryStatus, Notification
from deepguard.notify.destination import LONGEST_BACKOFF, Destination, Draw, backoff, fresh, permit, succeeded
from deepguard.notify.journal import Journal, Key, key_of
from deepguard.notify.outbox import LEASE_MARGIN
from deepguard.notify.outcome import Failure, after
from deepguard.notify.route import Route
from deepguard.store.entry import Outgoing


class Unwritten:
    """One notifier's alerts that are in memory only.

    Nothing here outlives the process, and other hosts know nothing of it: breaker and rate are this process's own.
    """

    def __init__(self, route: Route, journal: Journal, draw: Draw, ack_url: Callable[[Notification], str]) -> None:
        """Take from a journal.

        Args:
            route: The notifier.
            journal: What waits for the store.
            draw: Draws waits.
            ack_url: Makes the page on which an incident can be acknowledged, once the store is back.
        """
        self._route = route
        self._journal = journal
        self._draw = draw
        self._ack_url = ack_url
        self._destination: Destination | None = None
        self._probe = False
        self._resting: dict[Key, float] = {}

    @property
    def journal_fails(self) -> bool:
        """Whether what happens cannot be written down at the moment."""
        return bool(self._journal.down)

    def claim(self) -> Outgoing | None:
        """The next alert that may be told now, if there is one."""
        now, route = time.time(), self._route
        # What failed lets others go first: it may be the only one that the destination does not take.
        self._resting = {key: until for key, until in self._resting.items() if until > now}
        found = self._journal.stranded(route.name, self._resting)
        if found is None:
            return None
        asked = permit(
            self._destination or fresh(route.burst, now),
            rate=route.rate,
            burst=route.burst,
            now=now,
            lease=route.timeout + LEASE_MARGIN,
        )
        self._destination, self._probe = asked.destination, asked.probe
        if not asked.go:
            return None
        return replace(found, notification=replace(found.notification, ack_url=self._ack_url(found.notification)))

    async def ended(self, outgoing: Outgoing, failure: Failure | None) -> Sequence[Delivery]:
        """Note how an attempt ended."""
        now = time.time()
        known = self._destination or fresh(self._route.burst, now)
        if failure is None:
            status, detail = DeliveryStatus.DELIVERED, ""
            self._destination = succeeded(known, probe=self._probe)
            await self._journal.told_without_store(outgoing)
        else:
            # Also what would be dead: the store, when it is back, tries it once more and keeps it to be seen.
            status, detail = DeliveryStatus.PENDING, failure.detail
            self._destination = after(known, failure, probe=self._probe, now=now, draw=self._draw)
            rest = backoff(self._destination.failures, self._draw) if failure.retryable else LONGEST_BACKOFF
            self._resting[key_of(outgoing)] = now + rest
        told = outgoing.notification
        return [
            Delivery(
                notification_id=told.id,
                call_id=told.call_id,
                notifier=outgoing.notifier,
                status=status,
                at=now,
                seconds=max(0.0, now - told.at),
                attempts=1,
                detail=detail,
            )
        ]


__all__ = ["Unwritten"]
