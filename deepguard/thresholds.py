"""The thresholds of the alert policy: what has to come together before a level changes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Literal, TypeAlias

from deepguard.model import Source

MOST_VERDICTS = 100_000
"""Verdicts in a row that a rule may ask for."""
MOST_OF = 100
"""Latest verdicts among which a rule may count."""
MOST_SECONDS = 86400.0

_TIMES = {"s": 1.0, "m": 60.0, "h": 3600.0}
_IN_A_ROW = re.compile(r"([0-9]{1,9})", re.ASCII)
_OF = re.compile(r"([0-9]{1,9}) +of +([0-9]{1,9})", re.ASCII)
_LASTING = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([smh])", re.ASCII)


def _check_combining(combine: str, known: tuple[str, ...], weights: Mapping[Any, float], share: float) -> None:
    if combine not in known:
        raise ValueError(f"combine must be one of {', '.join(known)}")
    if not all(_is_number(weight, 0.0, 1000.0) for weight in weights.values()):
        raise ValueError("weights must be numbers from 0 to 1000")
    if not _is_number(share, 0.0, 1.0) or share <= 0.0:
        raise ValueError("share must be a number above 0, and at most 1")


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: object, least: float, most: float) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= most
    )


@dataclass(frozen=True, slots=True)
class After:
    """How much evidence changes a level: verdicts in a row, some of the latest verdicts, or verdicts for some time.

    Attributes:
        verdicts: So many verdicts (at least 1).
        of: Among so many of the latest ones (``verdicts`` to 100); 0: in a row.
        seconds: In a row, the first at least so long before the last (above 0 to 86400); 0: time does not matter.

    Raises:
        ValueError: It makes no sense.
    """

    verdicts: int = 1
    of: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no policy could follow."""
        if not _is_whole(self.verdicts, 1, MOST_VERDICTS):
            raise ValueError(f"verdicts must be a whole number from 1 to {MOST_VERDICTS}")
        if self.of and not _is_whole(self.of, self.verdicts, MOST_OF):
            raise ValueError(f"in 'm of n', n must be a whole number from m to {MOST_OF}")
        if not _is_number(self.seconds, 0.0, MOST_SECONDS):
            raise ValueError("seconds must be a number from 0 to 86400")
        if self.seconds and (self.of or self.verdicts > 1):
            raise ValueError("a number of verdicts and a time cannot be asked for together")

    @classmethod
    def parse(cls, text: str) -> After:
        """Read what stands in YAML: ``3``, ``3 of 5``, or a time: ``10 s``, ``2 m``, ``1 h``.

        Raises:
            ValueError: It is none of these.
        """
        said = text.strip()
        if found := _IN_A_ROW.fullmatch(said):
            return cls(int(found[1]))
        if found := _OF.fullmatch(said):
            return cls(int(found[1]), of=int(found[2]))
        if (found := _LASTING.fullmatch(said)) and float(found[1]) > 0:
            return cls(1, seconds=float(found[1]) * _TIMES[found[2]])
        raise ValueError("must be a number of verdicts in a row (3), a share of the latest (3 of 5), or a time (10 s)")

    def __str__(self) -> str:
        """As it stands in YAML."""
        if self.seconds:
            return f"{self.seconds:g} s"
        return f"{self.verdicts} of {self.of}" if self.of else str(self.verdicts)


AfterLike: TypeAlias = int | str | After
"""What may stand for an ``After``: a number of verdicts in a row, its text in YAML, or itself."""


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """The score at which a level is reached, and the one below which it is left.

    Attributes:
        rise: It is reached at this score or above (above 0, to 1).
        fall: It is left below this score (0 to ``rise``). Apart, they keep a score that wavers from changing the level.

    Raises:
        ValueError: It makes no sense.
    """

    rise: float
    fall: float

    def __post_init__(self) -> None:
        """Refuse what no policy could follow."""
        if not _is_number(self.rise, 0.0, 1.0) or self.rise <= 0.0:
            raise ValueError("rise must be a number above 0, and at most 1")
        if not _is_number(self.fall, 0.0, self.rise):
            raise ValueError("fall must be a number from 0 to rise")


@dataclass(frozen=True, slots=True)
class Scores:
    """How scores become judgements. Without it what the detector says counts, whatever its score.

    Attributes:
        suspicious: When a score is suspicious.
        alert: When it is an alert; both of its values are at least those of ``suspicious``.
        half_life: Seconds after which an earlier score counts half as much as the latest (0 to 86400); 0: only the
            latest counts.

    Raises:
        ValueError: It makes no sense.
    """

    suspicious: ScoreBand = ScoreBand(0.6, 0.5)
    alert: ScoreBand = ScoreBand(0.85, 0.7)
    half_life: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no policy could follow."""
        if self.alert.rise < self.suspicious.rise or self.alert.fall < self.suspicious.fall:
            raise ValueError("alert must not rise or fall at a lower score than suspicious")
        if not _is_number(self.half_life, 0.0, MOST_SECONDS):
            raise ValueError("half_life must be a number of seconds from 0 to 86400")


@dataclass(frozen=True, slots=True)
class CombineTracks:
    """How the levels of a participant's tracks become the participant's.

    Attributes:
        combine: ``any``: the highest. ``both``: sound and picture must agree, so the lower of the two, where both have
            been judged; else the one that has. ``weighted``: a level is reached when the tracks that are at it or above
            hold at least ``share`` of the weight of all that have been judged.
        weights: Of tracks, by source; 1 where none is given. Only for ``weighted``.
        share: Above 0, to 1. Only for ``weighted``.

    Raises:
        ValueError: It makes no sense.
    """

    combine: Literal["any", "both", "weighted"] = "any"
    weights: Mapping[Source, float] = field(default_factory=dict, hash=False)
    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no policy could follow."""
        _check_combining(self.combine, ("any", "both", "weighted"), self.weights, self.share)
        if not all(isinstance(source, Source) for source in self.weights):
            raise ValueError("weights must be given by source")


@dataclass(frozen=True, slots=True)
class CombineDetectors:
    """How the levels that several detectors give a track become the track's.

    Attributes:
        combine: ``any``: the highest. ``quorum``: the highest that at least ``quorum`` of them are at or above.
            ``weighted``: a level is reached when the detectors that are at it or above hold at least ``share`` of the
            weight of all that have judged the track.
        quorum: From 1 to 8. Only for ``quorum``.
        weights: Of detectors, by name; 1 where none is given. Only for ``weighted``.
        share: Above 0, to 1. Only for ``weighted``.

    Raises:
        ValueError: It makes no sense.
    """

    combine: Literal["any", "quorum", "weighted"] = "any"
    quorum: int = 2
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)
    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no policy could follow."""
        _check_combining(self.combine, ("any", "quorum", "weighted"), self.weights, self.share)
        if not _is_whole(self.quorum, 1, 8):
            raise ValueError("quorum must be a whole number from 1 to 8")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What has to come together before a level changes.

    Attributes:
        suspicious_after: Verdicts of at least ``suspicious`` until a track rises to SUSPICIOUS: a number in a row, or
            an ``After``, or the text of one.
        alert_after: Verdicts of ``alert`` until it rises to ALERT.
        clear_after: Verdicts below the present level until it falls back.
        scores: How scores become judgements; None: what the detector says counts.
        dwell: Seconds that a level lasts before it may fall (0 to 86400). A rise never waits.
        max_age: Seconds after which a verdict counts for nothing, since its sample was captured (above 0, to 86400);
            None: it counts until others come.
        tracks: How the tracks of a participant combine.
        detectors: How the detectors of a track combine.

    Raises:
        ValueError: One of them makes no sense.
    """

    suspicious_after: AfterLike = 1
    alert_after: AfterLike = 1
    clear_after: AfterLike = 1
    scores: Scores | None = None
    dwell: float = 0.0
    max_age: float | None = None
    tracks: CombineTracks = CombineTracks()
    detectors: CombineDetectors = CombineDetectors()

    def __post_init__(self) -> None:
        """Refuse what no policy could follow, so that the hook that returned it is the one that fails."""
        for name in ("suspicious_after", "alert_after", "clear_after"):
            rule = as_after(getattr(self, name), name)
            if self.max_age is not None and rule.seconds > self.max_age:
                raise ValueError(f"{name} asks for verdicts over a longer time than max_age lets them count")
        for name, kind in (("tracks", CombineTracks), ("detectors", CombineDetectors)):
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be {kind.__name__}(…)")
        if self.scores is not None and not isinstance(self.scores, Scores):
            raise ValueError("scores must be Scores(…) or None")
        if not _is_number(self.dwell, 0.0, MOST_SECONDS):
            raise ValueError("dwell must be a number of seconds from 0 to 86400")
        if self.max_age is not None and (not _is_number(self.max_age, 0.0, MOST_SECONDS) or self.max_age <= 0.0):
            raise ValueError("max_age must be a number of seconds above 0, and at most 86400, or None")


def as_after(value: object, name: str = "it") -> After:
    """What a rule asks for, however it was written.

    Args:
        value: A whole number, a text, or an ``After``.
        name: What it is called in errors.

    Raises:
        ValueError: It makes no sense.
    """
    if isinstance(value, After):
        return value
    if isinstance(value, str):
        try:
            return After.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, 'm of n', or a time")
    return After(value)


def as_plain(thresholds: Thresholds) -> dict[str, Any]:
    """Thresholds as they stand in YAML under ``policy.thresholds``; the three counts always, the rest where it differs.

    ``config.policy.ThresholdParams`` reads it back.
    """
    plain: dict[str, Any] = {}
    for name in ("suspicious_after", "alert_after", "clear_after"):
        rule = as_after(getattr(thresholds, name))
        plain[name] = str(rule) if rule.of or rule.seconds else rule.verdicts
    usual = Thresholds()
    for name in ("scores", "dwell", "max_age", "tracks", "detectors"):
        value = getattr(thresholds, name)
        if value != getattr(usual, name):
            plain[name] = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    for combined in ("tracks", "detectors"):
        if combined in plain:
            plain[combined]["weights"] = {str(key): weight for key, weight in plain[combined]["weights"].items()}
    return plain


__all__ = [
    "After",
    "AfterLike",
    "CombineDetectors",
    "CombineTracks",
    "ScoreBand",
    "Scores",
    "Thresholds",
    "as_after",
    "as_plain",
]
