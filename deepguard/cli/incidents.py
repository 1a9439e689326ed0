"""`deepguard incidents`: what was, and what still is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import span
from deepguard.cli.label import label_dict, label_words
from deepguard.cli.showing import print_json, print_table, say, short
from deepguard.cli.stored import ConfigOption, JsonOption, load, read
from deepguard.model import Resolution
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.model import Incident, Labelled
    from deepguard.store.incidents import StoredIncident

SHOWN_ID = 12
"""Characters of an id in a table: enough for `ack` and the other commands, and to find a call in the log."""

ENDS = {
    Resolution.CLEARED: "no longer suspected",
    Resolution.CALL_ENDED: "the call ended",
    Resolution.GUARD_LOST: "the guard stopped",
}


def incidents(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many at most.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List incidents, newest first: who was suspected, since when, and what became of it."""
    from deepguard.store.clock import now
    from deepguard.store.incidents import find
    from deepguard.store.labels import labels_of

    def work(db: sa.Connection) -> tuple[list[StoredIncident], dict[str, Labelled], float]:
        time = db.execute(now().select()).scalar_one()
        found = find(db, is_open=True if only_open else None, limit=limit + 1)
        said = labels_of(db, {stored.incident.call_id for stored in found})
        return found, {one.incident_id: one for one in said}, float(time)

    found, labels, at = read(load(config).config, work)
    cut = len(found) > limit
    found = found[:limit]
    if as_json:
        print_json({"incidents": [incident_dict(stored, labels.get(stored.incident.id)) for stored in found]})
        return
    if not found:
        say("No incident is open." if only_open else "There are no incidents.")
        return
    headings = ("Incident", "Since", "Level", "Participant", "Call", "State", "Tracks", "Detector")
    print_table(
        headings,
        (_cells(stored, labels.get(stored.incident.id), at) for stored in found),
        whole=("Incident", "Since"),
        below=(("State",), ("Call", "Tracks", "Detector")),
    )
    if cut:
        say(f"There are more; --limit shows more than {limit}.")


def incident_dict(stored: StoredIncident, labelled: Labelled | None = None) -> dict[str, Any]:
    """An incident as programs read it; times are Unix times in seconds.

    Args:
        stored: The incident.
        labelled: What was found out about it.
    """
    incident = stored.incident
    return {
        "id": incident.id,
        "call": incident.call_id,
        "participant": incident.participant_id,
        "level": str(incident.level),
        "peak": str(incident.peak),
        "sources": [source.value for source in incident.sources],
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "resolved_at": incident.resolved_at,
        "resolution": incident.resolution.value if incident.resolution else None,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by or None,
        "detail": incident.detail,
        "context": dict(incident.context),
        "detector": stored.detector,
        "simulated": stored.simulated,
        "label": label_dict(labelled),
    }


def ended(incident: Incident) -> str:
    """Why an incident ended, in words; empty while it lasts."""
    return ENDS[incident.resolution or Resolution.CLEARED] if incident.resolved_at is not None else ""


def _cells(stored: StoredIncident, labelled: Labelled | None, at: float) -> tuple[str, ...]:
    incident = stored.incident
    if incident.resolved_at is not None:
        # Not called clear: nobody knows here whether the participant is still being watched.
        level = f"was {incident.peak}"
    else:
        level = f"{incident.level}" + ("" if incident.peak == incident.level else f", was {incident.peak}")
    return (
        incident.id[:SHOWN_ID],
        short(incident.opened_at),
        level,
        one_line(incident.participant_id, 64),
        incident.call_id[:SHOWN_ID],
        _state(incident, at) + (f"; {label_words(labelled)}" if labelled else ""),
        ", ".join(incident.sources),
        f"{stored.detector} (simulation)" if stored.simulated else stored.detector,
    )


def _state(incident: Incident, at: float) -> str:
    by = f"acknowledged by {one_line(incident.acknowledged_by, 64) or 'somebody'}"
    if incident.resolved_at is not None:
        seen = "" if incident.acknowledged_at is None else f"; {by}"
        return f"resolved after {span(incident.resolved_at - incident.opened_at)}: {ended(incident)}{seen}"
    if incident.acknowledged_at is not None:
        return f"{by}, open for {span(at - incident.opened_at)}"
    return f"open for {span(at - incident.opened_at)}"
