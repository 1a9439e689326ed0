"""What the page's person says of an alert of their own call: that it was right, or a false positive."""

from __future__ import annotations

import asyncio
import contextlib
import time

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException

from deepguard.errors import StoreError
from deepguard.model import Label, Labelled
from deepguard.runtime import Runtime
from deepguard.server.bodies import LabelChange
from deepguard.server.sessions import Sessions
from deepguard.store import incidents, labels

BY = "page"
"""Who labels, as the store is told: whoever has the session's id, and gives no name."""
WRITTEN_SECONDS = 2.0
"""How long an answer waits for an incident that is on its way into the store."""


def labels_router(runtime: Runtime, sessions: Sessions) -> APIRouter:
    """The route behind the page's buttons. Knowing a session is the right to label the incidents of its call.

    Args:
        runtime: What all calls share.
        sessions: Where sessions are kept; also for some time after their call.
    """
    router = APIRouter()

    @router.post("/sessions/{session_id}/incidents/{incident_id}/label")
    async def label(session_id: str, incident_id: str, change: LabelChange) -> dict[str, str]:
        session = sessions.get(session_id)
        if session is None or session.call is None:
            raise HTTPException(404, "There is no such call, or it ended too long ago: `deepguard label` still can.")
        call_id = session.call.guard.call.id
        try:
            await say(call_id, incident_id, Label(change.label))
        except StoreError:
            raise HTTPException(503, "The store takes nothing now: nothing was saved. Try again later.") from None
        return {"label": change.label}

    async def say(call_id: str, incident_id: str, found_out: Label) -> None:
        """Write it down, also of an incident that was opened a moment ago.

        Raises:
            HTTPException: The call has no such incident, or it is not in the store yet.
            StoreError: The store failed.
        """

        def work(db: sa.Connection) -> bool:
            for stored in incidents.find(db, ids=[incident_id], call_ids=[call_id]):
                about = stored.incident
                labels.label(db, Labelled(call_id, about.participant_id, found_out, time.time(), BY, about.id))
                return True
            return False

        if await runtime.store.write(work):
            return
        in_time = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WRITTEN_SECONDS):
                await runtime.dispatcher.journal.flushed()
                in_time = True
        if await runtime.store.write(work):
            return
        if in_time:
            raise HTTPException(404, "There is no such alert in this call.")
        raise HTTPException(409, "The store has not taken this alert yet. Try again in a moment.")

    return router


__all__ = ["labels_router"]
