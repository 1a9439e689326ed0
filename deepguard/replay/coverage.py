"""How long nobody watched, and what would have been told of it.

The media is not played again: when a track was blind, and why, is as it was recorded. Only what is told of it follows
from the configuration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deepguard.model import BlindReason, CoverageChanged, Source
from deepguard.policy.blindness import Blindness, threshold_of
from deepguard.store.summaries import NOTHING_TO_SEE

if TYPE_CHECKING:
    from deepguard.config.models import CoverageParams
    from deepguard.store.recording import Recording

TrackKey = tuple[str, Source]


class Piece(NamedTuple):
    """A time during which the coverage of a track stayed the same.

    Attributes:
        begin: Unix time.
        end: Unix time; that of the next piece's begin, or the end of the call.
        blind: Why nobody watched; None when it was watched.
    """

    begin: float
    end: float
    blind: BlindReason | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one recorded call says of coverage.

    Attributes:
        tracks: The pieces of each track, in order, from the first thing that is known of it to the call's end.
    """

    tracks: dict[TrackKey, tuple[Piece, ...]]

    def seconds(self) -> float:
        """Seconds that there was something to be watched, of all tracks together."""
        return math.fsum(piece.end - piece.begin for piece in self._worth_watching())

    def blind_seconds(self) -> dict[BlindReason, float]:
        """Those of them that nobody watched, by reason."""
        found: dict[BlindReason, list[float]] = {}
        for piece in self._worth_watching():
            if piece.blind is not None:
                found.setdefault(piece.blind, []).append(piece.end - piece.begin)
        return {reason: math.fsum(spans) for reason, spans in found.items()}

    def unwatched(self, begin: float, end: float) -> dict[str, tuple[tuple[float, float], ...]]:
        """When nobody watched any track of a participant, in seconds since ``begin``.

        Args:
            begin: When the call began (Unix).
            end: When it ended.

        Returns:
            By participant, in order; one of whom nothing is known is left out.
        """
        watched: dict[str, list[tuple[float, float]]] = {}
        for (participant, _), pieces in self.tracks.items():
            spans = [(piece.begin, piece.end) for piece in pieces if piece.blind is None]
            watched.setdefault(participant, []).extend(spans)
        return {participant: tuple(_between(sorted(spans), begin, end)) for participant, spans in watched.items()}

    def _worth_watching(self) -> Iterator[Piece]:
        for (_, source), pieces in self.tracks.items():
            yield from (piece for piece in pieces if (source, piece.blind) not in NOTHING_TO_SEE)


class Told(NamedTuple):
    """What a configuration would have told of one call's coverage.

    Attributes:
        lost: How often that a track is no longer watched.
        regained: How often that one is watched again.
    """

    lost: int
    regained: int


def seen_in(recording: Recording) -> Seen:
    """Read the coverage of each track from what was recorded.

    A track is known from its first verdict or its first change of coverage on; until that change its coverage is the
    one that the change ended.
    """
    end = recording.call.started_at + recording.seconds
    began: dict[TrackKey, float] = {}
    changes: dict[TrackKey, list[CoverageChanged]] = {}
    for change in recording.transitions:
        if isinstance(change, CoverageChanged):
            changes.setdefault((change.participant_id, change.source), []).append(change)
    for verdict in recording.verdicts:
        key = (verdict.participant_id, verdict.source)
        if key not in began:
            began[key] = verdict.received_at
    return Seen({key: tuple(_pieces(found, began.get(key, math.inf), end)) for key, found in sorted(changes.items())})


def _between(spans: Sequence[tuple[float, float]], begin: float, end: float) -> Iterator[tuple[float, float]]:
    """What lies between spans that are in the order of their beginnings, in seconds since ``begin``."""
    at = begin
    for start, until in (*spans, (end, end)):
        if start > at:
            yield at - begin, start - begin
        at = max(at, until)


def told(seen: Seen, params: CoverageParams) -> Told:
    """What this configuration would have told.

    Args:
        seen: From ``seen_in``.
        params: Its section ``coverage``.
    """
    lost = regained = 0
    for (_, source), pieces in seen.tracks.items():
        clock = Blindness()
        for piece in pieces:
            if piece.blind is None:
                regained += clock.ends()
                continue
            threshold = threshold_of(params, source, piece.blind)
            is_told = clock.goes_on(piece.blind, threshold, piece.begin)
            # Live, somebody looks four times a second; here, at the moment that it falls due.
            if not is_told and clock.due < piece.end:
                is_told = clock.goes_on(piece.blind, threshold, max(clock.due, piece.begin))
            lost += is_told
    return Told(lost, regained)


def _pieces(changes: Sequence[CoverageChanged], began: float, end: float) -> Iterator[Piece]:
    at, blind = min(began, changes[0].at), changes[0].before.blind
    for change in changes:
        if change.at > at:
            yield Piece(at, change.at, blind)
        at, blind = max(at, change.at), change.after.blind
    if end > at:
        yield Piece(at, end, blind)


__all__ = ["Piece", "Seen", "Told", "seen_in", "told"]
