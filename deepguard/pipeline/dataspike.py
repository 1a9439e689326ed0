"""The processor that bots written for Dataspike's own Pipecat bot know: they change only the import.

Its parameters, methods and environment variables are those of that bot's documented API; what was wrong in it is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import aiohttp
from loguru import logger
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pydantic import ValidationError

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.detectors.dataspike.client import DataspikeDetector
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.errors import DetectorError
from deepguard.guard.calls import new_call
from deepguard.guard.guard import Guard
from deepguard.guard.judge import Judged
from deepguard.model import Judgement, Level, LevelChanged, Source, Verdict
from deepguard.pipeline.processor import DeepfakeGuardProcessor
from deepguard.pipeline.tracks import track_id_of
from deepguard.plugins import PluginHost
from deepguard.text import one_line
from deepguard.thresholds import Thresholds

BACKLOG = 256


class EventType(IntEnum):
    """What a result says; the numbers are those of the wire."""

    UNKNOWN = 0
    SUSPICIOUS = 1
    CLEAR = 2
    ERROR = 3
    ALERT = 4


@dataclass(frozen=True, slots=True)
class DeepfakeStreamingSchemaResultEvent:
    """A result, as notification callbacks are handed it.

    Attributes:
        type: What it says.
        participant_id: Whose track.
        track_id: The transport's id of the track.
        message: The service's own words; untrusted text.
    """

    type: EventType
    participant_id: str
    track_id: str
    message: str


NotificationCallback: TypeAlias = Callable[[DeepfakeStreamingSchemaResultEvent], Awaitable[None]]


class DataspikeDeepfakeProcessor(DeepfakeGuardProcessor):
    """Has a pipeline's camera and microphone judged by Dataspike, and calls back when it matters.

    The callback is called when a track reaches ALERT, when it leaves ALERT again (with the type that it fell to), and
    when the service begins to answer with errors. It runs in a task of its own, so one that is slow or raises harms
    nothing.
    """

    def __init__(
        self,
        api_key: str | None = None,
        session: aiohttp.ClientSession | None = None,
        video_params: VideoParams | None = None,
        audio_params: AudioParams | None = None,
        notification_cb: NotificationCallback | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare; nothing is connected before ``start``.

        Args:
            api_key: Dataspike API key; default: ``DATASPIKE_API_KEY`` of the environment.
            session: HTTP session for the WebSocket; stays its owner's. Default: an own one.
            video_params: How the camera is sampled.
            audio_params: How the microphone is sampled.
            notification_cb: Called with results that matter; default: they are logged.
            **kwargs: For ``FrameProcessor``, for example ``name``.

        Raises:
            DetectorError: There is no API key, or ``DATASPIKE_WS_URL`` is no WebSocket URL.
        """
        video = video_params or VideoParams()
        super().__init__(screen=video.screen, track_id=self._find_track_id, **kwargs)
        try:
            self._config = DataspikeConfig.model_validate({"api_key": api_key} if api_key else {})
        except ValidationError as error:
            reasons = "; ".join(str(one["msg"]) for one in error.errors(include_input=False, include_url=False))
            raise DetectorError(f"Dataspike cannot be reached as configured: {reasons}") from None
        self._session = session
        self._video = video
        self._audio = audio_params or AudioParams()
        self._callback = notification_cb or _log
        self._connection: SmallWebRTCConnection | None = None
        self._erring: set[tuple[str, Source]] = set()
        self._results: asyncio.Queue[DeepfakeStreamingSchemaResultEvent] = asyncio.Queue(BACKLOG)
        self._caller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect to the service and begin to sample; a processor that was stopped can be started again."""
        if self.guard is not None:
            return
        host = PluginHost()
        self._caller = asyncio.create_task(self._call_back(), name=f"{self}-callbacks")
        guard = Guard(
            new_call(),
            DataspikeDetector(self._config, self._session),
            video=self._video,
            audio=self._audio,
            coverage=CoverageParams(),
            thresholds=Thresholds(),
            hooks=host,
            record=lambda _entry: None,
            on_judged=self._on_judged,
        )
        self.guard = guard
        await guard.start()

    async def stop(self) -> None:
        """Wait briefly for outstanding results, close the connection, and finish the callbacks. Safe to call twice."""
        guard, self.guard = self.guard, None
        if guard is None or self._caller is None:
            return
        await guard.stop()
        try:
            async with asyncio.timeout(5):
                await self._results.join()
        except TimeoutError:
            logger.warning("A notification callback was still running when the processor stopped")
        self._caller.cancel()
        await asyncio.gather(self._caller, return_exceptions=True)

    async def cleanup(self) -> None:
        """Stop with the pipeline, if nobody did before."""
        await self.stop()
        await super().cleanup()

    def set_participant_id(self, participant_id: str) -> None:
        """Set who is watched; call it before media flows."""
        self._participant_id = participant_id

    def set_webrtc_connection(self, connection: SmallWebRTCConnection) -> None:
        """Set the connection whose track ids go with the samples."""
        self._connection = connection

    def _find_track_id(self, source: Source) -> str:
        return track_id_of(self._connection, source) if self._connection else source.value

    def _on_judged(self, verdict: Verdict, judged: Judged) -> None:
        track = (verdict.participant_id, verdict.source)
        kind: EventType | None = None
        for change in judged.changes:
            if (
                isinstance(change, LevelChanged)
                and change.source is verdict.source
                and Level.ALERT in (change.before, change.after)
            ):
                kind = EventType[change.after.name]
        if verdict.judgement is Judgement.ERROR:
            if track not in self._erring:
                kind = EventType.ERROR
            self._erring.add(track)
        else:
            self._erring.discard(track)
        if kind is None:
            return
        result = DeepfakeStreamingSchemaResultEvent(kind, verdict.participant_id, verdict.track_id, verdict.message)
        if self._results.full():
            # The newest says how things are now.
            dropped = self._results.get_nowait()
            self._results.task_done()
            logger.warning("The notification callback is too slow: a result {} was left out", dropped.type.name)
        self._results.put_nowait(result)

    async def _call_back(self) -> None:
        while True:
            result = await self._results.get()
            try:
                await self._callback(result)
            except Exception:  # noqa: BLE001 - somebody else's code; the guard goes on
                logger.opt(exception=True).error("The notification callback failed")
            finally:
                self._results.task_done()


async def _log(result: DeepfakeStreamingSchemaResultEvent) -> None:
    logger.warning("{} for {}: {}", result.type.name, one_line(result.participant_id), one_line(result.message))
