"""Somebody takes an incident over: it is written down, told, and repeated no more; it stays open."""

from __future__ import annotations

import sqlalchemy as sa

from deepguard.model import NotificationKind
from deepguard.notify.planning import Planner
from deepguard.policy.incidents import incident_notification
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

    def work(db: sa.Connection) -> tuple[StoredIncident | None, bool]:
        stored = incidents.acknowledge(db, incident_id, name)
        if stored is None:
            found = incidents.find(db, ids=[incident_id])
            return (found[0] if found else None), False
        told = incident_notification(
            stored.incident, NotificationKind.ACKNOWLEDGED, detector=stored.detector, simulated=stored.simulated
        )
        planned = planner.plan(Entry(call_id=stored.incident.call_id, notifications=(told,)))
        deliveries.add(db, planned.outgoing)
        return stored, True

    return await store.write(work)


__all__ = ["acknowledge"]
