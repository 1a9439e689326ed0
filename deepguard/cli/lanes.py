"""The time lines of two policies, one above the other, in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepguard.cli.showing import plural, short
from deepguard.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepguard.replay.compare import Changed
    from deepguard.replay.timeline import Lane

WIDTH = 58
"""Characters of a lane: with its name before it, it fits into 80 columns."""
EVENTS = 12
"""Changes of one participant that are listed; `--json` shows all."""


def lane_lines(changed: Changed, names: tuple[str, str]) -> Iterator[str]:
    """One call in which two policies differ: the level of each participant over time, both ways.

    Args:
        changed: The call.
        names: What the two are called; at most 7 characters each.
    """
    import sys

    from deepguard.replay.compare import words_for
    from deepguard.replay.timeline import clock, pairs

    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    marks = "·▒█" if encoding.startswith("utf") else ".:#"
    about = f", {clock(changed.seconds)} long{', simulated' if changed.simulated else ''}"
    yield ""
    yield f"{one_line(changed.call.id, 40)}, {short(changed.call.started_at)}{about}: {', '.join(words_for(changed))}"
    for pair in pairs(changed):
        known = f" ({pair.known})" if pair.known else ""
        yield f"  {one_line(pair.participant_id, 48)}{known}"
        for name, lane in zip(names, (pair.before, pair.after), strict=True):
            yield from _lane_lines(name, lane, changed.seconds, marks)


def _lane_lines(name: str, lane: Lane, seconds: float, marks: str) -> Iterator[str]:
    from deepguard.replay.timeline import clock, strip

    yield f"    {name:<7} {strip(lane, seconds, WIDTH, marks)} {clock(seconds)}"
    for event in lane.events[:EVENTS]:
        what = {"opens": ", incident opens", "ends": ", incident ends"}.get(event.incident, "")
        yield (
            f"      {clock(event.at):>8}  {str(event.level).upper() if event.incident == 'opens' else event.level}"
            + (f"{what}: {one_line(event.cause, 120)}" if event.cause else what)
        )
    more = lane.more + max(0, len(lane.events) - EVENTS)
    if more:
        yield f"                {plural(more, 'more change', 'more changes')}"


__all__ = ["lane_lines"]
