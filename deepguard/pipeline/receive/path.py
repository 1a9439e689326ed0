"""The way of a call's media from its WebRTC connection to its guard, past the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from aiortc import RTCPeerConnection
from loguru import logger
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection, SmallWebRTCTrack

from deepguard.guard.guard import Guard
from deepguard.guard.tasks import end_tasks, next_beat
from deepguard.guard.track import PictureTrack, SoundTrack
from deepguard.model import Source
from deepguard.pipeline.receive.abilities import abilities
from deepguard.pipeline.receive.counts import Fallback, ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.decoded import take_pictures, take_sound
from deepguard.pipeline.receive.microphone import Microphone
from deepguard.pipeline.tracks import ORDER, track_id_of, track_of

if TYPE_CHECKING:
    from deepguard.pipeline.receive.gate import Gate
    from deepguard.pipeline.receive.gates import Gates

LOOK_SECONDS = 0.5
"""So often it is looked whether a track lives of which nothing is let through, and whether tracks were added."""


class ReceivePath:
    """Takes the media of one call to its guard, and as little of it as the guard can do with.

    Attributes:
        level: Where what is not needed is dropped; None before the connection is there.
    """

    def __init__(
        self,
        guard: Guard,
        participant_id: str,
        connection: SmallWebRTCConnection,
        *,
        sources: Collection[Source] = (Source.CAMERA, Source.MICROPHONE),
        counts: ReceiveCounts | None = None,
        decode_all: bool = False,
        media_timeout: float = 3.0,
        most: ReceiveLevel = ReceiveLevel.KERNEL,
    ) -> None:
        """Prepare; ``attach`` begins.

        Args:
            guard: The call's guard; started and stopped by somebody else.
            participant_id: Whose connection it is.
            connection: The connection. Nobody else may read the tracks of ``sources``.
            sources: Which tracks to take.
            counts: What is counted; default: counts of its own.
            decode_all: Whether all of the pictures are to be decoded, whatever it costs.
            media_timeout: Seconds without packets after which a track counts as off.
            most: The earliest level that is tried.
        """
        self.level: ReceiveLevel | None = None
        self._guard = guard
        self._participant_id = participant_id
        self._connection = connection
        self._sources = frozenset(sources)
        self._counts = counts or ReceiveCounts()
        self._decode_all = decode_all
        self._patience = media_timeout / 3
        self._most = most
        self._gates: Gates | None = None
        self._closed = False
        self._changing = asyncio.Lock()
        self._tracks = 0
        self._failed: set[Source] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._followed: dict[Source, PictureTrack | SoundTrack] = {}
        # What the tracks were taken by.
        self._pc: RTCPeerConnection | None = None
        self._answer: dict[str, str] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def attach(self) -> None:
        """Take the tracks that the connection has now; those that it had before are let go.

        Called when it is connected, and when it was connected anew; once it was closed, nothing is taken any more.
        """
        await self._attach(follows_on=False)

    async def _attach(self, *, follows_on: bool) -> None:
        """Take the tracks that there are; whether the guard goes on with those that it follows, or begins anew."""
        # One at a time, and what is taken in one go: whatever there is has an owner who ends it.
        async with self._changing:
            await self._let_go()
            if not follows_on:
                self._followed.clear()
            if not self._closed:
                self._take_all()

    def _find(self) -> dict[Source, SmallWebRTCTrack]:
        return {
            source: track
            for source in ORDER
            if source in self._sources and (track := track_of(self._connection, source))
        }

    def _take_all(self) -> None:
        self._failed.clear()
        found = self._find()
        pc = self._pc = self._connection.pc
        self._answer = self._connection.get_answer()
        missing = abilities().missing_receiver
        if self._most is ReceiveLevel.DECODED or missing:
            if missing:
                logger.warning(
                    "This version of aiortc is not the one that deepguard knows ({}): everything is decoded",
                    ", ".join(missing),
                )
                self._counts.fallbacks[Fallback.INTERNALS] += len(found)
            for source, received in found.items():
                self._take_decoded(source, received)
            self._count(ReceiveLevel.DECODED, len(found))
            self._run_look(None, [])
        else:
            self._take_encoded(pc, found)
        logger.bind(call=self._guard.call.id).info(
            "Call {}: {} received, what is not needed is dropped at level {}",
            self._guard.call.id,
            ", ".join(found) or "nothing",
            self.level,
        )

    async def close(self) -> None:
        """Let go of everything for good; the connection is somebody else's to close."""
        self._closed = True
        if self._renewing is not None:
            await asyncio.wait({self._renewing})
        async with self._changing:
            await self._let_go()

    async def _let_go(self) -> None:
        if self.level is not None:
            self._count(self.level, 0)
        gates, self._gates = self._gates, None
        tasks, self._tasks = self._tasks, []
        await end_tasks(tasks)
        if gates is not None:
            gates.take_down()

    def _count(self, level: ReceiveLevel, tracks: int) -> None:
        if self.level is not None:
            self._counts.tracks[self.level] -= self._tracks
        self.level, self._tracks = level, tracks
        self._counts.tracks[level] += tracks

    def _take_decoded(self, source: Source, received: SmallWebRTCTrack) -> None:
        track = self._follow(source)
        if track is not None:
            self._followed[source] = track
        if isinstance(track, PictureTrack):
            taken = take_pictures(received, self._participant_id, track, self._guard.media, self._counts)
            self._run(taken, source)
        elif isinstance(track, SoundTrack):
            microphone = Microphone(self._participant_id, track, self._guard.media, None, counts=self._counts)
            self._run(take_sound(received, microphone), source)
            self._run(microphone.run(), source)

    def _take_encoded(self, pc: RTCPeerConnection, found: dict[Source, SmallWebRTCTrack]) -> None:
        # Only now that it is known that it can be imported.
        from deepguard.pipeline.receive.encoded import take_encoded

        tracks = {source: track for source in found if (track := self._follow(source)) is not None}
        taken = take_encoded(
            pc,
            self._participant_id,
            tracks,
            self._guard.media,
            counts=self._counts,
            decode_all=self._decode_all,
            patience=self._patience,
            most=self._most,
        )
        gates = self._gates = taken.gates
        for source, work in taken.work:
            self._followed[source] = tracks[source]
            self._run(work, source)
        self._count(gates.level, len(taken.work))
        self._run_look(gates, taken.followed)

    def _run_look(self, gates: Gates | None, followed: list[tuple[Gate, PictureTrack | SoundTrack]]) -> None:
        looking = self._look_again_and_again(gates, followed)
        self._tasks.append(asyncio.create_task(looking, name="deepguard-receive-look"))

    async def _look_again_and_again(
        self, gates: Gates | None, followed: list[tuple[Gate, PictureTrack | SoundTrack]]
    ) -> None:
        failed = False
        while True:
            await next_beat(min(LOOK_SECONDS, self._patience / 2))
            try:
                if gates is not None:
                    self._look(gates, followed)
                    await gates.report()
                self._look_for_new_tracks()
            except Exception as error:  # noqa: BLE001 - tracks of which nothing is let through would count as off
                if not failed:
                    self._log_error("looking after what is received failed", error)
                failed = True

    def _look_for_new_tracks(self) -> None:
        """Take what another negotiation of the same connection brought, a screen perhaps."""
        if self._connection.pc is not self._pc or (answer := self._connection.get_answer()) == self._answer:
            return  # one that was made anew is attached to once it is connected
        self._answer = answer
        if self._find().keys() - self._followed.keys() and (self._renewing is None or self._renewing.done()):
            # Not from here: this task ends with what there is now.
            self._renewing = asyncio.create_task(self._attach(follows_on=True), name="deepguard-receive-attach")
            self._renewing.add_done_callback(self._on_renewed)

    def _on_renewed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log_error("tracks were added, and nothing is received any more", error)

    def _look(self, gates: Gates, followed: list[tuple[Gate, PictureTrack | SoundTrack]]) -> None:
        gates.look()
        if gates.level is not self.level:
            self._count(gates.level, self._tracks)
        for gate, track in followed:
            # Nobody looks at one whose work failed: its packets are no media of anybody who is watched.
            if gate.last_seen and gate.source not in self._failed:
                track.facts.last_media = gate.last_seen

    def _follow(self, source: Source) -> PictureTrack | SoundTrack | None:
        known = self._followed.get(source)
        if known is not None:
            if isinstance(known, SoundTrack):
                known.cutter.reset()  # what was being said does not go on: some of it was not heard
            return known
        # Expected from now on: a camera that never sends anything is blind, not absent.
        track = self._guard.media.expect(self._participant_id, source, track_id_of(self._connection, source))
        return track if isinstance(track, (PictureTrack, SoundTrack)) else None

    def _run(self, work: Coroutine[Any, Any, None], source: Source) -> None:
        task = asyncio.create_task(work, name=f"deepguard-receive-{source}-{self._guard.call.id}")
        task.add_done_callback(partial(self._on_done, source))
        self._tasks.append(task)

    def _on_done(self, source: Source, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.add(source)
            self._log_error("a track is received no more", error)

    def _log_error(self, what: str, error: BaseException) -> None:
        call_id = self._guard.call.id
        logger.bind(call=call_id).opt(exception=error).error("Call {}: {}", call_id, what)


__all__ = ["ReceivePath"]
