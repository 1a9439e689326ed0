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
class Blindness:
    """What one recorded call says of coverage.

    Attributes:
        tracks: The pieces of each track, in order, from the first thing that is known of it to the call's end.
    """

    tracks: dict[TrackKey, tuple[Piece, ...]]

    def seconds(self) -> float:
        """Seconds of all tracks together."""
        return math.fsum(piece.end - piece.begin for pieces in self.tracks.values() for piece in pieces)

    def blind_seconds(self) -> dict[BlindReason, float]:
        """Seconds that nobody watched, of all tracks together, by reason."""
        found: dict[BlindReason, list[float]] = {}
        for pieces in self.tracks.values():
            for piece in pieces:
                if piece.blind is not None:
                    found.setdefault(piece.blind, []).append(piece.end - piece.begin)
        return {reason: math.fsum(spans) for reason, spans in found.items()}


class Told(NamedTuple):
    """What a configuration would have told of one call's coverage.

    Attributes:
        lost: How often that a track is no longer watched.
        regained: How often that one is watched again.
    """

    lost: int
    regained: int


def blindness(recording: Recording) -> Blindness:
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
    return Blindness(
        {key: tuple(_pieces(found, began.get(key, math.inf), end)) for key, found in sorted(changes.items())}
    )


def told(seen: Blindness, params: CoverageParams) -> Told:
    """What this configuration would have told.

    Args:
        seen: From ``blindness``.
        params: Its section ``coverage``.
    """
    lost = regained = 0
    for (_, source), pieces in seen.tracks.items():
        since: float | None = None
        is_told = False
        for piece in pieces:
            if piece.blind is None:
                regained += is_told
                since, is_told = None, False
                continue
            if since is None:
                since = piece.begin
            if is_told or not _worth_telling(source, piece.blind):
                continue
            if max(piece.begin, since + params.notify_after) < piece.end:
                lost += 1
                is_told = True
    return Told(lost, regained)


def _pieces(changes: Sequence[CoverageChanged], began: float, end: float) -> Iterator[Piece]:
    at, blind = min(began, changes[0].at), changes[0].before.blind
    for change in changes:
        if change.at > at:
            yield Piece(at, change.at, blind)
        at, blind = max(at, change.at), change.after.blind
    if end > at:
        yield Piece(at, end, blind)


def _worth_telling(source: Source, blind: BlindReason) -> bool:
    # Somebody who listens without speaking, and a share that was ended, are no loss of sight.
    return blind is not BlindReason.NO_SPEECH and not (source is Source.SCREEN and blind is BlindReason.NO_MEDIA)


__all__ = ["Blindness", "Piece", "Told", "blindness", "told"]
