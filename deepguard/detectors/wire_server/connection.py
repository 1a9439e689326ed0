"""One client: its frames go to a detector of its own, and that detector's verdicts go back."""

from __future__ import annotations

import asyncio
import itertools
import time

from aiohttp import WSCloseCode, WSMsgType, web
from loguru import logger

from deepguard.contracts import Detector
from deepguard.detectors.dataspike.wire import Frame, Result, WireError, decode_frame, encode_result
from deepguard.errors import DetectorError
from deepguard.model import Call, Judgement, Sample, SampleEnded, SampleFormat, Source, Verdict

SEND_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MAX_PENDING = 64
"""Samples that a client may have unanswered at once."""

MAX_TRACKS = 64
MAX_ID_CHARACTERS = 256

JUDGED = frozenset({Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT})


class WireConnection:
    """Serves one WebSocket until either side ends it."""

    def __init__(self, name: str, ws: web.WebSocketResponse, request: web.Request, detector: Detector) -> None:
        """Prepare; nothing happens before ``run``.

        Args:
            name: Unique in this process; the call's id.
            ws: The WebSocket.
            request: The handshake that it came with.
            detector: Judges this connection's samples, and is opened and closed here.
        """
        self._name = name
        self._ws = ws
        self._request = request
        self._detector = detector
        self._numbers = itertools.count(1)
        self._sending = asyncio.Lock()
        self._pending: set[str] = set()
        self._tracks: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Judge frames until the connection ends."""
        try:
            await self._detector.open(Call(id=self._name, started_at=time.time()))
        except DetectorError as error:
            logger.error("{}: the detector cannot be opened: {}", self._name, error)
            await self.hang_up(WSCloseCode.INTERNAL_ERROR, "the detector cannot be opened")
            return
        logger.info("{}: connected", self._name)
        pump = asyncio.create_task(self._pump(), name=f"{self._name} verdicts")
        try:
            await self._read()
        except (ConnectionError, TimeoutError):
            pass  # The client is gone, or takes nothing any more.
        finally:
            await self._end(pump)
            logger.info("{}: disconnected", self._name)

    async def hang_up(self, code: int, reason: str) -> None:
        """Close the connection, within a bounded time whatever the client does."""
        # A task, as aiohttp may end it as cancelled when nobody cancelled it.
        closing = asyncio.create_task(self._ws.close(code=code, message=reason.encode()))
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        transport = self._request.transport
        # A transport with unsent data would keep its socket until a client that stopped reading reads again.
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()

    async def _end(self, pump: asyncio.Task[None]) -> None:
        closing = asyncio.create_task(self._detector.close(), name=f"{self._name} close detector")
        _, late = await asyncio.wait({closing, pump}, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
        failure, _ = await asyncio.gather(closing, pump, return_exceptions=True)
        if failure is not None:
            logger.warning("{}: the detector {} did not close", self._name, self._detector.name)
        await self.hang_up(WSCloseCode.OK, "")

    async def _read(self) -> None:
        async for message in self._ws:
            if message.type is not WSMsgType.BINARY:
                await self.hang_up(WSCloseCode.UNSUPPORTED_DATA, "binary messages only")
                return
            try:
                frame = decode_frame(message.data)
            except WireError as error:
                await self.hang_up(WSCloseCode.INVALID_TEXT, str(error))
                return
            if len(frame.participant_id) > MAX_ID_CHARACTERS or len(frame.track_id) > MAX_ID_CHARACTERS:
                await self.hang_up(WSCloseCode.INVALID_TEXT, "an id is too long")
                return
            problem = self._problem_with(frame)
            if problem:
                await self._send(Result(frame.participant_id, frame.track_id, Judgement.ERROR, problem))
            else:
                self._submit(frame)

    def _problem_with(self, frame: Frame) -> str:
        track = (frame.participant_id, frame.track_id)
        if track not in self._tracks and len(self._tracks) >= MAX_TRACKS:
            return "too many tracks on one connection"
        self._tracks.add(track)
        if not frame.data:
            return "the frame is empty"
        if frame.format not in self._detector.formats:
            return f"this detector does not take {frame.format}"
        if len(self._pending) >= MAX_PENDING:
            return "too many frames at once"
        return ""

    def _submit(self, frame: Frame) -> None:
        sample = Sample(
            id=f"{self._name}-{next(self._numbers)}",
            call_id=self._name,
            participant_id=frame.participant_id,
            track_id=frame.track_id,
            source=Source.MICROPHONE if frame.format is SampleFormat.PCM else Source.CAMERA,
            format=frame.format,
            data=frame.data,
            captured_at=frame.captured_at,
        )
        self._pending.add(sample.id)
        self._detector.submit(sample)

    async def _pump(self) -> None:
        try:
            async for event in self._detector.events():
                match event:
                    case Verdict():
                        await self._send(result_of(event, self._detector))
                    case SampleEnded():
                        self._pending.discard(event.sample_id)
        except (ConnectionError, TimeoutError):
            await self.hang_up(WSCloseCode.GOING_AWAY, "verdicts are not taken")
        except Exception as error:  # noqa: BLE001 - a plugin's detector may raise anything
            logger.error("{}: the detector {} failed ({})", self._name, self._detector.name, type(error).__name__)
            await self.hang_up(WSCloseCode.INTERNAL_ERROR, "the detector failed")

    async def _send(self, result: Result) -> None:
        # One at a time: while a client takes nothing, aiohttp's senders wait on one future between them, and one that
        # gives up cancels the others.
        async with self._sending, asyncio.timeout(SEND_SECONDS):
            await self._ws.send_bytes(encode_result(result))


def result_of(verdict: Verdict, detector: Detector) -> Result:
    """What the wire can say of a verdict; what it has no field for goes into the message.

    Args:
        verdict: What the detector said.
        detector: Who said it: one that does not assess deepfakes never says more than ``unknown``, and one that is
            simulated says so in every message.
    """
    judgement = verdict.judgement
    if judgement in JUDGED and (verdict.blind is not None or not detector.assesses_deepfakes):
        judgement = Judgement.UNKNOWN
    words = verdict.message
    if not words and verdict.blind is not None:
        words = verdict.blind.replace("_", " ")
    if verdict.score is not None:
        words = f"{words} (score {verdict.score:.2f})".strip()
    if detector.simulated and "simulat" not in words.lower():
        words = f"simulation: {words}" if words else "simulation"
    return Result(verdict.participant_id, verdict.track_id, judgement, words)


__all__ = ["CLOSE_SECONDS", "MAX_PENDING", "MAX_TRACKS", "WireConnection", "result_of"]
