"""Whether a track is really being watched: a pure function of what is known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepguard.config.models import CoverageParams
from deepguard.media.look import Look
from deepguard.model import (
    BlindReason,
    Coverage,
    DetectorHealth,
    HealthState,
    Judgement,
    SampleOutcome,
    Source,
    Verdict,
)


@dataclass(slots=True)
class TrackFacts:
    """What is known about a track's media and answers. Times are monotonic seconds.

    Attributes:
        source: Camera, microphone or screen.
        since: When the track was first expected.
        enabled: False while the participant has turned it off.
        last_media: When media last arrived, else None.
        heard_speech: Whether anybody has spoken on it (always False for pictures).
        last_verdict: The last verdict of any judgement, on whatever picture, else None.
        counted: The last verdict that tells whether the track is being watched: not one on a black or frozen picture.
        counted_at: When it came.
        last_outcome: How the last sample that ended did end, else None.
        fresh_since: Verdicts from before this say nothing of what is seen now: the track was new then, or came back.
        unanswered_since: When the first sample since the last verdict was taken; None while there is none.
        sample_period: Seconds from one sample to the next at the present rate; None when samples depend on speech.
        look: How the picture looked when it was last measured; None while it has not been, and for sound.
        shows_since: Capture time (Unix) of the first picture since which it has been neither black nor frozen;
            infinite while it is one of them.
    """

    source: Source
    since: float
    enabled: bool = True
    last_media: float | None = None
    heard_speech: bool = False
    last_verdict: Verdict | None = None
    counted: Verdict | None = None
    counted_at: float = 0.0
    last_outcome: SampleOutcome | None = None
    sample_period: float | None = None
    fresh_since: float = 0.0
    unanswered_since: float | None = None
    look: Look | None = None
    shows_since: float = 0.0

    def note_taken(self, now: float) -> None:
        """Note that a sample was taken."""
        if self.unanswered_since is None:
            self.unanswered_since = now

    def note_verdict(self, verdict: Verdict, now: float) -> None:
        """Note a verdict."""
        self.last_verdict = verdict
        self.last_outcome = SampleOutcome.JUDGED
        self.unanswered_since = None
        captured_at = verdict.captured_at
        # A verdict that does not say which picture it is on is taken to be on the last.
        if not isinstance(captured_at, int | float):
            captured_at = math.inf
        if captured_at >= self.shows_since and self.shows_since < math.inf:
            self.counted, self.counted_at = verdict, now

    def note_look(self, look: Look, captured_at: float, params: CoverageParams) -> None:
        """Note how a picture looks.

        Args:
            look: How.
            captured_at: When it was captured, as its sample says (Unix).
            params: The configured limits.
        """
        self.look = look
        if look.black_seconds is not None or self.is_frozen(params):
            self.shows_since = math.inf
        elif self.shows_since == math.inf:
            self.shows_since = captured_at

    def is_frozen(self, params: CoverageParams) -> bool:
        """Whether the picture stands still, and is none that may."""
        still = self.look.still_seconds if self.look is not None and self.source is not Source.SCREEN else 0.0
        return still > 0 and still >= params.frozen_after

    def start_over(self, now: float) -> None:
        """Note that the media that comes from now on is another track's: nothing is known of it."""
        self.enabled = True
        self.last_media = None
        self.since = self.fresh_since = now
        self.heard_speech = False
        self.last_outcome = None
        self.unanswered_since = None
        self.look = None
        self.shows_since = 0.0


def judge_coverage(facts: TrackFacts, health: DetectorHealth, params: CoverageParams, now: float) -> Coverage:
    """Decide the coverage of one track.

    The first reason that applies is given: what is missing at the source explains what is missing after it.

    Args:
        facts: What is known about the track.
        health: The detector's health.
        params: The configured limits.
        now: Monotonic seconds.
    """
    if not facts.enabled:
        return Coverage(BlindReason.NO_MEDIA, "turned off by the participant")
    last_media = facts.since if facts.last_media is None else facts.last_media
    if now - last_media > params.media_timeout:
        return Coverage(BlindReason.NO_MEDIA)
    if (reason := _unseen(facts, params)) is not None:
        return Coverage(reason)
    if health.state in (HealthState.DOWN, HealthState.REFUSED):
        return Coverage(BlindReason.DETECTOR_DOWN, health.detail)
    if health.state is HealthState.CONNECTING and now - facts.since > params.answer_timeout:
        return Coverage(BlindReason.DETECTOR_DOWN, "still connecting")
    if facts.last_outcome is SampleOutcome.EXPIRED:
        return Coverage(BlindReason.SAMPLES_EXPIRED)
    if facts.unanswered_since is not None and now - facts.unanswered_since > params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
    verdict = facts.counted if facts.counted_at >= facts.fresh_since else None
    if verdict is None:
        return _before_first_verdict(facts, params, now)
    if verdict.judgement is Judgement.ERROR:
        return Coverage(BlindReason.DETECTOR_ERROR, verdict.message)
    if verdict.blind is not None:
        return Coverage(verdict.blind)
    if verdict.judgement is Judgement.UNKNOWN:
        return Coverage(BlindReason.NOT_ASSESSED)
    if _is_late(facts, facts.counted_at, params, now):
        return _nothing_counts(facts)
    return Coverage()


def _unseen(facts: TrackFacts, params: CoverageParams) -> BlindReason | None:
    black_seconds = facts.look.black_seconds if facts.look is not None else None
    if black_seconds is not None:
        # What is black also stands still; it is black that it is allowed to be, for as long as it is.
        return BlindReason.BLACK_PICTURE if black_seconds >= params.black_after else None
    return BlindReason.FROZEN_PICTURE if facts.is_frozen(params) else None


def _before_first_verdict(facts: TrackFacts, params: CoverageParams, now: float) -> Coverage:
    if facts.source.is_audio and not facts.heard_speech:
        return Coverage(BlindReason.NO_SPEECH)
    if _is_late(facts, max(facts.since, facts.fresh_since), params, now):
        return _nothing_counts(facts)
    return Coverage(BlindReason.STARTING)


def _is_late(facts: TrackFacts, since: float, params: CoverageParams, now: float) -> bool:
    return facts.sample_period is not None and now - since > facts.sample_period + params.answer_timeout


def _nothing_counts(facts: TrackFacts) -> Coverage:
    # Answers may come all the same: those on a black picture do not count, however long it may be black.
    black = facts.look is not None and facts.look.black_seconds is not None
    return Coverage(BlindReason.BLACK_PICTURE if black else BlindReason.NO_ANSWER)
