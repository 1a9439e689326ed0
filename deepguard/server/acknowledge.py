"""The page on which an alert is acknowledged by link: GET shows it and changes nothing, POST acknowledges or labels."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qsl

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from deepguard.errors import StoreError
from deepguard.model import Label, Labelled
from deepguard.notify.acknowledging import LONGEST_NAME
from deepguard.notify.links import PATH
from deepguard.runtime import Runtime
from deepguard.server.acknowledge_page import CONTENT_SECURITY_POLICY, NOT_FOUND, STORE_DOWN, incident_page
from deepguard.store import incidents, labels
from deepguard.store.incidents import StoredIncident
from deepguard.text import one_line

MAX_FORM = 4096
"""Bytes of the form: one name, and what was found out."""
FOUND_OUT = {one.value: one for one in (Label.CONFIRMED, Label.FALSE_POSITIVE)}
"""What may be said of an incident."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def acknowledge_router(runtime: Runtime) -> APIRouter:
    """The routes of the page. Knowing a link is the right to see its incident and to acknowledge it.

    Args:
        runtime: What all calls share.
    """
    router = APIRouter(prefix=PATH.rstrip("/"), include_in_schema=False)

    @router.get("/{incident_id}")
    async def show(request: Request, incident_id: str) -> HTMLResponse:
        if not allowed(request, incident_id):
            return _page(NOT_FOUND, 404)
        try:
            return await told(incident_id)
        except StoreError:
            return _page(STORE_DOWN, 503)

    @router.post("/{incident_id}")
    async def change(request: Request, incident_id: str) -> HTMLResponse:
        form = await _form(request)
        if not allowed(request, incident_id):
            return _page(NOT_FOUND, 404)
        name = form.get("name", "")
        try:
            if "label" not in form:
                await runtime.dispatcher.acknowledge(incident_id, name)
            elif (label := FOUND_OUT.get(form["label"])) is not None:
                await say(incident_id, label, one_line(name, LONGEST_NAME) or "somebody")
            return await told(incident_id)
        except StoreError:
            return _page(STORE_DOWN, 503)

    def allowed(request: Request, incident_id: str) -> bool:
        # Before the store is asked: a wrong link learns nothing, not even from how long the answer takes.
        return runtime.links.is_right(incident_id, request.query_params.get("t", ""))

    async def say(incident_id: str, label: Label, by: str) -> None:
        def work(db: sa.Connection) -> None:
            for stored in incidents.find(db, ids=[incident_id]):
                about = stored.incident
                labels.label(db, Labelled(about.call_id, about.participant_id, label, time.time(), by, incident_id))

        await runtime.store.write(work)

    async def told(incident_id: str) -> HTMLResponse:
        def work(db: sa.Connection) -> tuple[StoredIncident, Labelled | None] | None:
            for stored in incidents.find(db, ids=[incident_id]):
                return stored, labels.of_incident(db, incident_id)
            return None

        found = await runtime.store.read(work)
        return _page(NOT_FOUND, 404) if found is None else _page(incident_page(*found), 200)

    return router


def _page(text: str, status: int) -> HTMLResponse:
    return HTMLResponse(text, status, HEADERS)


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form; none when it is no form.

    Raises:
        HTTPException: The form is too large.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            raise HTTPException(413, f"The form is larger than {MAX_FORM} bytes.")
    try:
        # An empty field too: to say nothing of the alert is not to acknowledge it.
        fields = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, errors="replace", max_num_fields=10)
    except ValueError:
        return {}
    return dict(fields)


__all__ = ["acknowledge_router"]
