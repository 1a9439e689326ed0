"""Plots as inline SVG. What is drawn is SVG, and what is written is HTML, so that texts stay readable on any screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepguard.model import Level
from deepguard.replay.markup import Markup, joined, name_of, tag
from deepguard.replay.timeline import Lane, clock

WIDTH, HEIGHT = 1000.0, 200.0
"""Units of a plot; the page stretches it."""
MOST_BARS = 120
"""Pairs of bars in a plot; more are drawn together."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One pair of bars.

    Attributes:
        label: What it is about.
        before: The one value.
        after: The other.
    """

    label: str
    before: float
    after: float


def legend() -> Markup:
    """Which colour is which."""
    return tag(
        "p",
        {"class": "legend"},
        tag("span", {"class": "key before"}, "before"),
        tag("span", {"class": "key after"}, "after"),
    )


def pairs_of_bars(bars: Sequence[Bars], *, unit: str, about: str, whole: bool = False) -> Markup:
    """Bars side by side, before and after.

    Args:
        bars: In their order; neighbours are drawn together when there are too many.
        unit: What a value counts, for the tooltips and the axis.
        about: For those who hear the page.
        whole: Whether values are whole numbers.
    """
    bars = _fewer(bars)
    top = _nice(max((max(one.before, one.after) for one in bars), default=0.0), whole)
    slot = WIDTH / max(1, len(bars))
    drawn: list[Markup] = [_grid()]
    for number, one in enumerate(bars):
        left, wide = number * slot + slot * 0.14, slot * 0.35
        for kind, value, at in (("before", one.before, left), ("after", one.after, left + wide + slot * 0.02)):
            high = value / top * HEIGHT if top else 0.0
            told = tag("title", None, f"{one.label}, {kind}: {_short(value)} {unit}")
            # Something is never drawn as nothing.
            high = max(high, 2.0) if value else 0.0
            box = {"class": kind, "x": at, "y": HEIGHT - high, "width": wide, "height": high}
            drawn.append(tag("rect", box, told))
    picture = _picture(about, WIDTH, HEIGHT, drawn)
    return tag(
        "div",
        {"class": "plot"},
        tag("span", {"class": "top"}, f"{_short(top)} {unit}"),
        tag("div", {"class": "canvas"}, picture),
        _axis([one.label for one in bars], under=True),
    )


def lane(one: Lane, seconds: float, about: str) -> Markup:
    """A participant's levels during a call, and their incidents below.

    Args:
        one: The lane.
        seconds: How long the call lasted.
        about: For those who hear the page.
    """
    scale = WIDTH / seconds if seconds > 0 else 0.0
    drawn: list[Markup] = [tag("rect", {"class": "clear", "x": 0.0, "y": 0.0, "width": WIDTH, "height": 20.0})]
    for begin, end in one.unwatched:
        told = tag("title", None, f"not watched from {clock(begin)} to {clock(end)}")
        box = {"class": "unwatched", "x": begin * scale, "y": 0.0, "width": (end - begin) * scale, "height": 20.0}
        drawn.append(tag("rect", box, told))
    for span in one.spans:
        told = tag("title", None, f"{span.level} from {clock(span.begin)} to {clock(span.end)}")
        wide = max((span.end - span.begin) * scale, 2.0)
        high = 12.0 if span.level is Level.SUSPICIOUS else 20.0
        box = {"class": str(span.level), "x": span.begin * scale, "y": 20.0 - high, "width": wide, "height": high}
        drawn.append(tag("rect", box, told))
    for opened, ended in one.incidents:
        told = tag("title", None, f"incident from {clock(opened)} to {clock(ended)}")
        wide = max((ended - opened) * scale, 2.0)
        drawn.append(
            tag("rect", {"class": "incident", "x": opened * scale, "y": 23.0, "width": wide, "height": 3.0}, told)
        )
    return _picture(about, WIDTH, 26.0, drawn)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a trade-off.

    Attributes:
        x: From left to right.
        y: From 0 below to 1 above.
        kind: ``front``, ``chosen``, ``present`` or ``other``.
        label: For the tooltip.
    """

    x: float
    y: float
    kind: str
    label: str


def curve(points: Sequence[Point], *, across: str, up: str, about: str) -> Markup:
    """Points with a line through those of the front.

    Args:
        points: The points.
        across: What ``x`` is.
        up: What ``y`` is.
        about: For those who hear the page.
    """
    right = _nice(max((one.x for one in points), default=0.0), whole=False) or 1.0
    inset, bottom = 10.0, HEIGHT * 1.5

    def place(one: Point) -> tuple[float, float]:
        return inset + one.x / right * (WIDTH - 2 * inset), bottom - inset - one.y * (bottom - 2 * inset)

    drawn = [_grid(bottom)]
    front = sorted((place(one) for one in points if one.kind in ("front", "chosen")), key=lambda at: at[0])
    if front:
        steps = f"M{front[0][0]:.1f} {front[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in front[1:])
        drawn.append(tag("path", {"class": "front", "d": steps}))
    order = {"other": 0, "front": 1, "present": 2, "chosen": 3}
    for one in sorted(points, key=lambda point: order[point.kind]):
        x, y = place(one)
        # A line without length and with round ends stays round, however the plot is stretched.
        mark = {"class": f"point {one.kind}", "d": f"M{x:.1f} {y:.1f}h0"}
        drawn.append(tag("path", mark, tag("title", None, one.label)))
    return tag(
        "div",
        {"class": "plot"},
        tag("span", {"class": "top"}, f"1 {up}"),
        tag("div", {"class": "canvas tall"}, _picture(about, WIDTH, bottom, drawn)),
        _axis(["0", f"{_short(right / 2)}", f"{_short(right)} {across}"]),
    )


def lanes(participant: str, known: str, before: Lane, after: Lane, seconds: float) -> Markup:
    """A participant under both policies, one lane below the other."""
    whose = f"levels of {participant}"
    return tag(
        "div",
        {"class": "lanes"},
        tag("p", {"class": "who"}, name_of(participant), tag("span", {"class": "known"}, known) if known else None),
        tag("span", {"class": "side"}, "before"),
        tag("div", {"class": "canvas lane"}, lane(before, seconds, f"{whose} before")),
        tag("span", {"class": "side"}, "after"),
        tag("div", {"class": "canvas lane"}, lane(after, seconds, f"{whose} after")),
        tag("span", {"class": "side"}, ""),
        _axis(["00:00", clock(seconds / 2), clock(seconds)]),
    )


def _picture(about: str, width: float, height: float, drawn: Sequence[Markup]) -> Markup:
    box = {"viewBox": f"0 0 {width:g} {height:g}", "preserveAspectRatio": "none", "role": "img", "aria-label": about}
    return tag("svg", box, joined(*drawn))


def _grid(height: float = HEIGHT) -> Markup:
    return joined(
        *(
            tag("line", {"class": "grid", "x1": 0.0, "x2": WIDTH, "y1": height * part, "y2": height * part})
            for part in (0.0, 0.5, 1.0)
        )
    )


def _axis(labels: Sequence[str], *, under: bool = False) -> Markup:
    """The first label, the last, and one between them.

    Args:
        labels: All labels.
        under: Whether each of so few that all are shown stands under its own bars.
    """
    few = [labels[0], labels[len(labels) // 2], labels[-1]] if len(labels) > 3 else list(labels)
    kind = "axis few" if under and len(labels) <= 3 else "axis"
    return tag("div", {"class": kind}, *(tag("span", None, label) for label in few))


def _fewer(bars: Sequence[Bars]) -> list[Bars]:
    size = math.ceil(len(bars) / MOST_BARS)
    if size <= 1:
        return list(bars)
    groups = [bars[start : start + size] for start in range(0, len(bars), size)]
    return [
        Bars(
            f"{group[0].label} to {group[-1].label}",
            sum(one.before for one in group) / len(group),
            sum(one.after for one in group) / len(group),
        )
        for group in groups
    ]


def _nice(value: float, whole: bool) -> float:
    """The next round number that is not below a value."""
    if value <= 0:
        return 0.0
    size = 10.0 ** math.floor(math.log10(value))
    if whole:
        size = max(size, 1.0)
    return next(step * size for step in (1, 2, 3, 4, 5, 6, 8, 10, 20) if step * size >= value)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


__all__ = ["Bars", "Point", "curve", "lane", "lanes", "legend", "pairs_of_bars"]
