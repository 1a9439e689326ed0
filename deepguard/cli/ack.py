"""`deepguard ack`: somebody takes an incident over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deepguard.cli.incidents import ended, incident_dict
from deepguard.cli.showing import moment, print_json, say
from deepguard.cli.stored import ByOption, ConfigOption, JsonOption, in_store, load, told_by, who, whole_incident_id
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.model import Labelled
    from deepguard.store.incidents import StoredIncident
    from deepguard.store.store import Store


def ack(
    incident: Annotated[str, typer.Argument(help="The incident's id, or its first 12 characters.")],
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge an incident: it is not repeated any more, and stays open."""
    setup = load(config)
    routes = setup.routes()
    name = who(by)

    async def work(store: Store) -> tuple[StoredIncident | None, bool, Labelled | None, int]:
        from deepguard.notify.acknowledging import acknowledge
        from deepguard.store import labels, lookup, silences

        def look(db: sa.Connection) -> tuple[str, list, Labelled | None, int]:
            incident_id = whole_incident_id(db, incident)
            return incident_id, silences.in_force(db), labels.of_incident(db, incident_id), lookup.running(db)

        incident_id, in_force, label, running = await store.read(look)
        return *await acknowledge(store, setup.planner(routes, in_force), incident_id, name), label, running

    stored, news, label, running = in_store(setup.config, work)
    if stored is None:
        raise DeepguardError(f"there is no incident '{one_line(incident, 64)}' any more")
    _show(stored, label, news=news, running=running, as_json=as_json)


def _show(stored: StoredIncident, label: Labelled | None, *, news: bool, running: int, as_json: bool) -> None:
    found = stored.incident
    subject = f"{found.id} ({one_line(found.participant_id, 64)})"
    by = one_line(found.acknowledged_by, 80) or "somebody"
    if news:
        result = "acknowledged"
        words = f"{subject} is acknowledged by {by}. It stays open, and is not repeated. {told_by(running)}"
    elif found.resolved_at is not None:
        result = "already_resolved"
        words = f"{subject} was resolved at {moment(found.resolved_at)} already: {ended(found)}. Nothing was changed."
    else:
        result = "already_acknowledged"
        at = moment(found.acknowledged_at or found.updated_at)
        words = f"{subject} was acknowledged by {by} at {at} already. Nothing was changed."
    if as_json:
        print_json({"result": result, "incident": incident_dict(stored, label)})
    else:
        say(words)
