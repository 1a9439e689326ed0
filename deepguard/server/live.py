"""The live stream over Server-Sent Events, and the sampling parameters that may be changed while it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from annotated_types import Ge, Gt, Le
from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError

from deepguard import __version__
from deepguard.config.models import AudioParams, VideoParams
from deepguard.guard.events import sampling_dict
from deepguard.guard.guard import Guard
from deepguard.notify.dispatcher import Dispatcher
from deepguard.notify.health import DestinationHealth
from deepguard.runtime import Runtime
from deepguard.server.bodies import SamplingChange, problems
from deepguard.server.readiness import store_dict
from deepguard.server.sessions import Sessions
from deepguard.store.upkeep import Backlog
from deepguard.text import one_line

MAX_READERS = 16
"""Live streams of one call at once."""

HEARTBEAT_SECONDS = 15.0
"""An idle stream says something this often, so that proxies keep it open and a dead reader is noticed."""


def live_router(runtime: Runtime, sessions: Sessions) -> APIRouter:
    """The routes that the playground's page lives on.

    Args:
        runtime: What all calls share.
        sessions: Where sessions are kept.
    """
    router = APIRouter()

    @router.get("/api/info")
    async def info() -> dict[str, Any]:
        config = runtime.config
        return {
            "version": __version__,
            "detector": runtime.detector_info,
            "sampling": sampling_dict(config.video, config.audio),
            "limits": _limits("video", VideoParams, ("burst_fps", "normal_fps", "quality"))
            | _limits("audio", AudioParams, ("interval", "burst_interval")),
            "ice_servers": [{"urls": [url]} for url in config.server.ice_servers],
            "notifiers": [entry.name for entry in config.notifiers],
        }

    @router.get("/api/alerts")
    async def alerts() -> dict[str, Any]:
        return {"store": store_dict(runtime), "notifiers": notifiers_list(runtime.dispatcher)}

    @router.get("/sessions/{session_id}/events")
    async def live_events(session_id: str) -> StreamingResponse:
        guard = guard_of(session_id)
        if guard.live.readers >= MAX_READERS:
            raise HTTPException(429, "This call is watched by too many already.")
        return StreamingResponse(
            stream(guard),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.patch("/sessions/{session_id}/sampling")
    async def change_sampling(session_id: str, change: SamplingChange) -> dict[str, Any]:
        guard = guard_of(session_id)
        try:
            video, audio = change.apply(*guard.sampling)
        except ValidationError as error:
            raise HTTPException(422, problems(error.errors(include_input=False))) from None
        guard.update_sampling(video, audio)
        return sampling_dict(video, audio)

    def guard_of(session_id: str) -> Guard:
        session = sessions.get(session_id)
        if session is None or session.call is None:
            raise HTTPException(404, "There is no such call.")
        return session.call.guard

    return router


def notifiers_list(dispatcher: Dispatcher) -> list[dict[str, Any]]:
    """How alerts fare at each notifier, of all calls and hosts.

    Args:
        dispatcher: The way to the notifiers.
    """
    backlogs, destinations = dispatcher.backlogs, dispatcher.destinations
    notifiers = []
    for name in sorted({*dispatcher.planner.routes, *backlogs}):
        backlog, health = backlogs.get(name, Backlog()), destinations.get(name, DestinationHealth())
        # Whoever has never been tried, or is not tried any more, is only worth a word when something waits for it.
        blocked = health.blocked and backlog.waiting > 0
        notifiers.append(
            {
                "name": name,
                "waiting": backlog.waiting,
                "dead": backlog.dead,
                "blocked": blocked,
                "detail": _why_blocked(health) if blocked else "",
            }
        )
    return notifiers


def _why_blocked(health: DestinationHealth) -> str:
    """Why a destination takes nothing and, where that is not soon, when it is asked again."""
    again = ""
    if health.disabled:
        again = "; it is asked again when deepguard starts"
    elif health.refused:
        again = "; it is asked again every few minutes"
    return f"{one_line(health.detail)}{again}"


async def stream(guard: Guard) -> AsyncIterator[str]:
    """A call's live stream as Server-Sent Events, until the call is over.

    Args:
        guard: The call's guard.
    """
    with guard.live.reader() as reader:
        events = reader.events()
        following = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=HEARTBEAT_SECONDS)
                if not done:
                    yield ": still here\n\n"
                    continue
                event = following.result()
                if event is None:
                    return
                yield f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
                following = asyncio.ensure_future(anext(events, None))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _limits(section: str, model: type[BaseModel], names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The ranges of some settings, for number fields; what is above 0 exclusively starts at 0.01."""
    limits: dict[str, dict[str, float]] = {}
    for name in names:
        bounds: dict[str, Any] = {}
        for bound in model.model_fields[name].metadata:
            match bound:
                case Ge(ge=low):
                    bounds["min"] = low
                case Gt():
                    bounds["min"] = 0.01
                case Le(le=high):
                    bounds["max"] = high
        limits[f"{section}.{name}"] = bounds
    return limits
