"""Verdicts of a call, written down in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from deepguard.config.suggest import did_you_mean
from deepguard.model import Judgement, Source, Verdict
from deepguard.text import one_line

START = 1_700_000_000.0
"""When calls of tests begin, as a Unix time."""
MOST = 100_000
"""Verdicts in one stream."""

_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,3})?"
_TRACK = re.compile(
    rf"(?:(?P<who>[^/@]+)/)?(?P<source>\w+)(?:@(?P<detector>\S+))?"
    rf"(?:\s+every\s+(?P<every>{_NUMBER})\s*s)?(?:\s+from\s+(?P<begin>{_NUMBER})\s*s)?"
)
_SAID = re.compile(r"(?P<what>[a-z]+)(?:=(?P<score>[01](?:\.[0-9]+)?))?(?:\*(?P<count>[0-9]{1,6}))?")
_MISSING = re.compile(r"-(?:\*(?P<count>[0-9]{1,6}))?")
_PAUSE = re.compile(rf"(?P<seconds>{_NUMBER})s")
_EXAMPLE = (
    "a stream is written like 'camera: clear*3 alert=0.9 alert; ann/microphone every 60s: clear - clear 30s alert'"
)


class _Track(NamedTuple):
    participant: str
    source: Source
    detector: str
    every: float
    begin: float


def stream(
    text: str,
    *,
    every: float = 5.0,
    participant: str = "participant-1",
    detector: str = "test",
    start: float = START,
    delay: float = 0.0,
) -> list[Verdict]:
    """Write down the verdicts of a call: ``camera: clear*3 alert alert; microphone every 60s: clear``.

    Each track stands for itself, parted from the next by ``;`` or by a line break, and has a verdict every so many
    seconds. Before its colon: ``[PARTICIPANT/]SOURCE[@DETECTOR] [every Ns] [from Ns]``. Behind it, in this order:

    - ``clear``, ``suspicious``, ``alert``, ``error`` or ``unknown``: a verdict; ``alert=0.93`` has a score, and
      ``alert*3`` stands for three;
    - ``-``: none comes this time; ``-*3``, three times;
    - ``30s``: the next one comes 30 seconds later than it would.

    Args:
        text: The tracks.
        every: Seconds from a track's verdict to its next, where the track does not say.
        participant: Whose tracks they are, where they do not say.
        detector: Who judges, where they do not say.
        start: When the first verdicts come, as a Unix time.
        delay: Seconds from a sample's capture to its verdict (0 or more).

    Returns:
        The verdicts of all tracks, in the order in which they come.

    Raises:
        ValueError: ``text`` is not written like that; names the part.
    """
    if not every > 0 or not delay >= 0:
        raise ValueError("every must be above 0 seconds, and delay at least 0")
    parts = [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
    if not parts:
        raise ValueError(f"the stream is empty; {_EXAMPLE}")
    usual = _Track(participant, Source.CAMERA, detector, every, 0.0)
    said = sorted(
        (one for part in parts for one in _said(part, usual)),
        # At the same time, in the order in which the tracks are written: sorting keeps it.
        key=lambda one: one[0],
    )
    if len(said) > MOST:
        raise ValueError(f"the stream has {len(said)} verdicts; at most {MOST} can be written down")
    return [
        Verdict(
            participant_id=track.participant,
            track_id=track.source.value,
            source=track.source,
            judgement=judgement,
            received_at=start + at,
            detector=track.detector,
            score=score,
            sample_id=f"sample-{number}",
            captured_at=start + at - delay,
        )
        for number, (at, track, judgement, score) in enumerate(said, 1)
    ]


def _said(part: str, usual: _Track) -> Iterator[tuple[float, _Track, Judgement, float | None]]:
    head, colon, body = part.rpartition(":")
    if not colon:
        raise ValueError(f"'{one_line(part)}' has no colon behind its track; {_EXAMPLE}")
    track = _track(head.strip(), usual)
    if not body.strip():
        raise ValueError(f"'{one_line(part)}' says nothing behind its colon; {_EXAMPLE}")
    at = track.begin
    for word in body.split():
        if found := _PAUSE.fullmatch(word):
            at += float(found["seconds"])
        elif found := _MISSING.fullmatch(word):
            at += _count(found["count"], word, part) * track.every
        else:
            judgement, score, count = _verdict(word, part)
            for _ in range(count):
                yield at, track, judgement, score
                at += track.every


def _track(head: str, usual: _Track) -> _Track:
    found = _TRACK.fullmatch(head)
    if not found:
        raise ValueError(f"'{one_line(head)}' is no track; write [PARTICIPANT/]SOURCE[@DETECTOR] [every Ns] [from Ns]")
    try:
        source = Source(found["source"])
    except ValueError:
        known = [one.value for one in Source]
        guess = did_you_mean(found["source"], known) or f"; it is one of {', '.join(known)}"
        raise ValueError(f"there is no source '{one_line(found['source'])}'{guess}") from None
    every = usual.every if found["every"] is None else float(found["every"])
    if not every:
        raise ValueError(f"'{one_line(head)}': 'every' must be above 0 s")
    return _Track(
        usual.participant if found["who"] is None else found["who"].strip(),
        source,
        found["detector"] or usual.detector,
        every,
        float(found["begin"] or 0),
    )


def _verdict(word: str, part: str) -> tuple[Judgement, float | None, int]:
    found = _SAID.fullmatch(word)
    if not found:
        raise ValueError(
            f"'{one_line(word)}' in '{one_line(part)}' is neither a verdict (alert, alert=0.9, alert*3) nor one that "
            f"does not come (-) nor a pause (30s)"
        )
    try:
        judgement = Judgement(found["what"])
    except ValueError:
        known = [one.value for one in Judgement]
        guess = did_you_mean(found["what"], known) or f"; it is one of {', '.join(known)}"
        raise ValueError(f"there is no verdict '{one_line(found['what'])}'{guess}") from None
    score = None if found["score"] is None else float(found["score"])
    if score is not None and score > 1:
        raise ValueError(f"'{one_line(word)}' in '{one_line(part)}': a score is from 0 (genuine) to 1 (fake)")
    return judgement, score, _count(found["count"], word, part)


def _count(text: str | None, word: str, part: str) -> int:
    count = 1 if text is None else int(text)
    if not 1 <= count <= MOST:
        raise ValueError(f"'{one_line(word)}' in '{one_line(part)}': a count is from 1 to {MOST}")
    return count


__all__ = ["MOST", "START", "stream"]
