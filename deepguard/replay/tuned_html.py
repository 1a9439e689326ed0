"""What a search found, as a page: what `deepguard tune --html` writes."""

from __future__ import annotations

from deepguard.replay.figures import percent, rate, seconds
from deepguard.replay.markup import Markup, tag
from deepguard.replay.page import card, page, section
from deepguard.replay.plots import Point, curve
from deepguard.replay.search import Found, Goal, Tried
from deepguard.replay.settings import settings_yaml, words
from deepguard.replay.tuned import warnings

_KINDS = {
    "chosen": "recommended",
    "present": "in use now",
    "after": "nothing is better in both",
}


def report(found: Found, goal: Goal, *, calls: int) -> str:
    """The page.

    Args:
        found: What was found.
        goal: What was asked for.
        calls: How many labelled calls there are.
    """
    best, held, present = found.best.score, found.held_out, found.present.score
    told = warnings(found)
    return page(
        "deepguard tune",
        tag("h1", None, "Thresholds that fit the labelled calls"),
        tag(
            "p",
            {"class": "lead"},
            f"{calls:,} labelled calls: {best.fake:,} participants are known to be fake, {best.genuine:,} to be "
            f"genuine. {len(found.tried):,} sets of thresholds were tried. {_asked(goal, found)}",
        ),
        section("How far to trust this", *(tag("p", {"class": "worse"}, one) for one in told)) if told else None,
        tag(
            "div",
            {"class": "cards"},
            card("recall", percent(best.recall), f"held out: {percent(held.recall)}; now: {percent(present.recall)}"),
            card(
                "false alarms per call-hour",
                rate(best.false_alarms_per_hour),
                f"held out: {rate(held.false_alarms_per_hour)}; now: {rate(present.false_alarms_per_hour)}",
            ),
            card("precision", percent(best.precision), f"held out: {percent(held.precision)}"),
            card(
                "time to alert, median",
                seconds(best.to_alert.quantile(0.5)),
                f"now: {seconds(present.to_alert.quantile(0.5))}",
            ),
        ),
        section(
            "The trade-off",
            tag(
                "p",
                {"class": "legend"},
                *(tag("span", {"class": f"key {kind}"}, said) for kind, said in _KINDS.items()),
            ),
            curve(_points(found), across="false alarms per call-hour", up="recall", about="Recall over false alarms"),
            tag(
                "p",
                {"class": "note"},
                "Left is quieter, up finds more fakes. Rest a pointer on a point to see what it is.",
            ),
        ),
        section("Worth choosing from", _table(found)),
        section("To paste into deepguard.yaml", tag("pre", None, _code(settings_yaml(found.best.thresholds)))),
        tag("footer", None, "Written by deepguard tune."),
    )


def _asked(goal: Goal, found: Found) -> str:
    asked = []
    if goal.max_false_alarms is not None:
        asked.append(f"at most {goal.max_false_alarms:g} false alarms per call-hour")
    if goal.min_recall is not None:
        asked.append(f"a recall of at least {goal.min_recall:g}")
    if not asked:
        return ""
    return f"Asked for: {' and '.join(asked)}{'' if found.met else ', which none of them holds'}."


def _points(found: Found) -> list[Point]:
    kinds = {id(one): "front" for one in found.front} | {id(found.present): "present"} | {id(found.best): "chosen"}
    right = max(one.score.false_alarms_per_hour for one in [*found.front, found.best, found.present])
    return [
        Point(one.score.false_alarms_per_hour, one.score.recall, kinds.get(id(one), "other"), _label(one))
        for one in found.tried
        if one.score.false_alarms_per_hour <= right
    ]


def _label(one: Tried) -> str:
    told = ", ".join(f"{name} {value}" for name, value in words(one.thresholds).items())
    alarms = rate(one.score.false_alarms_per_hour)
    return f"recall {percent(one.score.recall)}, {alarms} false alarms per call-hour: {told}"


def _table(found: Found) -> Markup:
    names = list(words(found.best.thresholds))
    heads = ("", "Recall", "False alarms/h", "Time to alert", *(name.capitalize() for name in names))
    shown = {id(one): one for one in [*found.front, found.best, found.present]}
    rows = sorted(shown.values(), key=lambda one: (one.score.false_alarms_per_hour, one.score.recall))
    return tag(
        "div",
        {"class": "wide"},
        tag(
            "table",
            None,
            tag("thead", None, tag("tr", None, *(tag("th", {"scope": "col"}, head) for head in heads))),
            tag("tbody", None, *(_row(one, found) for one in rows)),
        ),
    )


def _row(one: Tried, found: Found) -> Markup:
    is_best = one is found.best
    said = ", ".join(word for word, holds in (("recommended", is_best), ("in use now", one is found.present)) if holds)
    cells = (
        said,
        percent(one.score.recall),
        rate(one.score.false_alarms_per_hour),
        seconds(one.score.to_alert.quantile(0.5)),
        *words(one.thresholds).values(),
    )
    return tag("tr", {"class": "chosen" if is_best else None}, *(tag("td", None, cell) for cell in cells))


def _code(text: str) -> Markup:
    # Lines stay lines here; nothing in it comes from outside, and it is escaped all the same.
    from html import escape

    return Markup(escape(text))


__all__ = ["report"]
