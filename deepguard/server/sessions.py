"""The sessions of a server: asked for, connected, ended; all bounded in number and in time."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from deepguard.call import SERVER_STOPPING, CallEnd, GuardedCall
from deepguard.guard.calls import short_texts

PENDING_SECONDS = 60.0
KEPT_SECONDS = 120.0
MAX_PENDING = 1000
MAX_ENDED = 200


@dataclass(slots=True, eq=False)
class Session:
    """One session.

    Attributes:
        id: Nobody can guess it: knowing it is the right to see and change the session.
        metadata: What whoever asked for it said: a few short texts.
        playground: Whether the playground's page asked for it.
        created_at: Monotonic seconds.
        negotiating: Held by the one offer or set of candidates that is worked on.
        connecting: Whether its first offer is being answered.
        call: Its call, once an offer was accepted.
        connection: The peer connection of its call.
        pc_id: The id of its peer connection, as the last answer told it.
        offers: How many offers it made.
        candidates: How many ICE candidates were added since the peer connection was made.
        task: Runs the call.
        ended_at: Monotonic seconds, once the call is over.
    """

    id: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    playground: bool = False
    created_at: float = field(default_factory=time.monotonic)
    negotiating: asyncio.Lock = field(default_factory=asyncio.Lock)
    connecting: bool = False
    call: GuardedCall | None = None
    connection: SmallWebRTCConnection | None = None
    pc_id: str | None = None
    offers: int = 0
    candidates: int = 0
    task: asyncio.Task[CallEnd] | None = None
    ended_at: float | None = None


class Sessions:
    """All sessions of a server.

    Attributes:
        stopping: Whether the server is being shut down and takes no more.
    """

    def __init__(self, max_calls: int) -> None:
        """Start empty.

        Args:
            max_calls: Calls at once.
        """
        self.stopping = False
        self._max_calls = max_calls
        self._sessions: dict[str, Session] = {}

    @property
    def calls(self) -> int:
        """How many calls are going on, or about to begin."""
        return sum(
            1
            for session in self._sessions.values()
            if session.connecting or (session.task is not None and session.ended_at is None)
        )

    @property
    def full(self) -> bool:
        """Whether no further call can begin now."""
        return self.stopping or self.calls >= self._max_calls

    def create(self, metadata: Mapping[str, Any]) -> Session | None:
        """A new session; None when the server can take no more.

        Args:
            metadata: What whoever asks for it says.
        """
        self._forget_old()
        if self.full:
            return None
        self._make_room()
        session = Session(uuid.uuid4().hex, short_texts(metadata), metadata.get("playground") is True)
        self._sessions[session.id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """The session of an id."""
        self._forget_old()
        return self._sessions.get(session_id)

    def of_connection(self, pc_id: str) -> Session | None:
        """The session whose peer connection has this id."""
        return next((session for session in self._sessions.values() if session.pc_id == pc_id), None)

    def run(self, session: Session, call: GuardedCall, connection: SmallWebRTCConnection) -> None:
        """Begin a session's call, as a task of its own.

        Args:
            session: The session.
            call: Its call.
            connection: The call's peer connection.
        """
        session.call, session.connection = call, connection
        session.task = asyncio.create_task(call.run(), name=f"deepguard-call-{session.id}")

        def ended(_task: asyncio.Task[CallEnd]) -> None:
            session.ended_at = time.monotonic()
            session.connection = None

        session.task.add_done_callback(ended)

    async def close(self, seconds: float) -> None:
        """End every call, telling it why, and take no more.

        Args:
            seconds: How long calls may take to end before they are cut off.
        """
        self.stopping = True
        tasks = {session.task for session in self._sessions.values() if session.task and not session.task.done()}
        for session in self._sessions.values():
            if session.call is not None:
                session.call.end(SERVER_STOPPING)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _forget_old(self) -> None:
        now = time.monotonic()
        old = [
            session
            for session in self._sessions.values()
            if (_is_pending(session) and now - session.created_at > PENDING_SECONDS)
            or (session.ended_at is not None and now - session.ended_at > KEPT_SECONDS)
        ]
        for session in old:
            del self._sessions[session.id]

    def _make_room(self) -> None:
        """Forget the oldest of too many: a flood of new sessions must neither grow nor shut out the next caller."""
        pending = [session for session in self._sessions.values() if _is_pending(session)]
        ended = [session for session in self._sessions.values() if session.ended_at is not None]
        for session in pending[: max(0, len(pending) - MAX_PENDING + 1)] + ended[: max(0, len(ended) - MAX_ENDED)]:
            del self._sessions[session.id]


def _is_pending(session: Session) -> bool:
    return session.task is None and not session.connecting
