"""The page on which an alert is acknowledged by link: GET shows it and changes nothing, POST acknowledges."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from deepguard.errors import StoreError
from deepguard.notify.links import PATH
from deepguard.runtime import Runtime
from deepguard.server.acknowledge_page import CONTENT_SECURITY_POLICY, NOT_FOUND, STORE_DOWN, incident_page
from deepguard.store import incidents
from deepguard.store.incidents import StoredIncident

MAX_FORM = 4096
"""Bytes of the form: one name."""
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
            return told(await found(incident_id))
        except StoreError:
            return _page(STORE_DOWN, 503)

    @router.post("/{incident_id}")
    async def acknowledge(request: Request, incident_id: str) -> HTMLResponse:
        name = await _name(request)
        if not allowed(request, incident_id):
            return _page(NOT_FOUND, 404)
        try:
            await runtime.dispatcher.acknowledge(incident_id, name)
            return told(await found(incident_id))
        except StoreError:
            return _page(STORE_DOWN, 503)

    def allowed(request: Request, incident_id: str) -> bool:
        # Before the store is asked: a wrong link learns nothing, not even from how long the answer takes.
        return runtime.links.is_right(incident_id, request.query_params.get("t", ""))

    async def found(incident_id: str) -> StoredIncident | None:
        stored = await runtime.store.read(lambda db: incidents.find(db, ids=[incident_id]))
        return stored[0] if stored else None

    def told(stored: StoredIncident | None) -> HTMLResponse:
        return _page(NOT_FOUND, 404) if stored is None else _page(incident_page(stored), 200)

    return router


def _page(text: str, status: int) -> HTMLResponse:
    return HTMLResponse(text, status, HEADERS)


async def _name(request: Request) -> str:
    """The name in a form; empty when there is none.

    Raises:
        HTTPException: The form is too large.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            raise HTTPException(413, f"The form is larger than {MAX_FORM} bytes.")
    try:
        fields = parse_qsl(body.decode("ascii", "replace"), errors="replace", max_num_fields=10)
    except ValueError:
        return ""
    return dict(fields).get("name", "")


__all__ = ["acknowledge_router"]
