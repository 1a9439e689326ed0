"""What `deepguard explain` says of each notifier: told, waiting, kept back, dead, or not told, and why."""

from __future__ import annotations

from deepguard.cli.durations import span
from deepguard.cli.showing import moment, plural
from deepguard.model import DeliveryStatus
from deepguard.store.material import DeliveryRow
from deepguard.story.settings import Setting
from deepguard.story.telling import UNTOLD, Way
from deepguard.story.timeline import Story
from deepguard.text import one_line


def way_words(way: Way, story: Story) -> str:
    """What became of one notification at one notifier.

    Args:
        way: That.
        story: The story that it is of.
    """
    return f"{one_line(way.notifier, 64)}: {_result(way, story)}"


def _result(way: Way, story: Story) -> str:
    why = one_line(way.why)
    row = way.delivery
    if row is None:
        return f"{UNTOLD}: {why}{_by(way.setting)}" if way.result == UNTOLD else f"{way.result}{_more(why)}"
    match way.result:
        case DeliveryStatus.DELIVERED:
            return f"delivered{_after(row)}{_in_digest(way)}{_more(why)}"
        case DeliveryStatus.PENDING:
            tried = f"{plural(row.attempts, 'attempt', 'attempts')} so far" if row.attempts else "not tried yet"
            due = f"next at {moment(row.due_at)}" if row.due_at > story.material.now else "due now"
            return f"waiting, {tried}, {due}{_more(why)}"
        case DeliveryStatus.LEASED:
            return f"being tried now, attempt {row.attempts}{_more(why)}"
        case DeliveryStatus.SILENCED:
            return f"kept back by {why or 'a silence'}{_by(way.setting)}"
        case DeliveryStatus.SUPERSEDED:
            return f"superseded{_newer(way)}"
        case DeliveryStatus.DIGESTED:
            return f"waiting in a digest{_in_digest(way)}{_more(why)}"
        case DeliveryStatus.DEAD:
            return f"DEAD{_after(row)}{_in_digest(way)}{_more(why)}; `deepguard deliveries replay {row.id}` tries again"
    return f"{way.result}{_after(row)}{_more(why)}"


def _after(row: DeliveryRow) -> str:
    took = "" if row.ended_at is None else f", {span(max(0.0, row.ended_at - row.created_at))} later"
    return f" after {plural(row.attempts, 'attempt', 'attempts')}{took}" if row.attempts else took.removeprefix(",")


def _in_digest(way: Way) -> str:
    return f" (in digest {way.by})" if isinstance(way.by, int) else ""


def _newer(way: Way) -> str:
    if not isinstance(way.by, DeliveryRow):
        return " by what is newer"
    return f" by {way.by.kind} of {moment(way.by.created_at)[11:]}"


def _more(why: str) -> str:
    return f": {why}" if why else ""


def _by(says: Setting | None) -> str:
    """The place of a setting that is the reason."""
    if says is None or says.origin == "unknown":
        return ""
    return f" ({says.where}: {says.path})" if says.where else f" ({says.path}, the default)"


__all__ = ["way_words"]
