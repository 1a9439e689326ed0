"""Whether a track is really being watched: a pure function of what is known about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from deepguard.config.models import CoverageParams
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

MAX_OTHERS = 16
"""Of this many detectors besides the last one a track's last verdict is kept."""


class Answer(NamedTuple):
    """A detector's last verdict on a track. Times are monotonic seconds.

    Attributes:
        verdict: The verdict.
        at: When it came.
        unanswered_since: When the first sample since then was taken; None while there is none.
    """

    verdict: Verdict
    at: float
    unanswered_since: float | None


@dataclass(slots=True)
class TrackFacts:
    """What is known about a track's media and answers. Times are monotonic seconds.

    Attributes:
        source: Camera, microphone or screen.
        since: When the track was first expected.
        enabled: False while the participant has turned it off.
        last_media: When media last arrived, else None.
        heard_speech: Whether anybody has spoken on it (always False for pictures).
        last_verdict: The last verdict of any judgement, else None.
        last_verdict_at: When it came.
        last_outcome: How the last sample that ended did end, else None.
        fresh_since: Verdicts from before this say nothing of what is seen now: the track was new then, or came back.
        unanswered_since: When the first sample since the last verdict was taken; None while there is none.
        sample_period: Seconds from one sample to the next at the present rate; None when samples depend on speech.
        others: The last verdicts of detectors other than the one whose verdict was last, by their names.
    """

    source: Source
    since: float
    enabled: bool = True
    last_media: float | None = None
    heard_speech: bool = False
    last_verdict: Verdict | None = None
    last_verdict_at: float = 0.0
    last_outcome: SampleOutcome | None = None
    sample_period: float | None = None
    fresh_since: float = 0.0
    unanswered_since: float | None = None
    others: dict[str, Answer] = field(default_factory=dict)

    def note_taken(self, now: float) -> None:
        """Note that a sample was taken."""
        if self.unanswered_since is None:
            self.unanswered_since = now
        for name, answer in self.others.items():
            if answer.unanswered_since is None:
                self.others[name] = answer._replace(unanswered_since=now)

    def note_verdict(self, verdict: Verdict, now: float) -> None:
        """Note a verdict."""
        last = self.last_verdict
        if last is not None and last.detector != verdict.detector:
            self.others[last.detector] = Answer(last, self.last_verdict_at, self.unanswered_since)
            self.others.pop(verdict.detector, None)
            if len(self.others) > MAX_OTHERS:
                del self.others[min(self.others, key=lambda name: self.others[name].at)]
        self.last_verdict, self.last_verdict_at = verdict, now
        self.last_outcome = SampleOutcome.JUDGED
        self.unanswered_since = None

    def answers(self, out: Collection[str]) -> list[Answer]:
        """Each detector's last verdict on what is seen now, in the order of their names, without those of ``out``."""
        answers = list(self.others.values())
        if self.last_verdict is not None:
            answers.append(Answer(self.last_verdict, self.last_verdict_at, self.unanswered_since))
        found = [each for each in answers if each.at >= self.fresh_since and each.verdict.detector not in out]
        return sorted(found, key=lambda each: each.verdict.detector)

    def start_over(self, now: float) -> None:
        """Note that the media that comes from now on is another track's: nothing is known of it."""
        self.enabled = True
        self.last_media = None
        self.since = self.fresh_since = now
        self.heard_speech = False
        self.last_outcome = None
        self.unanswered_since = None


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
    if health.state in (HealthState.DOWN, HealthState.REFUSED):
        return Coverage(BlindReason.DETECTOR_DOWN, health.detail)
    if health.state is HealthState.CONNECTING and now - facts.since > params.answer_timeout:
        return Coverage(BlindReason.DETECTOR_DOWN, "still connecting")
    found = [_told_by(answer, facts, params, now) for answer in facts.answers(out)]
    covered = sum(each.covered for each in found)
    if len(found) > 1 and covered >= needed:
        # Each one's silence has been looked at; what another leaves unanswered is then no loss of sight.
        return Coverage()
    if facts.last_outcome is SampleOutcome.EXPIRED:
        return Coverage(BlindReason.NO_ANSWER)
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
    if facts.sample_period is not None and now - answer.at > facts.sample_period + params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
    if answer.unanswered_since is not None and now - answer.unanswered_since > params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
    return Coverage()


def _before_first_verdict(facts: TrackFacts, params: CoverageParams, now: float) -> Coverage:
    if facts.source.is_audio and not facts.heard_speech:
        return Coverage(BlindReason.NO_SPEECH)
    begun = max(facts.since, facts.fresh_since)
    if facts.sample_period is not None and now - begun > facts.sample_period + params.answer_timeout:
        return Coverage(BlindReason.NO_ANSWER)
    return Coverage(BlindReason.STARTING)
