"""How levels that differ become one: of the detectors of a track, and of the tracks of a participant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from deepguard.model import Level, Source
from deepguard.thresholds import CombineDetectors, CombineTracks

Name = TypeVar("Name", str, Source)

_DOWNWARDS = (Level.ALERT, Level.SUSPICIOUS)
_ROUNDING = 1e-9


def of_detectors(levels: Mapping[str, Level], how: CombineDetectors) -> Level:
    """The level of a track.

    Args:
        levels: What each detector that counts holds the track for, by the detector's name.
        how: How they combine.
    """
    if how.combine == "quorum":
        for level in _DOWNWARDS:
            if sum(one >= level for one in levels.values()) >= how.quorum:
                return level
        return Level.CLEAR
    if how.combine == "weighted":
        return _weighted(levels, how.weights, how.share)
    return max(levels.values(), default=Level.CLEAR)


def of_tracks(levels: Mapping[Source, Level], how: CombineTracks) -> Level:
    """The level of a participant.

    Args:
        levels: The level of each track that counts.
        how: How they combine.
    """
    if how.combine == "both":
        sound = [level for source, level in levels.items() if source.is_audio]
        picture = [level for source, level in levels.items() if not source.is_audio]
        if sound and picture:
            return min(max(sound), max(picture))
        # Whoever keeps silent, or turns the camera off, must not be safe for that.
    if how.combine == "weighted":
        return _weighted(levels, how.weights, how.share)
    return max(levels.values(), default=Level.CLEAR)


def _weighted(levels: Mapping[Name, Level], weights: Mapping[Name, float], share: float) -> Level:
    total = sum(weights.get(name, 1.0) for name in levels)
    for level in _DOWNWARDS:
        held = sum(weights.get(name, 1.0) for name, one in levels.items() if one >= level)
        if held > 0.0 and held >= share * total - _ROUNDING:
            return level
    return Level.CLEAR


__all__ = ["of_detectors", "of_tracks"]
