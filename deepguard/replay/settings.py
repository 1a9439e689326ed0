"""Which thresholds are tried, and what is next to each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from deepguard.thresholds import AfterLike, ScoreBand, Scores, Thresholds, as_after, as_plain

_ALERT: tuple[AfterLike, ...] = (
    *(1, 2, 3, 4, 5, 6, 8, 10),
    *("2 of 3", "2 of 4", "2 of 5", "3 of 4", "3 of 5", "4 of 5", "3 of 6", "4 of 6", "4 of 8", "5 of 8", "6 of 10"),
)
_SUSPICIOUS: tuple[AfterLike, ...] = (1, 2, 3, "2 of 3", "2 of 5")
_CLEAR: tuple[AfterLike, ...] = (1, 2, 3, 4, 6, 8, "2 of 3", "3 of 5", "4 of 6")
_DWELL = (0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
_RISE = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_GAP = (0.0, 0.05, 0.1, 0.2)
"""How far below its rise a score falls out of a level, and how far below ``alert`` ``suspicious`` lies."""
_HALF_LIFE = (0.0, 5.0, 10.0, 20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One set of thresholds that is tried. Each value is a place in its list of choices.

    Attributes:
        alert: Of ``alert_after``.
        suspicious: Of ``suspicious_after``.
        clear: Of ``clear_after``.
        dwell: Of ``dwell``.
        rise: Of the score at which ALERT is reached; None: what the detector says counts.
        fall: Of how far below that it is left.
        below: Of how far below ``alert`` the score of SUSPICIOUS lies.
        half_life: Of ``scores.half_life``.
    """

    alert: int = 0
    suspicious: int = 0
    clear: int = 0
    dwell: int = 0
    rise: int | None = None
    fall: int = 0
    below: int = 2
    half_life: int = 0

    def thresholds(self, base: Thresholds) -> Thresholds:
        """As the policy takes them.

        Args:
            base: What is not searched comes from here: tracks, detectors, the age of verdicts.
        """
        return replace(
            base,
            alert_after=_ALERT[self.alert],
            suspicious_after=_SUSPICIOUS[self.suspicious],
            clear_after=_CLEAR[self.clear],
            dwell=_DWELL[self.dwell],
            scores=self._scores(),
        )

    def _scores(self) -> Scores | None:
        if self.rise is None:
            return None
        rise, gap, below = _RISE[self.rise], _GAP[self.fall], _GAP[self.below]
        alert = ScoreBand(rise, round(rise - gap, 2))
        return Scores(
            ScoreBand(round(rise - below, 2), round(rise - below - gap, 2)), alert, _HALF_LIFE[self.half_life]
        )


def first_settings(rng: random.Random, count: int, *, scores: bool) -> list[Setting]:
    """What is tried first: a grid over the rules that matter most, then some at random.

    Args:
        rng: Where chance comes from.
        count: How many at most.
        scores: Whether verdicts have scores.
    """
    grid = [Setting(alert=alert, clear=clear) for alert, clear in product(range(len(_ALERT)), (0, 2))]
    if scores:
        grid += [
            Setting(alert=alert, rise=rise, half_life=half)
            for rise, alert, half in product(range(0, len(_RISE), 2), (0, 1, 2), (0, 2))
        ]
    rng.shuffle(grid)
    # The simplest first: they are what most people use.
    found = dict.fromkeys([Setting(), Setting(alert=1), Setting(alert=2), *grid[: count * 2 // 3]])
    while len(found) < count:
        before = len(found)
        for _ in range(50):
            found.setdefault(_any(rng, scores))
        if len(found) == before:
            break
    return list(found)[:count]


def next_to(setting: Setting, *, scores: bool) -> Iterator[Setting]:
    """The settings that differ in one value by one step."""
    sizes = {"alert": len(_ALERT), "suspicious": len(_SUSPICIOUS), "clear": len(_CLEAR), "dwell": len(_DWELL)}
    if setting.rise is not None:
        sizes |= {"rise": len(_RISE), "fall": len(_GAP), "below": len(_GAP), "half_life": len(_HALF_LIFE)}
    elif scores:
        yield replace(setting, rise=_RISE.index(0.7))
    for name, size in sizes.items():
        at: int = getattr(setting, name)
        for moved in (at - 1, at + 1):
            if 0 <= moved < size:
                yield replace(setting, **{name: moved})


def _any(rng: random.Random, scores: bool) -> Setting:
    chosen = Setting(*(rng.randrange(len(choices)) for choices in (_ALERT, _SUSPICIOUS, _CLEAR, _DWELL)))
    if not scores or rng.random() < 0.3:
        return chosen
    return replace(
        chosen,
        rise=rng.randrange(len(_RISE)),
        fall=rng.randrange(len(_GAP)),
        below=rng.randrange(len(_GAP)),
        half_life=rng.randrange(len(_HALF_LIFE)),
    )


def simplicity(thresholds: Thresholds) -> tuple[float, ...]:
    """How little is asked of whoever reads thresholds; of two that do the same the smaller is the better one."""
    rules = [as_after(rule) for rule in (thresholds.alert_after, thresholds.clear_after, thresholds.suspicious_after)]
    return (
        float(thresholds.scores is not None),
        float(thresholds.scores is not None and thresholds.scores.half_life > 0),
        float(sum(bool(rule.of) for rule in rules)),
        float(thresholds.dwell > 0),
        float(sum(max(rule.verdicts, rule.of) for rule in rules)),
        thresholds.dwell,
    )


def words(thresholds: Thresholds) -> dict[str, str]:
    """Thresholds in a few words, by what is searched."""
    scores = thresholds.scores
    told = "as judged"
    if scores is not None:
        told = f"{scores.alert.rise:g}/{scores.alert.fall:g}, {scores.suspicious.rise:g}/{scores.suspicious.fall:g}"
        told += f", {scores.half_life:g} s" if scores.half_life else ""
    return {
        "alert after": str(as_after(thresholds.alert_after)),
        "suspicious after": str(as_after(thresholds.suspicious_after)),
        "clear after": str(as_after(thresholds.clear_after)),
        "dwell": f"{thresholds.dwell:g} s",
        "scores": told,
    }


def settings_yaml(thresholds: Thresholds) -> str:
    """Thresholds as they stand in ``deepguard.yaml``."""
    import yaml

    return yaml.safe_dump({"policy": {"thresholds": as_plain(thresholds)}}, sort_keys=False, default_flow_style=None)


__all__ = [
    "Setting",
    "first_settings",
    "next_to",
    "settings_yaml",
    "simplicity",
    "words",
]
