"""How calls are started and negotiated: ``/start``, ``/api/offer``, ``/sessions/{id}/api/offer``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp
from fastapi import APIRouter, HTTPException
from loguru import logger
from pipecat.transports.smallwebrtc.connection import IceServer, SmallWebRTCConnection

from deepguard.call import GuardedCall
from deepguard.guard.calls import new_call
from deepguard.pipeline.receive.connection import ReceiveOnlyConnection
from deepguard.runtime import Runtime
from deepguard.server.bodies import Candidate, Candidates, Offer, Start
from deepguard.server.sessions import Session, Sessions

MAX_OFFERS = 100
"""Negotiations of one session: renegotiating for ever would cost memory."""

MAX_SESSION_CANDIDATES = 256
"""ICE candidates of one peer connection: each is checked against each of the server's own."""

MAX_MEDIA = 16
"""Media sections of an offer; a call has three and a data channel."""

OVER = "This call is over; start a new one with POST /start."
FULL = "The server takes no more calls now; try again later."


def offers_router(runtime: Runtime, sessions: Sessions, *, playground: bool) -> APIRouter:
    """The routes by which calls are started.

    Args:
        runtime: What all calls share.
        sessions: Where sessions are kept.
        playground: Whether the playground's page is served; its own calls get in-call messages.
    """
    router = APIRouter()
    ice_servers = [IceServer(urls=url) for url in runtime.config.server.ice_servers]

    @router.post("/start")
    async def start(start: Start) -> dict[str, Any]:
        session = sessions.create(start.body)
        if session is None:
            raise HTTPException(503, FULL)
        servers = [{"urls": [url]} for url in runtime.config.server.ice_servers]
        return {"sessionId": session.id, **({"iceConfig": {"iceServers": servers}} if servers else {})}

    @router.post("/api/offer")
    async def offer_without_session(offer: Offer) -> dict[str, str]:
        check_sdp(offer.sdp)
        if offer.pc_id:
            session = sessions.of_connection(offer.pc_id)
            if session is None:
                raise HTTPException(404, "There is no such connection; send the first offer without pc_id.")
        else:
            session = sessions.create(offer.request_data or {})
        if session is None:
            raise HTTPException(503, FULL)
        return await negotiate(session, offer)

    @router.post("/sessions/{session_id}/api/offer")
    async def offer_of_session(session_id: str, offer: Offer) -> dict[str, str]:
        session = known(session_id)
        check_sdp(offer.sdp)
        return await negotiate(session, offer)

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
        # One at a time: of two first offers at once, each would begin a call.
        async with session.negotiating:
            if session.ended_at is not None:
                raise HTTPException(410, OVER)
            if session.connection is None and offer.pc_id:
                raise HTTPException(404, "There is no such connection; send the first offer without pc_id.")
            if session.connection is not None and offer.pc_id != session.pc_id:
                raise HTTPException(409, "This session already has a connection; renegotiate it with its pc_id.")
            session.offers += 1
            if session.offers > MAX_OFFERS:
                raise HTTPException(429, "This session was negotiated too often; start a new one.")
            if session.call is None or session.connection is None:
                connection = await connect(session, offer)
            else:
                connection = await renegotiate(session.call, session.connection, offer)
                if offer.restart_pc:
                    session.candidates = 0
            answer = connection.get_answer()
            if answer is None:
                raise HTTPException(500, "The offer could not be answered; the server's log says why.")
            session.pc_id = answer["pc_id"]
            return answer

    async def connect(session: Session, offer: Offer) -> SmallWebRTCConnection:
        if sessions.full:
            raise HTTPException(503, FULL)
        session.connecting = True
        connection = ReceiveOnlyConnection(ice_servers)
        try:
            with refusing_sdp():
                await connection.initialize(offer.sdp, offer.type)
            if sessions.stopping:
                raise HTTPException(503, FULL)
            call = new_call(session.id, {**session.metadata, **(offer.request_data or {})})
            in_call_messages = (playground and session.playground) or runtime.config.in_call.messages == "participant"
            sessions.run(session, GuardedCall(runtime, connection, call, in_call_messages=in_call_messages), connection)
        finally:
            session.connecting = False
            if session.call is None:
                # Half negotiated it holds sockets already.
                await connection.disconnect()
        return connection

    async def renegotiate(call: GuardedCall, connection: SmallWebRTCConnection, offer: Offer) -> SmallWebRTCConnection:
        if offer.restart_pc:
            call.reconnecting()
        with refusing_sdp():
            await connection.renegotiate(offer.sdp, offer.type, restart_pc=offer.restart_pc or False)
        if call.over:
            # A restart makes a new peer connection, which the end of the call did not know of.
            await connection.disconnect()
            raise HTTPException(410, OVER)
        return connection

    async def add_candidates(session: Session, candidates: Candidates) -> dict[str, str]:
        async with session.negotiating:
            connection = session.connection
            if connection is None or candidates.pc_id != session.pc_id:
                raise HTTPException(404, "There is no such connection.")
            session.candidates += len(candidates.candidates)
            if session.candidates > MAX_SESSION_CANDIDATES:
                raise HTTPException(429, "This connection has too many candidates.")
            try:
                for one in candidates.candidates:
                    await connection.add_ice_candidate(_candidate(one))
            except Exception as error:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
                logger.warning("A candidate could not be used: {}", type(error).__name__)
                raise HTTPException(400, "A candidate cannot be read.") from None
        return {"status": "success"}

    return router


def _candidate(said: Candidate) -> RTCIceCandidate | None:
    """A candidate as aiortc takes it; None says that there are no more."""
    if not said.candidate:
        return None
    candidate = candidate_from_sdp(said.candidate.removeprefix("candidate:"))
    candidate.sdpMid, candidate.sdpMLineIndex = said.sdp_mid, said.sdp_mline_index
    return candidate


@contextmanager
def refusing_sdp() -> Iterator[None]:
    """Turn whatever an offer makes aiortc raise into an answer 400; the log gets no word of the offer."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
        logger.warning("An offer could not be answered: {}", type(error).__name__)
        raise HTTPException(400, "The offer's SDP cannot be answered.") from None


def check_sdp(sdp: str) -> None:
    """See that an offer is SDP with something to receive, before a peer connection is made for it.

    Raises:
        HTTPException: 400, saying what is wrong.
    """
    # Counted before they are parsed: each takes time and memory of the event loop that carries all calls.
    if sdp.count("\nm=") > MAX_MEDIA or sdp.count("a=candidate:") > MAX_SESSION_CANDIDATES:
        raise HTTPException(400, "The offer has too many media or candidates.")
    try:
        parsed = SessionDescription.parse(sdp)
    except Exception:  # noqa: BLE001 - aiortc raises whatever its parsing stumbles over
        raise HTTPException(400, "The offer's sdp is not a session description (SDP).") from None
    if not any(media.kind in ("audio", "video") for media in parsed.media):
        raise HTTPException(400, "The offer has neither audio nor video.")
