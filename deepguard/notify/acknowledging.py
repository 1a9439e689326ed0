"""Somebody takes an incident over: it is written down, told, and repeated no more; it stays open."""

from __future__ import annotations

import time
from dataclasses import replace

import sqlalchemy as sa

from deepguard.model import NotificationKind
from deepguard.notify.planning import Planner
from deepguard.policy.notifications import incident_notification
from deepguard.store import deliveries, incidents
from deepguard.store.entry import Entry
from deepguard.store.incidents import StoredIncident
from deepguard.store.store import Store
from deepguard.text import one_line

LONGEST_NAME = 80


async def acknowledge(store: Store, planner: Planner, incident_id: str, by: str) -> tuple[StoredIncident | None, bool]:
    """Acknowledge an incident, and tell whoever wants to know.

    Args:
        store: An open store.
        planner: Who is told.
        incident_id: Which.
        by: Who acknowledges; untrusted text.

    Returns:
        The incident, None when there is none; and whether this was news.

    Raises:
        StoreError: The store failed; nothing was changed.
    """
    name = one_line(by, LONGEST_NAME) or "somebody"
    found = await store.read(lambda db: incidents.find(db, ids=[incident_id]))
    if not found:
        return None, False
    before = found[0]
    if before.incident.acknowledged_at is not None or before.incident.resolved_at is not None:
        return before, False
    now = time.time()
    told = incident_notification(
        replace(before.incident, acknowledged_at=now, acknowledged_by=name, updated_at=now),
        NotificationKind.ACKNOWLEDGED,
        detector=before.detector,
        simulated=before.simulated,
    )
    # Planned here, not in the transaction: hooks are called on the event loop only.
    planned = planner.plan(Entry(call_id=before.incident.call_id, notifications=(told,)))

    def work(db: sa.Connection) -> StoredIncident | None:
        stored = incidents.acknowledge(db, incident_id, name)
        if stored is not None:
            deliveries.add(db, planned.outgoing)
        return stored

    stored = await store.write(work)
    return stored or before, stored is not None


__all__ = ["acknowledge"]
