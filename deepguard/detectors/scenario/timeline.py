"""What a scenario says of a track at a moment."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from deepguard.detectors.scenario.config import (
    LAST_ENTRY_SECONDS,
    SCORED,
    Behaviour,
    ScenarioConfig,
)
from deepguard.model import Source


class Line(NamedTuple):
    """What the script has for a sample.

    Attributes:
        behaviour: A judgement, or silence.
        message: The script's own words; may be empty.
        score: 0 (genuine) to 1 (fake), or None.
    """

    behaviour: Behaviour
    message: str = ""
    score: float | None = None


DEFAULT = Line("clear")
"""What a track does before its first entry."""


class Timeline:
    """A scenario, ready to be asked."""

    def __init__(self, config: ScenarioConfig) -> None:
        """Sort the entries by track.

        Args:
            config: The script.
        """
        self._length = (config.length or config.timeline[-1].at + LAST_ENTRY_SECONDS) if config.loop else None
        self._times: dict[Source, list[float]] = {source: [] for source in Source}
        self._lines: dict[Source, list[Line]] = {source: [DEFAULT] for source in Source}
        for entry in config.timeline:
            for source, behaviour in entry.behaviours().items():
                score = entry.score if behaviour in SCORED else None
                self._times[source].append(entry.at)
                self._lines[source].append(Line(behaviour, entry.message, score))

    def at(self, source: Source, elapsed: float) -> Line:
        """What the script has for a sample.

        Args:
            source: The sample's track.
            elapsed: Seconds since the first sample of the call.
        """
        if self._length is not None:
            elapsed %= self._length
        return self._lines[source][bisect_right(self._times[source], elapsed)]


__all__ = ["DEFAULT", "Line", "Timeline"]
