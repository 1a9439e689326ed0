"""The guard of one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, TypeAlias

from loguru import logger

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.contracts import Detector
from deepguard.errors import DetectorError
from deepguard.guard import events
from deepguard.guard.evidence import Evidence
from deepguard.guard.intake import Intake
from deepguard.guard.judge import TIME_LIMIT, Judge, Judged
from deepguard.guard.live import LiveEvent, LiveStream
from deepguard.guard.observers import Observers
from deepguard.guard.policy_counts import LIVE, PolicyCounts
from deepguard.guard.roster import Roster
from deepguard.guard.shadows import Shadows, ShadowSpec
from deepguard.guard.tasks import end_tasks
from deepguard.guard.track import Participant
from deepguard.guard.watch import Watch
from deepguard.model import (
    Call,
    Delivery,
    DetectorHealth,
    DisagreementChanged,
    Level,
    LevelChanged,
    Notification,
    NotificationKind,
    SampleEnded,
    SampleOutcome,
    Verdict,
)
from deepguard.plugins import PluginHost
from deepguard.store.entry import CallBegan, CallEnded, Entry, PolicyFailed
from deepguard.store.history import as_written
from deepguard.thresholds import Thresholds

OPEN_SECONDS = 5.0
CLOSE_SECONDS = 5.0

OnJudged: TypeAlias = Callable[[Verdict, Judged], None]


class Guard:
    """Guards one call: has its media judged, and tells what the verdicts mean.

    Everything but ``start`` and ``stop`` is synchronous, never blocks, and belongs to the event loop's thread.

    Attributes:
        call: The call.
        detector: Who judges.
        live: The call's live stream.
        media: Takes the call's media in.
        ignored_verdicts: Verdicts for participants or tracks that the call does not have, and events that make no
            sense.
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
        record: Callable[[Entry], None],
        keep_pictures: bool = False,
        on_judged: OnJudged | None = None,
        settle: Callable[[], Awaitable[object]] | None = None,
        config_hash: str = "",
        policy_seconds: float = TIME_LIMIT,
        shadows: Sequence[ShadowSpec] = (),
        policy_counts: PolicyCounts | None = None,
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
            record: Takes what happened, to be written down and told; must not block.
            keep_pictures: Whether the picture that opens an incident is handed over with it.
            on_judged: Called with each verdict and what followed from it.
            settle: Waits, for a bounded time, until notifications have been delivered: the live stream shows those of
                the call's end too.
            config_hash: Hash of the configuration, written down with the call.
            policy_seconds: Seconds that a plugin's policy may take for one verdict.
            shadows: Policies that run beside the one that decides.
            policy_counts: Of all calls of the process.
        """
        self.call = call
        self.detector = detector
        self.live = LiveStream(self._state_event)
        self.ignored_verdicts = 0
        self._record_entry = record
        self._evidence = Evidence(keep=keep_pictures)
        self._on_judged = on_judged
        self._settle = settle
        self._observers = Observers(hooks)
        self._config_hash = config_hash
        self._judge = Judge(
            call,
            thresholds=thresholds,
            hooks=hooks,
            detector=detector.name,
            simulated=detector.simulated,
            time_limit=policy_seconds,
            on_failure=self._policy_failed,
        )
        self._policy_counts = policy_counts or PolicyCounts()
        self._shadows = Shadows(
            call,
            shadows,
            time_limit=policy_seconds,
            record=self._record,
            publish=self.live.publish,
            counts=self._policy_counts,
        )
        self._roster = Roster(video, audio)
        self._watch = Watch(
            call.id,
            detector,
            self._roster,
            coverage,
            live=self.live,
            observers=self._observers,
            record=self._record,
        )
        self.media = Intake(call.id, detector, self._roster, self._watch, self.live, self._evidence)
        self._consumer: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._end: LiveEvent | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the detector and begin. A detector that cannot be opened leaves the call blind, not broken.

        Nothing happens once ``stop`` was called.
        """
        if self._stopped is not None:
            return
        self.media.is_open = True
        self._observers.start()
        self._observers.tell("deepguard_call_started", call=self.call)
        began = CallBegan(
            self.call,
            self.detector.name,
            self.detector.simulated,
            self._judge.used,
            self._config_hash,
            self._shadows.used,
        )
        self._record(Entry(call_id=self.call.id, began=began))
        self._judge.start()
        self._shadows.start()
        self._consumer = asyncio.create_task(self._consume(), name=f"deepguard-consume-{self.call.id}")
        self._consumer.add_done_callback(self._on_consumer_done)
        self._watching = asyncio.create_task(self._watch.run(), name=f"deepguard-watch-{self.call.id}")
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self.detector.open(self.call)
        except TimeoutError:
            self._watch.detector_failed(f"did not open within {OPEN_SECONDS:g} s")
        except DetectorError as error:
            self._watch.detector_failed(str(error))
        except Exception as error:  # noqa: BLE001 - a plugin's detector may raise anything; the call goes on
            logger.opt(exception=True).error("The detector {} could not be opened", self.detector.name)
            self._watch.detector_failed(f"could not be opened ({type(error).__name__})")

    async def stop(self, reason: str = "ended", text: str = "The call ended.") -> None:
        """End: drain the detector, resolve what is open, tell everybody. Safe to call twice.

        Args:
            reason: A word for programs.
            text: A sentence for people.
        """
        if self._stopped is not None:
            await asyncio.shield(self._stopped)
            return
        self.media.is_open = False
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
            steps.push_async_callback(self._shadows.close)
            steps.push_async_callback(end_tasks, [self._watching, self._consumer, *self.media.encoding])
            await self._close_detector()

    async def _close_detector(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self.media.encoding:
                    await asyncio.wait(self.media.encoding)
                await self.detector.close()
                if self._consumer:
                    await asyncio.wait({self._consumer})
        except TimeoutError:
            logger.warning("The detector {} did not close in {} s", self.detector.name, CLOSE_SECONDS)
        except Exception:  # noqa: BLE001 - a plugin's detector may raise anything; the call must still end
            logger.opt(exception=True).error("The detector {} failed to close", self.detector.name)

    def _conclude(self, reason: str) -> None:
        for participant, track in self._roster:
            track.ledger.expire_before(float("inf"), "the call ended before its verdict came")
            self.live.publish(events.samples_event(time.time(), participant.id, track), keep=False)
        told = tuple(self._judge.end(time.time()))
        samples, ended = self._roster.take_ended_samples(), CallEnded(time.time(), reason)
        self._record(Entry(call_id=self.call.id, samples=samples, notifications=told, ended=ended))
        self._observers.tell("deepguard_call_ended", call=self.call, reason=reason)

    def _say_ended(self, reason: str, text: str) -> None:
        self._end = {"type": "ended", "at": time.time(), "reason": reason, "text": text}
        self.live.publish(self._end, keep=False)
        self.live.close()

    # -- what pages and notifiers ask ----------------------------------------------------------------------------

    @property
    def sampling(self) -> tuple[VideoParams, AudioParams]:
        """How the call is sampled now."""
        return self._roster.video, self._roster.audio

    def update_sampling(self, video: VideoParams, audio: AudioParams) -> None:
        """Sample by other parameters from now on."""
        self._roster.update(video, audio)
        self._publish_sampling(keep=True)

    def delivered(self, delivery: Delivery) -> None:
        """Show how an attempt to deliver a notification ended."""
        self.live.publish(events.delivery_event(delivery))

    def repeated(self, notification: Notification) -> None:
        """Show that an incident of this call is being told again."""
        self.live.publish(events.notification_event(notification))

    def acknowledged(self, incident_id: str, at: float, by: str) -> None:
        """Note that somebody acknowledged an incident of this call.

        Args:
            incident_id: Which.
            at: When.
            by: Who; untrusted text.
        """
        if self._judge.acknowledge(incident_id, at, by):
            self.live.publish(events.acknowledged_event(incident_id, at, by))

    # -- what the detector tells -----------------------------------------------------------------------------------

    async def _consume(self) -> None:
        async for event in self.detector.events():
            try:
                match event:
                    case Verdict():
                        await self._on_verdict(event)
                    case SampleEnded():
                        self._on_sample_ended(event)
                    case DetectorHealth():
                        self._watch.note_health(event)
            except Exception:  # noqa: BLE001 - what a plugin's detector says may be anything; the next may be sound
                self.ignored_verdicts += 1
                if self.ignored_verdicts == 1:
                    logger.opt(exception=True).error("What the detector {} says cannot be used", self.detector.name)

    def _on_consumer_done(self, consumer: asyncio.Task[None]) -> None:
        # Before the call's end the stream of events must not end, in whatever way.
        if not self.media.is_open:
            return
        error = None if consumer.cancelled() else consumer.exception()
        if error is not None:
            logger.opt(exception=error).error("The detector {} failed", self.detector.name)
        self._watch.detector_failed(f"failed ({type(error).__name__})" if error else "ended before the call")

    async def _on_verdict(self, verdict: Verdict) -> None:
        participant = self._roster.participants.get(verdict.participant_id)
        track = participant.tracks.get(verdict.source) if participant else None
        if participant is None or track is None:
            self.ignored_verdicts += 1
            return
        # First of all what may fail: a verdict that does not count must not make a track covered.
        verdict = track.facts.seen(as_written(verdict))
        event = events.verdict_event(verdict)
        judged = await self._judge.advance(verdict, verdict.received_at)
        self._shadows.offer(verdict)
        now = time.monotonic()
        track.facts.note_verdict(verdict, now)
        self.live.publish(event)
        for change in judged.changes:
            self._show(participant, change, now)
            self._observers.tell("deepguard_transition", transition=change)
        self._watch.review(participant, track, now)
        opened = any(notification.kind is NotificationKind.OPENED for notification in judged.notifications)
        self._policy_counts.opened[LIVE] += opened
        self._record(
            Entry(
                call_id=self.call.id,
                verdict=verdict,
                transitions=judged.changes,
                notifications=tuple(judged.notifications),
                picture=self._evidence.of(verdict) if opened else None,
            )
        )
        if self._on_judged is not None:
            self._on_judged(verdict, judged)

    def _show(self, participant: Participant, change: LevelChanged | DisagreementChanged, now: float) -> None:
        if isinstance(change, DisagreementChanged):
            if (track := participant.tracks.get(change.source)) is not None:
                track.disagreement = change.after
            self.live.publish(events.disagreement_event(change))
            return
        if change.source is None:
            participant.level = change.after
            self._set_burst(participant)
        elif (changed := participant.tracks.get(change.source)) is not None:
            changed.level = change.after
        covered = self._watch.covers(participant, change.source, now)
        self.live.publish(events.level_event(change, covered=covered))

    def _policy_failed(self, reason: str) -> None:
        self._policy_counts.failed[LIVE] += 1
        self.live.publish(events.policy_event(time.time(), self._judge.used, reason))
        self._record(Entry(call_id=self.call.id, policy_failed=PolicyFailed(reason)))

    def _set_burst(self, participant: Participant) -> None:
        for track in participant.tracks.values():
            track.set_burst(participant.level > Level.CLEAR)
        self._publish_sampling(keep=False)

    def _on_sample_ended(self, ended: SampleEnded) -> None:
        self._evidence.ended(ended.sample_id)
        track = self._roster.end_sample(ended)
        if track is not None and ended.outcome is not SampleOutcome.DROPPED:
            track.facts.last_outcome = ended.outcome

    # -- telling -------------------------------------------------------------------------------------------------

    def _record(self, entry: Entry) -> None:
        if entry.notifications:
            entry = replace(entry, notifications=tuple(map(self._with_coverage, entry.notifications)))
        for notification in entry.notifications:
            self.live.publish(events.notification_event(notification))
        try:
            self._record_entry(entry)
        except Exception:  # noqa: BLE001 - whoever tells must not stop the guard
            told = ", ".join(notification.id for notification in entry.notifications)
            logger.opt(exception=True).error("What happened could not be handed over{}", told and f": {told}")

    def _with_coverage(self, notification: Notification) -> Notification:
        """Say of a notification whether anybody watches the participant whom it is about."""
        participant = self._roster.participants.get(notification.participant_id)
        if participant is None or participant.covered:
            return notification
        return replace(notification, unwatched=True)

    def _publish_sampling(self, *, keep: bool) -> None:
        self.live.publish({"type": "sampling", "at": time.time(), "sampling": self._sampling_dict()}, keep=keep)

    def _sampling_dict(self) -> dict[str, Any]:
        return {**events.sampling_dict(self._roster.video, self._roster.audio), "burst": self._roster.burst}

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
            "detector": {**events.detector_dict(self.detector), "health": events.health_dict(self._watch.health)},
            "participants": [
                events.participant_dict(participant, self._judge.open_incident(participant.id))
                for participant in self._roster.participants.values()
            ],
            "sampling": self._sampling_dict(),
            "policy": events.policy_dict(self._judge.used, self._judge.failure),
            "shadows": self._shadows.state(),
            "recent": recent,
        }
