"""The figures of a comparison for people: one row each, with what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from deepguard.replay.compare import Comparison
from deepguard.replay.tally import Tally

Better: TypeAlias = Literal["less", "more", ""]
"""Which direction is an improvement, where there is one."""

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row.

    Attributes:
        name: What it is.
        before: As it was.
        after: As it would be.
        change: The difference; empty when there is none.
        verdict: ``better`` or ``worse`` where one can say so; else empty.
    """

    name: str
    before: str
    after: str
    change: str
    verdict: Literal["better", "worse", ""] = ""


def figures(comparison: Comparison) -> list[Figure]:
    """All rows, in their order."""
    return list(_figures(comparison.before, comparison.after))


def _figures(one: Tally, other: Tally) -> Iterator[Figure]:
    yield _count("calls", one.calls, other.calls)
    yield Figure("call-hours", hours(one.hours), hours(other.hours), "")
    yield _count("incidents", one.incidents, other.incidents)
    yield _rate("alerts per call-hour", one.per_hour(one.incidents), other.per_hour(other.incidents))
    yield _count("participants alerted", one.alerted, other.alerted)
    yield _time("time to alert, median", one.to_alert.quantile(0.5), other.to_alert.quantile(0.5))
    yield _time("time to alert, 90 %", one.to_alert.quantile(0.9), other.to_alert.quantile(0.9))
    yield _count("flips", one.flips, other.flips, "less")
    yield _rate("flips per call-hour", one.per_hour(one.flips), other.per_hour(other.flips), "less")
    yield _share("time blind", one.blind_share, other.blind_share)
    yield _count("coverage alerts", one.coverage_lost, other.coverage_lost)
    yield _count("notifications", _told(one), _told(other))
    yield _count("policy failures", one.failures, other.failures, "less")
    if one.labelled:
        yield _share("precision", one.precision, other.precision, "more")
        yield _share("recall", one.recall, other.recall, "more")
        yield _count("false alarms", one.false_alarms, other.false_alarms, "less")
        yield _rate(
            "false alarms per call-hour", one.per_hour(one.false_alarms), other.per_hour(other.false_alarms), "less"
        )
        yield _count("unlabelled incidents", one.unlabelled, other.unlabelled)


def _told(tally: Tally) -> int:
    return tally.told + tally.coverage_lost + tally.coverage_regained


def _count(name: str, before: int, after: int, better: Better = "") -> Figure:
    change = f"{after - before:+,}" if after != before else ""
    return Figure(name, f"{before:,}", f"{after:,}", change, _verdict(before, after, better))


def _rate(name: str, before: float | None, after: float | None, better: Better = "") -> Figure:
    return Figure(name, rate(before), rate(after), _ratio(before, after), _verdict(before, after, better))


def _share(name: str, before: float | None, after: float | None, better: Better = "") -> Figure:
    change = ""
    if before is not None and after is not None and percent(before) != percent(after):
        change = f"{(after - before) * 100:+.1f} points"
    return Figure(name, percent(before), percent(after), change, _verdict(before, after, better))


def _time(name: str, before: float | None, after: float | None) -> Figure:
    change = ""
    if before is not None and after is not None and seconds(before) != seconds(after):
        change = f"{after - before:+.1f} s"
    return Figure(name, seconds(before), seconds(after), change)


def _ratio(before: float | None, after: float | None) -> str:
    if before is None or after is None or rate(before) == rate(after):
        return ""
    return f"{(after / before - 1) * 100:+.0f} %" if before else f"+{rate(after)}"


def _verdict(before: float | None, after: float | None, better: Better) -> Literal["better", "worse", ""]:
    if before is None or after is None or before == after or not better:
        return ""
    return "better" if (after < before) is (better == "less") else "worse"


def rate(value: float | None) -> str:
    """A rate with three digits that count."""
    if value is None:
        return NOTHING
    return "0" if value == 0 else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share, as a percentage."""
    return NOTHING if value is None else f"{value * 100:.1f} %"


def seconds(value: float | None) -> str:
    """A length of time."""
    return NOTHING if value is None else f"{value:.1f} s" if value < 600 else f"{value / 60:.1f} min"


def hours(value: float) -> str:
    """Hours of calls."""
    return f"{value:,.1f}"


__all__ = ["Figure", "figures", "hours", "percent", "rate", "seconds"]
