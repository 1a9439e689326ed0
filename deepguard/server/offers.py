"""How calls are started and negotiated: ``/start``, ``/api/offer``, ``/sessions/{id}/api/offer``."""

from __future__ import annotations

from typing import Any

from aiortc.sdp import SessionDescription
from fastapi import APIRouter, HTTPException
from loguru import logger
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.request_handler import (
    IceCandidate,
    SmallWebRTCPatchRequest,
    SmallWebRTCRequest,
    SmallWebRTCRequestHandler,
)

from deepguard.call import GuardedCall
from deepguard.guard.calls import new_call
from deepguard.runtime import Runtime
from deepguard.server.bodies import Candidates, Offer, Start
from deepguard.server.sessions import Session, Sessions

MAX_OFFERS = 100
"""Negotiations of one session: renegotiating for ever would cost memory."""

FULL = "The server takes no more calls now; try again later."


def offers_router(
    runtime: Runtime, sessions: Sessions, handler: SmallWebRTCRequestHandler, *, playground: bool
) -> APIRouter:
    """The routes by which calls are started.

    Args:
        runtime: What all calls share.
        sessions: Where sessions are kept.
        handler: Pipecat's handler of peer connections.
        playground: Whether the playground's page is served; its own calls get in-call messages.
    """
    router = APIRouter()

    @router.post("/start")
    async def start(start: Start) -> dict[str, Any]:
        session = sessions.create(start.body)
        if session is None:
            raise HTTPException(503, FULL)
        servers = [{"urls": [url]} for url in runtime.config.server.ice_servers]
        return {"sessionId": session.id, **({"iceConfig": {"iceServers": servers}} if servers else {})}

    @router.post("/api/offer")
    async def offer_without_session(offer: Offer) -> dict[str, str]:
        session = sessions.of_connection(offer.pc_id) if offer.pc_id else None
        if session is None:
            session = sessions.create(offer.request_data or {})
        if session is None:
            raise HTTPException(503, FULL)
        return await negotiate(session, offer)

    @router.post("/sessions/{session_id}/api/offer")
    async def offer_of_session(session_id: str, offer: Offer) -> dict[str, str]:
        return await negotiate(known(session_id), offer)

    @router.patch("/api/offer")
    async def candidates_without_session(candidates: Candidates) -> dict[str, str]:
        session = sessions.of_connection(candidates.pc_id)
        if session is None:
            raise HTTPException(404, "There is no such connection.")
        return await add_candidates(session, candidates)

    @router.patch("/sessions/{session_id}/api/offer")
    async def candidates_of_session(session_id: str, candidates: Candidates) -> dict[str, str]:
        return await add_candidates(known(session_id), candidates)

    def known(session_id: str) -> Session:
        session = sessions.get(session_id)
        if session is None:
            raise HTTPException(404, "There is no such session; start a new one with POST /start.")
        return session

    async def negotiate(session: Session, offer: Offer) -> dict[str, str]:
        if session.ended_at is not None:
            raise HTTPException(410, "This call is over; start a new one with POST /start.")
        if session.call is None and sessions.full:
            raise HTTPException(503, FULL)
        if session.call is not None and offer.pc_id != session.pc_id:
            raise HTTPException(409, "This session already has a connection; renegotiate it with its pc_id.")
        if session.call is None and offer.pc_id:
            raise HTTPException(404, "There is no such connection; send the first offer without pc_id.")
        session.offers += 1
        if session.offers > MAX_OFFERS:
            raise HTTPException(429, "This session was negotiated too often; start a new one.")
        check_sdp(offer.sdp)

        async def begin(connection: SmallWebRTCConnection) -> None:
            call = new_call(session.id, {**session.metadata, **(offer.request_data or {})})
            own_page = playground and session.metadata.get("playground") is True
            in_call_messages = own_page or runtime.config.in_call.messages == "participant"
            sessions.run(session, GuardedCall(runtime, connection, call, in_call_messages=in_call_messages))

        request = SmallWebRTCRequest(sdp=offer.sdp, type=offer.type, pc_id=offer.pc_id, restart_pc=offer.restart_pc)
        try:
            answer = await handler.handle_web_request(request, begin)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
            if session.call is None:
                sessions.discard(session)
            logger.warning("An offer could not be answered: {}", type(error).__name__)
            raise HTTPException(400, "The offer's SDP cannot be answered.") from None
        if answer is None or session.call is None:
            raise HTTPException(500, "The call could not be started; the server's log says why.")
        session.pc_id = answer["pc_id"]
        return answer

    async def add_candidates(session: Session, candidates: Candidates) -> dict[str, str]:
        if session.pc_id is None or candidates.pc_id != session.pc_id or session.ended_at is not None:
            raise HTTPException(404, "There is no such connection.")
        request = SmallWebRTCPatchRequest(
            pc_id=candidates.pc_id,
            candidates=[IceCandidate(one.candidate, one.sdp_mid, one.sdp_mline_index) for one in candidates.candidates],
        )
        try:
            await handler.handle_patch_request(request)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
            logger.warning("A candidate could not be used: {}", type(error).__name__)
            raise HTTPException(400, "A candidate cannot be read.") from None
        return {"status": "success"}

    return router


def check_sdp(sdp: str) -> None:
    """See that an offer is SDP with something to receive, before a peer connection is made for it.

    Raises:
        HTTPException: 400, saying what is wrong.
    """
    try:
        parsed = SessionDescription.parse(sdp)
    except Exception:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
        raise HTTPException(400, "The offer's sdp is not a session description (SDP).") from None
    if not any(media.kind in ("audio", "video") for media in parsed.media):
        raise HTTPException(400, "The offer has neither audio nor video.")
