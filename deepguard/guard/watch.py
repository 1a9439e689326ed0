"""Watches whether the tracks of a call are really being watched, and tells when one is not."""

from __future__ import annotations

import time
from collections.abc import Callable

from loguru import logger

from deepguard.config.models import CoverageParams
from deepguard.contracts import Detector
from deepguard.detectors.several import SeveralDetector
from deepguard.guard import events
from deepguard.guard.coverage import judge_coverage
from deepguard.guard.live import LiveStream
from deepguard.guard.observers import Observers
from deepguard.guard.roster import Roster
from deepguard.guard.tasks import next_beat
from deepguard.guard.track import Participant, Track
from deepguard.media.look import Look
from deepguard.model import (
    BlindReason,
    Coverage,
    CoverageChanged,
    DetectorHealth,
    HealthState,
    SampleOutcome,
    Source,
)
from deepguard.policy.blindness import threshold_of
from deepguard.policy.notifications import coverage_notification
from deepguard.store.entry import Entry

TICK_SECONDS = 0.25
_NOTHING_SEEN = frozenset({BlindReason.NO_MEDIA, BlindReason.BLACK_PICTURE, BlindReason.FROZEN_PICTURE})
FORGOTTEN_SECONDS = 5.0
"""How long after twice the answer time-out a sample that its detector forgot counts as expired."""
FORGOTTEN = "the detector never said what became of it"
"""Why such a sample expired."""


class Watch:
    """Decides the coverage of every track of one call: at each event that bears on it, and four times a second."""

    def __init__(
        self,
        call_id: str,
        detector: Detector,
        roster: Roster,
        params: CoverageParams,
        *,
        live: LiveStream,
        observers: Observers,
        record: Callable[[Entry], None],
    ) -> None:
        """Watch a call.

        Args:
            call_id: The call.
            detector: Who judges.
            roster: The call's tracks.
            params: When a track counts as blind.
            live: The call's live stream.
            observers: The call's observer hooks.
            record: Takes what is to be written down and told.
        """
        self._call_id = call_id
        self._detector = detector
        self._roster = roster
        self._params = params
        self._live = live
        self._observers = observers
        self._record = record
        self._health = detector.health
        self._broken: DetectorHealth | None = None

    @property
    def health(self) -> DetectorHealth:
        """The detector's health; once the watch itself has failed, that."""
        return self._broken or self._health

    def note_health(self, health: DetectorHealth) -> None:
        """Take in what the detector says of its health."""
        if health == self._health:
            return
        if health.state is not self._health.state:
            log = logger.info if health.state is HealthState.UP else logger.warning
            log("Detector {} is {}{}", self._detector.name, health.state, f": {health.detail}" if health.detail else "")
        self._health = health
        self._live.publish({"type": "detector", "at": time.time(), "health": events.health_dict(self.health)})
        self.review_all(time.monotonic())

    def detector_failed(self, detail: str) -> None:
        """Take the detector for down.

        Args:
            detail: For people: what happened.
        """
        self.note_health(DetectorHealth(HealthState.DOWN, detail))

    async def run(self) -> None:
        """Review everything four times a second, until cancelled."""
        while True:
            await next_beat(TICK_SECONDS)
            try:
                self._tick(time.monotonic())
            except Exception as error:  # noqa: BLE001 - a watch that stopped would show the last coverage for ever
                self._fail(error)

    def review_all(self, now: float) -> None:
        """Decide every track's coverage.

        Args:
            now: Monotonic seconds.
        """
        for participant, track in self._roster:
            self.review(participant, track, now)

    def review(self, participant: Participant, track: Track, now: float) -> None:
        """Decide a track's coverage, and tell when it changed or has been missing for long.

        Args:
            participant: Whose track.
            track: The track.
            now: Monotonic seconds.
        """
        before = track.coverage
        several = self._detector if isinstance(self._detector, SeveralDetector) else None
        needed, out = (several.needed, several.out) if several else (1, ())
        after = judge_coverage(track.facts, self.health, self._params, now, needed=needed, out=out)
        if after.blind in _NOTHING_SEEN and not track.source.is_audio:
            # Whoever comes back into the picture may be somebody else: what was judged before does not vouch for them.
            track.facts.fresh_since = now
        if after != before:
            track.coverage = after
            change = CoverageChanged(self._call_id, participant.id, track.source, before, after, time.time())
            self._live.publish(events.coverage_event(change), keep=before.blind is not after.blind)
            if before.blind is not after.blind:
                self._observers.tell("deepguard_transition", transition=change)
                self._record(Entry(call_id=self._call_id, transitions=(change,)))
        if after.blind is None:
            if track.blindness.ends():
                self._tell_coverage(participant, track, before)
        elif track.blindness.goes_on(after.blind, threshold_of(self._params, track.source, after.blind), now):
            self._tell_coverage(participant, track, before)

    def note_look(self, participant_id: str, track: Track, look: Look, captured_at: float) -> None:
        """Take in how a track's picture looks.

        Args:
            participant_id: Whose track.
            track: The track.
            look: How it looks.
            captured_at: When it was captured (Unix).
        """
        track.facts.note_look(look, captured_at, self._params)
        participant = self._roster.participants.get(participant_id)
        if participant is not None:
            self.review(participant, track, time.monotonic())

    def covers(self, participant: Participant, source: Source | None, now: float) -> bool:
        """Whether a track is being watched at this moment, whatever was last told of it.

        Args:
            participant: Whose track.
            source: Which one; None for any of theirs.
            now: Monotonic seconds.
        """
        return any(
            judge_coverage(track.facts, self.health, self._params, now).covered
            for track in participant.tracks.values()
            if source is None or track.source is source
        )

    def _tick(self, now: float) -> None:
        self._expire_forgotten(now)
        if samples := self._roster.take_ended_samples():
            self._record(Entry(call_id=self._call_id, samples=samples))
        self.review_all(now)
        for (participant_id, _), track in self._roster.take_recounted().items():
            self._live.publish(events.samples_event(time.time(), participant_id, track), keep=False)

    def _expire_forgotten(self, now: float) -> None:
        # Detectors end their samples themselves; this bounds what one that forgets can leave open.
        for participant, track in self._roster:
            if track.ledger.expire_before(now - 2 * self._params.answer_timeout - FORGOTTEN_SECONDS, FORGOTTEN):
                track.facts.last_outcome = SampleOutcome.EXPIRED
                self._roster.recounted(participant.id, track)

    def _fail(self, error: Exception) -> None:
        """Show everything as blind from now on: the guard cannot vouch for it."""
        if self._broken is not None:
            return
        logger.opt(exception=error).error("The guard of call {} failed", self._call_id)
        self._broken = DetectorHealth(HealthState.DOWN, f"the guard failed ({type(error).__name__})")
        self._live.publish({"type": "detector", "at": time.time(), "health": events.health_dict(self.health)})
        for _, track in self._roster:
            track.coverage = Coverage(BlindReason.DETECTOR_DOWN, self._broken.detail)
        self._live.publish(self._live.snapshot(), keep=False)

    def _tell_coverage(self, participant: Participant, track: Track, before: Coverage) -> None:
        told = coverage_notification(
            CoverageChanged(self._call_id, participant.id, track.source, before, track.coverage, time.time()),
            level=participant.level,
            detector=self._detector.name,
            simulated=self._detector.simulated,
        )
        self._record(Entry(call_id=self._call_id, notifications=(told,)))
