"""A comparison as a page: what `deepguard replay --html` writes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from deepguard.replay.compare import Changed, Comparison, words_for
from deepguard.replay.figures import Figure, figures
from deepguard.replay.markup import Markup, joined, name_of, tag
from deepguard.replay.page import card, page, section
from deepguard.replay.plots import Bars, lanes, legend, pairs_of_bars
from deepguard.replay.spread import Spread
from deepguard.replay.tally import HOUR_MS, Tally
from deepguard.replay.timeline import Lane, Pair, clock, pairs

_BIG = ("incidents", "alerts per call-hour", "time to alert, median", "flips", "precision", "recall")
_EDGES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, math.inf)
"""Seconds to alert that are drawn together."""


def report(found: Comparison, *, before: str, after: str) -> str:
    """The page.

    Args:
        found: The comparison.
        before: What the one side is, for people.
        after: What the other side is, for people.
    """
    rows = figures(found)
    scripted = f", {found.after.simulated} of them simulated" if found.after.simulated else ""
    return page(
        "deepguard replay",
        tag("h1", None, "What another policy would have made of these calls"),
        tag(
            "p",
            {"class": "lead"},
            f"{found.after.calls:,} calls{scripted}, {found.after.hours:,.1f} call-hours. ",
            tag("span", None, f"Before: {before}. After: {after}."),
        ),
        tag("div", {"class": "cards"}, *(_card(row) for row in rows if row.name in _BIG)),
        _failures(found),
        tag(
            "div",
            {"class": "two"},
            section("Alerts per call-hour, by day", legend(), _rates(found.before, found.after)),
            section("Incidents by day", legend(), _incidents(found.before, found.after)),
            section("Time to alert", legend(), _times(found.before.to_alert, found.after.to_alert)),
            _right(found.before, found.after),
        ),
        section("All figures", _table(rows), _notes(found)),
        section(f"Calls that change: {len(found.changed):,}", *_calls(found)),
        tag("footer", None, "Written by deepguard replay. Names and causes are as they were recorded."),
    )


def _card(row: Figure) -> Markup:
    was = f"before: {row.before}" + (f" ({row.change})" if row.change else "")
    return card(row.name, row.after, was, row.verdict)


def _rates(before: Tally, after: Tally) -> Markup:
    bars = [
        Bars(
            day,
            before.incidents_by_day[day] * HOUR_MS / length if length else 0.0,
            after.incidents_by_day[day] * HOUR_MS / length if length else 0.0,
        )
        for day, length in sorted(after.call_ms_by_day.items())
    ]
    return pairs_of_bars(bars, unit="per call-hour", about="Alerts per call-hour by day, before and after")


def _incidents(before: Tally, after: Tally) -> Markup:
    bars = [
        Bars(day, float(before.incidents_by_day[day]), float(after.incidents_by_day[day]))
        for day in sorted(after.call_ms_by_day)
    ]
    return pairs_of_bars(bars, unit="incidents", about="Incidents by day, before and after", whole=True)


def _times(before: Spread, after: Spread) -> Markup:
    if not before.counts and not after.counts:
        return tag("p", {"class": "muted"}, "Nobody was alerted.")
    bars = [
        Bars(_range(low, high), float(_within(before, low, high)), float(_within(after, low, high)))
        for low, high in pairwise(_EDGES)
    ]
    used = [number for number, one in enumerate(bars) if one.before or one.after]
    shown = bars[: max(used) + 1]
    return joined(
        pairs_of_bars(shown, unit="participants", about="Time to alert, before and after", whole=True),
        tag(
            "p",
            {"class": "note"},
            "From a participant's first verdict of suspicious or alert to their first incident.",
        ),
    )


def _within(spread: Spread, low: float, high: float) -> int:
    return sum(count for value, count in spread.counts.items() if low <= value / 1000 < high)


def _range(low: float, high: float) -> str:
    def short(seconds: float) -> str:
        return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"

    return (
        f"{short(low)} and more"
        if math.isinf(high)
        else f"under {short(high)}"
        if not low
        else f"{short(low)} to {short(high)}"
    )


def _right(before: Tally, after: Tally) -> Markup | None:
    if not after.labelled:
        return None
    bars = [
        Bars("precision", (before.precision or 0.0) * 100, (after.precision or 0.0) * 100),
        Bars("recall", (before.recall or 0.0) * 100, (after.recall or 0.0) * 100),
    ]
    about = f"{after.fake:,} participants are known to be fake, {after.genuine:,} to be genuine."
    return section(
        "Against the labels",
        legend(),
        pairs_of_bars(bars, unit="%", about="Precision and recall, before and after"),
        tag("p", {"class": "note"}, about),
    )


def _table(rows: list[Figure]) -> Markup:
    heads = ("Figure", "Before", "After", "Change")
    return tag(
        "div",
        {"class": "wide"},
        tag(
            "table",
            None,
            tag("thead", None, tag("tr", None, *(tag("th", {"scope": "col"}, head) for head in heads))),
            tag(
                "tbody",
                None,
                *(
                    tag(
                        "tr",
                        None,
                        tag("td", None, row.name),
                        tag("td", None, row.before),
                        tag("td", None, row.after),
                        tag("td", {"class": row.verdict or None}, f"{row.change} {row.verdict}".strip()),
                    )
                    for row in rows
                ),
            ),
        ),
    )


def _notes(found: Comparison) -> Markup:
    return tag(
        "p",
        {"class": "note"},
        f"Participants alerted only after: {found.newly_alerted:,}, only before: {found.no_longer_alerted:,}, "
        f"earlier: {found.earlier:,}, later: {found.later:,}. The media is not played again: time blind is as "
        "recorded.",
    )


def _failures(found: Comparison) -> Markup | None:
    if not found.failures:
        return None
    shown = (
        tag("li", None, tag("span", {"class": "time"}, one.call_id[:12]), "", tag("span", None, one.reason))
        for one in found.failures
    )
    return section(
        f"The policy failed in {found.after.failures:,} calls",
        tag("p", None, "There the built-in policy took over, as it does live."),
        tag("ol", None, *shown),
    )


def _calls(found: Comparison) -> Iterator[Markup]:
    if not found.shown:
        yield tag("p", {"class": "muted"}, "None is shown." if found.changed else "None.")
        return
    if len(found.shown) < len(found.changed):
        yield tag("p", {"class": "muted"}, f"The {len(found.shown):,} that matter most:")
    yield tag(
        "p",
        {"class": "legend"},
        *(tag("span", {"class": f"key {kind}"}, kind) for kind in ("clear", "suspicious", "alert", "incident")),
        tag("span", {"class": "key unwatched"}, "not watched"),
    )
    for changed in found.shown:
        yield _call(changed)


def _call(changed: Changed) -> Markup:
    began = _moment(changed.call.started_at)
    simulated = ", simulated" if changed.simulated else ""
    return tag(
        "article",
        {"class": "call"},
        tag("h3", None, ", ".join(words_for(changed))),
        tag(
            "p",
            {"class": "what"},
            "call ",
            tag("code", None, changed.call.id),
            f", {began}, {clock(changed.seconds)} long{simulated}",
        ),
        *(
            joined(
                lanes(pair.participant_id, pair.known, pair.before, pair.after, changed.seconds),
                _events(pair),
            )
            for pair in pairs(changed)
        ),
    )


def _events(pair: Pair) -> Markup:
    return tag(
        "details",
        None,
        tag("summary", None, "What changed when, and why: ", name_of(pair.participant_id)),
        *(
            joined(tag("p", {"class": "side"}, side), _list(lane))
            for side, lane in (("before", pair.before), ("after", pair.after))
        ),
    )


def _list(lane: Lane) -> Markup:
    if not lane.events:
        return tag("p", {"class": "muted"}, "Its level does not change.")
    shown = [
        tag(
            "li",
            None,
            tag("span", {"class": "time"}, clock(event.at)),
            tag("span", {"class": f"level-{event.level}"}, str(event.level)),
            tag("span", None, _incident_words(event.incident), event.cause),
        )
        for event in lane.events
    ]
    more = tag("li", None, "", "", f"and {lane.more:,} more changes") if lane.more else None
    return tag("ol", None, *shown, more)


def _incident_words(what: str) -> str | None:
    return {"opens": "incident opens: ", "ends": "incident ends: "}.get(what)


def _moment(at: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


__all__ = ["report"]
