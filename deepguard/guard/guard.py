"""The guard of one call."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from loguru import logger

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector, Thresholds
from deepguard.errors import DetectorError, MediaError
from deepguard.guard import events
from deepguard.guard.coverage import judge_coverage
from deepguard.guard.encoder import encoder_threads
from deepguard.guard.judge import Judge, Judged
from deepguard.guard.live import LiveEvent, LiveStream
from deepguard.guard.observers import Observers
from deepguard.guard.tasks import end_tasks
from deepguard.guard.track import Participant, PendingPicture, PictureTrack, SoundTrack, Track
from deepguard.media.audio import AudioChunk
from deepguard.media.encode import encode_picture
from deepguard.model import (
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    Delivery,
    DetectorHealth,
    HealthState,
    Level,
    Notification,
    Sample,
    SampleEnded,
    SampleFormat,
    SampleOutcome,
    Source,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.policy.incidents import coverage_notification

TICK_SECONDS = 0.25
MAX_PARTICIPANTS = 32
OPEN_SECONDS = 5.0
CLOSE_SECONDS = 5.0

TrackId: TypeAlias = str | Callable[[], str]
"""A transport's track id, or how to learn it when a track is first seen."""

OnJudged: TypeAlias = Callable[[Verdict, Judged], None]


class Guard:
    """Guards one call: takes media in, has it judged, and tells what it means.

    All methods but ``start`` and ``stop`` are synchronous, never block, and belong to the event loop's thread.

    Attributes:
        call: The call.
        detector: Who judges.
        live: The call's live stream.
        ignored_verdicts: Verdicts for participants or tracks that the call does not have, and events that make no
            sense.
        unusable_audio: Pieces of audio whose rate or number of channels makes no sense.
        refused_tracks: Media of more participants than a call may have.
    """

    def __init__(
        self,
        call: Call,
        detector: Detector,
        *,
        video: VideoParams,
        audio: AudioParams,
        coverage: CoverageParams,
        thresholds: Thresholds,
        hooks: PluginHost,
        notify: Callable[[Notification], None],
        on_judged: OnJudged | None = None,
        settle: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Prepare to guard ``call``.

        Args:
            call: The call.
            detector: Who judges; opened and closed by the guard.
            video: How the camera is sampled.
            audio: How the microphone is sampled.
            coverage: When a track counts as blind.
            thresholds: What the configuration says; hooks may override it.
            hooks: Where hooks are called.
            notify: Takes notifications; must not block.
            on_judged: Called with each verdict and what followed from it.
            settle: Waits, for a bounded time, until notifications have been delivered: the live stream shows those of
                the call's end too.
        """
        self.call = call
        self.detector = detector
        self.live = LiveStream(self._state_event)
        self.ignored_verdicts = 0
        self.refused_tracks = 0
        self.unusable_audio = 0
        self._video = video
        self._audio = audio
        self._coverage = coverage
        self._notify = notify
        self._on_judged = on_judged
        self._settle = settle
        self._observers = Observers(hooks)
        self._judge = Judge(
            call, thresholds=thresholds, hooks=hooks, detector=detector.name, simulated=detector.simulated
        )
        self._participants: dict[str, Participant] = {}
        self._pictures: dict[tuple[str, Source], PictureTrack] = {}
        self._health = detector.health
        self._broken: DetectorHealth | None = None
        self._dirty: dict[tuple[str, Source], Track] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._consumer: asyncio.Task[None] | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._running = False
        self._stopped: asyncio.Future[None] | None = None
        self._end: LiveEvent | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the detector and begin. A detector that cannot be opened leaves the call blind, not broken.

        Nothing happens once ``stop`` was called.
        """
        if self._stopped is not None:
            return
        self._running = True
        self._observers.start()
        self._observers.tell("deepguard_call_started", call=self.call)
        self._consumer = asyncio.create_task(self._consume(), name=f"deepguard-consume-{self.call.id}")
        self._consumer.add_done_callback(self._on_consumer_done)
        self._ticker = asyncio.create_task(self._tick_forever(), name=f"deepguard-tick-{self.call.id}")
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self.detector.open(self.call)
        except TimeoutError:
            self._detector_failed(f"did not open within {OPEN_SECONDS:g} s")
        except DetectorError as error:
            self._detector_failed(str(error))
        except Exception as error:  # noqa: BLE001 - a plugin's detector may raise anything; the call goes on
            logger.opt(exception=True).error("The detector {} could not be opened", self.detector.name)
            self._detector_failed(f"could not be opened ({type(error).__name__})")

    async def stop(self, reason: str = "ended", text: str = "The call ended.") -> None:
        """End: drain the detector, resolve what is open, tell everybody. Safe to call twice.

        Args:
            reason: A word for programs.
            text: A sentence for people.
        """
        if self._stopped is not None:
            await asyncio.shield(self._stopped)
            return
        self._running = False
        self._stopped = asyncio.get_running_loop().create_future()
        try:
            await self._stop(reason, text)
        finally:
            self._stopped.set_result(None)

    async def _stop(self, reason: str, text: str) -> None:
        # Each step is taken even if this is cancelled during the one before: an incident must not stay open because
        # a detector was slow to close. The steps run in the opposite order of being named here.
        async with AsyncExitStack() as steps:
            steps.callback(self._say_ended, reason, text)
            if self._settle is not None:
                steps.push_async_callback(self._settle)
            steps.push_async_callback(self._observers.close)
            steps.callback(self._conclude, reason)
            steps.push_async_callback(end_tasks, [self._ticker, self._consumer, *self._tasks])
            await self._close_detector()

    async def _close_detector(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._tasks:
                    await asyncio.wait(self._tasks)
                await self.detector.close()
                if self._consumer:
                    await asyncio.wait({self._consumer})
        except TimeoutError:
            logger.warning("The detector {} did not close in {} s", self.detector.name, CLOSE_SECONDS)
        except Exception:  # noqa: BLE001 - a plugin's detector may raise anything; the call must still end
            logger.opt(exception=True).error("The detector {} failed to close", self.detector.name)

    def _conclude(self, reason: str) -> None:
        for participant in self._participants.values():
            for track in participant.tracks.values():
                track.ledger.expire_before(float("inf"))
                self._publish_samples(participant.id, track)
        for notification in self._judge.end(time.time()):
            self._tell(notification)
        self._observers.tell("deepguard_call_ended", call=self.call, reason=reason)

    def _say_ended(self, reason: str, text: str) -> None:
        self._end = {"type": "ended", "at": time.time(), "reason": reason, "text": text}
        self.live.publish(self._end, keep=False)
        self.live.close()

    # -- what the transport tells --------------------------------------------------------------------------------

    def expect(self, participant_id: str, source: Source, track_id: TrackId) -> Track | None:
        """Follow a track from now on, also if nothing ever arrives on it; anew when it was followed before.

        Args:
            participant_id: Untrusted text.
            source: Camera, microphone or screen.
            track_id: The transport's id of the track.

        Returns:
            The track; None when the call has too many participants or is over.
        """
        participant = self._participants.get(participant_id)
        if participant is None:
            if not self._running or len(self._participants) >= MAX_PARTICIPANTS:
                self.refused_tracks += 1
                return None
            participant = self._participants[participant_id] = Participant(participant_id)
        name = track_id if isinstance(track_id, str) else track_id()
        track = participant.tracks.get(source)
        now = time.monotonic()
        if track is not None:
            track.start_over(name, now)
            self._review(participant, track, now)
            return track
        if source.is_audio:
            track = SoundTrack(source, name, now, self._audio)
        else:
            track = self._pictures[participant_id, source] = PictureTrack(source, name, now, self._video)
        participant.tracks[source] = track
        track.set_burst(participant.level > Level.CLEAR)
        self._review(participant, track, now)
        self.live.publish(self.live.snapshot(), keep=False)
        return track

    def set_enabled(self, participant_id: str, source: Source, enabled: bool) -> None:
        """Note that a participant turned a track on or off."""
        track = self._track(participant_id, source)
        if track is not None:
            track.facts.enabled = enabled
            self._review(self._participants[participant_id], track, time.monotonic())

    def offer_picture(
        self,
        participant_id: str,
        source: Source,
        image: bytes,
        size: tuple[int, int],
        mode: str,
        track_id: TrackId,
    ) -> bool:
        """Offer a frame. One that is not due costs next to nothing; a due one is encoded off the event loop.

        Args:
            participant_id: Untrusted text.
            source: Camera or screen.
            image: Raw pixels, ``width * height * channels`` bytes; must not be changed afterwards.
            size: Width and height in pixels.
            mode: Pixel format, for example ``RGB``.
            track_id: The transport's id of the track.

        Returns:
            Whether it was due.
        """
        track = self._pictures.get((participant_id, source))
        if track is None:
            if self.expect(participant_id, source, track_id) is None:
                return False
            track = self._pictures[participant_id, source]
        now = time.monotonic()
        track.facts.last_media = now
        if not self._running or not track.sampler.due(now):
            return False
        picture = PendingPicture(self._new_sample_id(), image, size, mode, time.time())
        track.ledger.take(picture.sample_id, now)
        track.facts.note_taken(now)
        self._dirty[participant_id, source] = track
        if not track.encoding:
            track.encoding = True
            task = asyncio.create_task(self._encode(participant_id, track, picture))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            if track.pending is not None:
                track.ledger.end(track.pending.sample_id, SampleOutcome.DROPPED)
            track.pending = picture
        return True

    def offer_audio(self, participant_id: str, pcm: bytes, sample_rate: int, channels: int, track_id: TrackId) -> None:
        """Offer audio; it is kept only while somebody speaks and a sample may be due.

        Args:
            participant_id: Untrusted text.
            pcm: Signed 16-bit little-endian samples, interleaved.
            sample_rate: Hz.
            channels: 1 or 2.
            track_id: The transport's id of the track.
        """
        track = self._sound(participant_id) or self.expect(participant_id, Source.MICROPHONE, track_id)
        if not isinstance(track, SoundTrack) or not self._running:
            return
        track.facts.last_media = time.monotonic()
        try:
            seconds = len(pcm) / (2 * channels * sample_rate)
            chunks = track.cutter.feed(pcm, sample_rate, channels, time.time() - seconds)
        except (MediaError, ZeroDivisionError) as error:
            self.unusable_audio += 1
            if self.unusable_audio == 1:
                logger.warning("Audio of call {} cannot be used: {}", self.call.id, error)
            return
        self._submit_chunks(participant_id, track, chunks)

    def speech_started(self, participant_id: str, track_id: TrackId) -> None:
        """Note that a participant began to speak.

        Args:
            participant_id: Untrusted text.
            track_id: The transport's id of the track.
        """
        track = self._sound(participant_id) or self.expect(participant_id, Source.MICROPHONE, track_id)
        if isinstance(track, SoundTrack):
            track.facts.heard_speech = True
            track.cutter.speech_started(time.time())

    def speech_stopped(self, participant_id: str) -> None:
        """Note that a participant stopped speaking: the tail of the utterance is cut."""
        track = self._sound(participant_id)
        if track is not None:
            self._submit_chunks(participant_id, track, track.cutter.speech_stopped(time.time()))

    # -- what pages and notifiers ask ----------------------------------------------------------------------------

    @property
    def sampling(self) -> tuple[VideoParams, AudioParams]:
        """How the call is sampled now."""
        return self._video, self._audio

    def update_sampling(self, video: VideoParams, audio: AudioParams) -> None:
        """Sample by other parameters from now on."""
        self._video, self._audio = video, audio
        for participant in self._participants.values():
            for track in participant.tracks.values():
                if isinstance(track, PictureTrack):
                    track.update(video)
                elif isinstance(track, SoundTrack):
                    track.update(audio)
        self.live.publish({"type": "sampling", "at": time.time(), "sampling": self._sampling_dict()})

    def delivered(self, delivery: Delivery) -> None:
        """Show how a notification's delivery ended."""
        self.live.publish(events.delivery_event(delivery))

    # -- samples ---------------------------------------------------------------------------------------------------

    async def _encode(self, participant_id: str, track: PictureTrack, picture: PendingPicture) -> None:
        loop = asyncio.get_running_loop()
        try:
            following: PendingPicture | None = picture
            while following is not None:
                picture = following
                try:
                    encoded = await loop.run_in_executor(
                        encoder_threads(), encode_picture, picture.image, picture.size, picture.mode, track.params
                    )
                except Exception as error:  # noqa: BLE001 - one bad frame must not end the sampling of a track
                    logger.warning("A frame could not be encoded: {}", error)
                    track.ledger.end(picture.sample_id, SampleOutcome.DROPPED)
                    self._dirty[participant_id, track.source] = track
                else:
                    self._submit(
                        track,
                        Sample(
                            id=picture.sample_id,
                            call_id=self.call.id,
                            participant_id=participant_id,
                            track_id=track.track_id,
                            source=track.source,
                            format=encoded.format,
                            data=encoded.data,
                            captured_at=picture.captured_at,
                            width=encoded.width,
                            height=encoded.height,
                        ),
                    )
                following, track.pending = track.pending, None
        finally:
            track.encoding = False

    def _submit_chunks(self, participant_id: str, track: SoundTrack, chunks: list[AudioChunk]) -> None:
        for chunk in chunks:
            sample = Sample(
                id=self._new_sample_id(),
                call_id=self.call.id,
                participant_id=participant_id,
                track_id=track.track_id,
                source=track.source,
                format=SampleFormat.PCM,
                data=chunk.data,
                captured_at=chunk.captured_at,
            )
            now = time.monotonic()
            track.ledger.take(sample.id, now)
            track.facts.note_taken(now)
            self._submit(track, sample)

    def _submit(self, track: Track, sample: Sample) -> None:
        self._dirty[sample.participant_id, sample.source] = track
        if sample.format in self.detector.formats and self._running:
            try:
                self.detector.submit(sample)
            except Exception:  # noqa: BLE001 - a plugin's detector may raise anything; the call goes on
                logger.opt(exception=True).error("The detector {} failed on a sample", self.detector.name)
            else:
                return
        track.ledger.end(sample.id, SampleOutcome.DROPPED)

    @staticmethod
    def _new_sample_id() -> str:
        return uuid.uuid4().hex

    # -- what the detector tells -----------------------------------------------------------------------------------

    async def _consume(self) -> None:
        async for event in self.detector.events():
            try:
                match event:
                    case Verdict():
                        self._on_verdict(event)
                    case SampleEnded():
                        self._on_sample_ended(event)
                    case DetectorHealth():
                        self._on_health(event)
            except Exception:  # noqa: BLE001 - what a plugin's detector says may be anything; the next may be sound
                self.ignored_verdicts += 1
                if self.ignored_verdicts == 1:
                    logger.opt(exception=True).error("What the detector {} says cannot be used", self.detector.name)

    def _on_consumer_done(self, consumer: asyncio.Task[None]) -> None:
        # Before the call's end the stream of events must not end, in whatever way.
        if not self._running:
            return
        error = None if consumer.cancelled() else consumer.exception()
        if error is not None:
            logger.opt(exception=error).error("The detector {} failed", self.detector.name)
        self._detector_failed(f"failed ({type(error).__name__})" if error else "ended before the call")

    def _on_verdict(self, verdict: Verdict) -> None:
        participant = self._participants.get(verdict.participant_id)
        track = participant.tracks.get(verdict.source) if participant else None
        if participant is None or track is None:
            self.ignored_verdicts += 1
            return
        event = events.verdict_event(verdict)
        # First of all what may fail: a verdict that does not count must not make a track covered.
        judged = self._judge.advance(verdict, verdict.received_at)
        now = time.monotonic()
        track.facts.note_verdict(verdict, now)
        self.live.publish(event)
        for change in judged.changes:
            if change.source is None:
                participant.level = change.after
                self._set_burst(participant)
            elif (changed := participant.tracks.get(change.source)) is not None:
                changed.level = change.after
            self.live.publish(events.level_event(change))
            self._observers.tell("deepguard_transition", transition=change)
        self._review(participant, track, now)
        for notification in judged.notifications:
            self._tell(notification)
        if self._on_judged is not None:
            self._on_judged(verdict, judged)

    def _set_burst(self, participant: Participant) -> None:
        for track in participant.tracks.values():
            track.set_burst(participant.level > Level.CLEAR)
        self.live.publish({"type": "sampling", "at": time.time(), "sampling": self._sampling_dict()}, keep=False)

    def _on_sample_ended(self, ended: SampleEnded) -> None:
        for participant in self._participants.values():
            for track in participant.tracks.values():
                if track.ledger.end(ended.sample_id, ended.outcome):
                    if ended.outcome is not SampleOutcome.DROPPED:
                        track.facts.last_outcome = ended.outcome
                    self._dirty[participant.id, track.source] = track
                    return

    def _on_health(self, health: DetectorHealth) -> None:
        if health == self._health:
            return
        if health.state is not self._health.state:
            log = logger.info if health.state is HealthState.UP else logger.warning
            log("Detector {} is {}: {}", self.detector.name, health.state, health.detail or "-")
        self._health = health
        self.live.publish({"type": "detector", "at": time.time(), "health": events.health_dict(health)})
        self._review_all(time.monotonic())

    def _detector_failed(self, detail: str) -> None:
        self._on_health(DetectorHealth(HealthState.DOWN, detail))

    # -- coverage ----------------------------------------------------------------------------------------------------

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                self._tick(time.monotonic())
            except Exception as error:  # noqa: BLE001 - a watch that stopped would show the last coverage for ever
                self._watch_failed(error)

    def _tick(self, now: float) -> None:
        self._expire_forgotten(now)
        self._review_all(now)
        dirty, self._dirty = self._dirty, {}
        for (participant_id, _), track in dirty.items():
            self._publish_samples(participant_id, track)

    def _watch_failed(self, error: Exception) -> None:
        """Show everything as blind from now on: the guard cannot vouch for it."""
        if self._broken is not None:
            return
        logger.opt(exception=error).error("The guard of call {} failed", self.call.id)
        self._broken = DetectorHealth(HealthState.DOWN, f"the guard failed ({type(error).__name__})")
        self.live.publish({"type": "detector", "at": time.time(), "health": events.health_dict(self._broken)})
        for participant in self._participants.values():
            for track in participant.tracks.values():
                track.coverage = Coverage(BlindReason.DETECTOR_DOWN, self._broken.detail)
        self.live.publish(self.live.snapshot(), keep=False)

    def _expire_forgotten(self, now: float) -> None:
        # Detectors end their samples themselves; this bounds what one that forgets can leave open.
        for participant in self._participants.values():
            for track in participant.tracks.values():
                if track.ledger.expire_before(now - 2 * self._coverage.answer_timeout - CLOSE_SECONDS):
                    track.facts.last_outcome = SampleOutcome.EXPIRED
                    self._dirty[participant.id, track.source] = track

    def _review_all(self, now: float) -> None:
        for participant in self._participants.values():
            for track in participant.tracks.values():
                self._review(participant, track, now)

    def _review(self, participant: Participant, track: Track, now: float) -> None:
        before = track.coverage
        after = judge_coverage(track.facts, self._broken or self._health, self._coverage, now)
        if after.blind is BlindReason.NO_MEDIA and not track.source.is_audio:
            # Whoever comes back into the picture may be somebody else: what was judged before does not vouch for them.
            track.facts.fresh_since = now
        if after != before:
            track.coverage = after
            change = CoverageChanged(self.call.id, participant.id, track.source, before, after, time.time())
            self.live.publish(events.coverage_event(change), keep=before.blind is not after.blind)
            if before.blind is not after.blind:
                self._observers.tell("deepguard_transition", transition=change)
        if after.covered:
            track.blind_since = None
            if track.blindness_told:
                track.blindness_told = False
                self._tell_coverage(participant, track, before)
        else:
            if track.blind_since is None:
                track.blind_since = now
            if (
                not track.blindness_told
                and _worth_telling(track.source, after)
                and now - track.blind_since >= self._coverage.notify_after
            ):
                track.blindness_told = True
                self._tell_coverage(participant, track, before)

    def _tell_coverage(self, participant: Participant, track: Track, before: Coverage) -> None:
        change = CoverageChanged(self.call.id, participant.id, track.source, before, track.coverage, time.time())
        self._tell(
            coverage_notification(
                change,
                level=participant.level,
                detector=self.detector.name,
                simulated=self.detector.simulated,
            )
        )

    # -- telling -------------------------------------------------------------------------------------------------------

    def _tell(self, notification: Notification) -> None:
        self.live.publish(events.notification_event(notification))
        try:
            self._notify(notification)
        except Exception:  # noqa: BLE001 - whoever tells must not stop the guard
            logger.opt(exception=True).error("Notification {} could not be handed over", notification.id)

    def _publish_samples(self, participant_id: str, track: Track) -> None:
        self.live.publish(events.samples_event(time.time(), participant_id, track), keep=False)

    def _state_event(self, recent: list[LiveEvent]) -> LiveEvent:
        return {
            "type": "state",
            "at": time.time(),
            "call": {
                "id": self.call.id,
                "started_at": self.call.started_at,
                "ended_at": self._end["at"] if self._end else None,
                "ended_reason": self._end["reason"] if self._end else None,
            },
            "detector": {
                **events.detector_dict(self.detector),
                "health": events.health_dict(self._broken or self._health),
            },
            "participants": [
                events.participant_dict(participant, self._judge.incident_id(participant.id))
                for participant in self._participants.values()
            ],
            "sampling": self._sampling_dict(),
            "recent": recent,
        }

    def _sampling_dict(self) -> dict[str, Any]:
        burst = any(participant.level > Level.CLEAR for participant in self._participants.values())
        return {**events.sampling_dict(self._video, self._audio), "burst": burst}

    def _track(self, participant_id: str, source: Source) -> Track | None:
        participant = self._participants.get(participant_id)
        return participant.tracks.get(source) if participant else None

    def _sound(self, participant_id: str) -> SoundTrack | None:
        track = self._track(participant_id, Source.MICROPHONE)
        return track if isinstance(track, SoundTrack) else None


def _worth_telling(source: Source, coverage: Coverage) -> bool:
    # Somebody who listens without speaking, and a share that was ended, are no loss of sight.
    if coverage.blind is BlindReason.NO_SPEECH:
        return False
    return not (source is Source.SCREEN and coverage.blind is BlindReason.NO_MEDIA)
