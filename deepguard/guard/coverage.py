"""Whether a track is really being watched: a pure function of what is known about it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import NamedTuple

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

MOST_ANSWERS = 16
"""Of this many detectors a track's last verdict is kept."""


class Answer(NamedTuple):
    """A detector's last verdict that tells whether a track is being watched. Times are monotonic seconds.

    Attributes:
        verdict: The verdict; not one on a black or frozen picture.
        at: When it came.
        unanswered_since: When the first sample since then was taken; None while there is none.
    """

    verdict: Verdict
    at: float
    unanswered_since: float | None = None


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
        answers: The last verdict of each detector, by its name, that tells whether the track is being watched.
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
    answers: dict[str, Answer] = field(default_factory=dict)
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
        for name, answer in self.answers.items():
            if answer.unanswered_since is None:
                self.answers[name] = answer._replace(unanswered_since=now)

    def note_verdict(self, verdict: Verdict, now: float) -> None:
        """Note a verdict."""
        self.last_verdict = verdict
        self.last_outcome = SampleOutcome.JUDGED
        self.unanswered_since = None
        if self._shows(verdict):
            self.answers[verdict.detector] = Answer(verdict, now)
            if len(self.answers) > MOST_ANSWERS:
                del self.answers[min(self.answers, key=lambda name: self.answers[name].at)]

    def seen(self, verdict: Verdict) -> Verdict:
        """A verdict that says that it is blind when the picture that it is on was black or frozen."""
        if verdict.blind is not None or self._shows(verdict):
            return verdict
        black = self.look is not None and self.look.black_seconds is not None
        return replace(verdict, blind=BlindReason.BLACK_PICTURE if black else BlindReason.FROZEN_PICTURE)

    def _shows(self, verdict: Verdict) -> bool:
        captured_at = verdict.captured_at
        # A verdict that does not say which picture it is on is taken to be on the last.
        if not isinstance(captured_at, int | float):
            captured_at = math.inf
        return captured_at >= self.shows_since and self.shows_since < math.inf

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

    def counting(self, out: Collection[str]) -> list[Answer]:
        """The answers on what is seen now, in the order of the detectors' names, without those of ``out``."""
        found = [(name, each) for name, each in self.answers.items() if each.at >= self.fresh_since and name not in out]
        return [each for _, each in sorted(found)] if len(found) > 1 else [each for _, each in found]

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


def judge_coverage(
    facts: TrackFacts,
    health: DetectorHealth,
    params: CoverageParams,
    now: float,
    *,
    needed: int = 1,
    out: Collection[str] = (),
) -> Coverage:
    """Decide the coverage of one track.

    The first reason that applies is given: what is missing at the source explains what is missing after it.

    Args:
        facts: What is known about the track.
        health: The detector's health.
        params: The configured limits.
        now: Monotonic seconds.
        needed: How many detectors must cover the track.
        out: The names of those among several detectors that do not watch now.
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
    found = [_told_by(answer, facts, params, now) for answer in facts.counting(out)]
    covered = sum(each.covered for each in found)
    if len(found) > 1 and covered >= needed:
        # Each one's silence has been looked at; what another leaves unanswered is then no loss of sight.
        return Coverage()
    if facts.last_outcome is SampleOutcome.EXPIRED:
        return Coverage(BlindReason.SAMPLES_EXPIRED)
    if facts.unanswered_since is not None and now - facts.unanswered_since > params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
    if covered >= needed:
        return Coverage()
    # Not in the order of their coming: with several detectors the reason would change with each verdict.
    for each in found:
        if each.blind not in (None, BlindReason.NOT_ASSESSED):
            return each
    if found and not covered:
        return Coverage(BlindReason.NOT_ASSESSED)
    return _before_first_verdict(facts, params, now)


def _told_by(answer: Answer, facts: TrackFacts, params: CoverageParams, now: float) -> Coverage:
    """What one detector's last verdict says of the coverage."""
    verdict = answer.verdict
    if verdict.judgement is Judgement.ERROR:
        return Coverage(BlindReason.DETECTOR_ERROR, verdict.message)
    if verdict.blind is not None:
        return Coverage(verdict.blind)
    if verdict.judgement is Judgement.UNKNOWN:
        return Coverage(BlindReason.NOT_ASSESSED)
    if _is_late(facts, answer.at, params, now):
        return _nothing_counts(facts)
    if answer.unanswered_since is not None and now - answer.unanswered_since > params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
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
