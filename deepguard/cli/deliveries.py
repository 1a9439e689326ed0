"""`deepguard deliveries`: what was told to whom, what waits, and what is dead."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import span
from deepguard.cli.showing import moment, one_of, plural, print_json, print_table, say, short
from deepguard.cli.stored import (
    ByOption,
    ConfigOption,
    JsonOption,
    Setup,
    load,
    read,
    told_by,
    who,
    whole_incident_id,
    write,
)
from deepguard.errors import DeepguardError
from deepguard.model import DeliveryStatus, NotificationKind
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.store.letters import Letter
    from deepguard.store.lookup import Standing

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

GIVE_UP_AFTER = 86400.0
"""Seconds that a replayed delivery is tried for whose notifier the configuration does not name."""

Ids = Annotated[
    list[int] | None, typer.Argument(help="Their numbers, from `deepguard deliveries list`.", min=1, max=2**63 - 1)
]
NotifierOption = Annotated[str | None, typer.Option("--notifier", help="Only those to this notifier.")]

_REPLAYED = frozenset({DeliveryStatus.DEAD, DeliveryStatus.DROPPED})
_DROPPED = frozenset({DeliveryStatus.DEAD, DeliveryStatus.PENDING})


@app.callback()
def _deliveries() -> None:
    """Look at deliveries, replay what is dead, give up what waits."""


@app.command("list")
def show(
    status: Annotated[list[str] | None, typer.Option(help="Only those that stand so; may be said again.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that failed for good.")] = False,
    notifier: NotifierOption = None,
    incident: Annotated[str | None, typer.Option(help="Only those about this incident.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many at most.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first, and the destinations that take none now."""
    from deepguard.store import destinations, letters

    statuses = list(one_of(status or (), [one.value for one in DeliveryStatus], "there is no status"))
    statuses += [DeliveryStatus.DEAD] if dead else []
    setup = load(config)

    def work(db: sa.Connection) -> tuple[list[Letter], dict[str, dict[str, Any]]]:
        _known(db, setup, notifier)
        found = letters.find(
            db,
            statuses=statuses,
            notifier=notifier,
            incident_id=whole_incident_id(db, incident) if incident else None,
            limit=limit + 1,
        )
        return found, destinations.all_rows(db)

    found, rows = read(setup.config, work)
    cut, found = len(found) > limit, found[:limit]
    blocked = [one for name, row in sorted(rows.items()) if (one := _blocked(name, row))]
    if as_json:
        told = [_letter_dict(letter, setup.notifiers) for letter in found]
        print_json({"deliveries": told, "destinations": blocked})
        return
    if found:
        headings = ("Id", "Since", "Status", "Notifier", "What", "Details")
        silent = {one["notifier"] for one in blocked}
        print_table(
            headings,
            (_cells(letter, setup.notifiers, silent) for letter in found),
            whole=("Id", "Since", "Status"),
            below=(("What",), ("Details",)),
        )
    else:
        say("There are no such deliveries." if statuses or notifier or incident else "There are no deliveries.")
    if cut:
        say(f"There are more; --limit shows more than {limit}.")
    for one in blocked:
        say(_blocked_words(one))


@app.command()
def replay(
    ids: Ids = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="All that failed for good.")] = False,
    notifier: NotifierOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let dead or dropped deliveries be tried again."""
    from deepguard.store import letters, lookup

    numbers = _chosen(ids, everything=all_dead, option="--all-dead", notifier=notifier)
    setup = load(config)

    def work(db: sa.Connection) -> tuple[dict[int, Standing], set[int], int]:
        _known(db, setup, notifier)
        there = lookup.standing(db, ids=numbers, statuses=() if numbers else (DeliveryStatus.DEAD,), notifier=notifier)
        chances = [(entry.name, entry.give_up_after) for entry in setup.config.notifiers]
        done: set[int] = set()
        for part in lookup.in_parts(number for number, one in there.items() if one.status in _REPLAYED):
            # One of another notifier is left alone; what is left at the end belongs to none of the configuration.
            for name, seconds in (*chances, (None, GIVE_UP_AFTER)):
                done.update(letters.replay(db, ids=part, notifier=name, give_up_after=seconds))
        return there, done, lookup.running(db)

    there, done, running = write(setup.config, work)
    strangers = sorted({there[number].notifier for number in done} - set(setup.notifiers))
    words = f"{_counted(done)} tried again. {told_by(running)}" if done else "No delivery is dead."
    if strangers:
        names = ", ".join(one_line(name, 64) for name in strangers)
        words += f" The configuration does not name {names}: nobody delivers to it until it does."
    _report("replayed", done, numbers, there, words, as_json=as_json)


@app.command()
def drop(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait or failed for good.")] = False,
    notifier: NotifierOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up deliveries that wait or are dead: nobody is told."""
    from deepguard.store import letters, lookup

    numbers = _chosen(ids, everything=everything, option="--all", notifier=notifier)
    setup = load(config)

    def look(db: sa.Connection) -> dict[int, Standing]:
        _known(db, setup, notifier)
        return lookup.standing(db, ids=numbers, statuses=() if numbers else _DROPPED, notifier=notifier)

    there = read(setup.config, look)
    given_up = [one for one in there.values() if one.status in _DROPPED]
    if given_up and not yes:
        dead = sum(one.status == DeliveryStatus.DEAD for one in given_up)
        waiting = len(given_up) - dead
        question = f"Give up {plural(len(given_up), 'delivery', 'deliveries')} ({waiting} waiting, {dead} dead)"
        if any(one.kind == NotificationKind.DIGEST for one in given_up):
            question += ", and what digests among them name"
        if not typer.confirm(f"{question}?", err=True):
            raise DeepguardError("nothing was dropped")

    def work(db: sa.Connection) -> set[int]:
        done: set[int] = set()
        # By number: what came after the question was not meant by the answer.
        for part in lookup.in_parts(one.id for one in given_up):
            done.update(letters.drop(db, ids=part, by=who(by)))
        return done

    done = write(setup.config, work) if given_up else set()
    words = f"{_counted(done)} given up." if done else "Nothing waits, and nothing is dead."
    _report("dropped", done, numbers, there, words, as_json=as_json)


def _chosen(ids: list[int] | None, *, everything: bool, option: str, notifier: str | None) -> list[int] | None:
    """The numbers that were named; None for all."""
    if bool(ids) == everything:
        raise DeepguardError(f"say which deliveries: their numbers, or {option}")
    if ids and notifier is not None:
        raise DeepguardError(f"--notifier goes with {option} only")
    return sorted(set(ids)) if ids else None


def _known(db: sa.Connection, setup: Setup, notifier: str | None) -> None:
    """See that a notifier is one that the configuration or the store knows."""
    from deepguard.store.lookup import notifier_names

    if notifier is not None and notifier not in setup.notifiers:
        one_of([notifier], dict.fromkeys([*setup.notifiers, *notifier_names(db)]), "there is no notifier")


def _counted(done: set[int]) -> str:
    return plural(len(done), "delivery is", "deliveries are")


def _report(
    verb: str, done: set[int], numbers: list[int] | None, there: dict[int, Standing], words: str, *, as_json: bool
) -> None:
    """Say what was done and, of deliveries that were named, why others were not; that is a failure."""
    refused = {number: _why_not(verb, there.get(number)) for number in numbers or () if number not in done}
    if as_json:
        print_json({verb: sorted(done), "refused": [{"id": number, "reason": why} for number, why in refused.items()]})
    elif done or not refused:
        say(words)
    for number, why in refused.items():
        typer.echo(f"deepguard: delivery {number}: {why}", err=True)
    if refused:
        raise typer.Exit(1)


def _why_not(verb: str, one: Standing | None) -> str:
    if one is None:
        return "there is none of this number"
    if one.kind == NotificationKind.DIGEST and verb == "replayed":
        return "it is a digest; name what it stands for"
    if one.digest_id is not None and one.status == DeliveryStatus.DIGESTED:
        return f"the digest {one.digest_id} tells of it"
    return f"it is {one.status}"


def _cells(letter: Letter, configured: list[str], silent: Collection[str]) -> tuple[str, ...]:
    mark = "" if letter.notifier in configured else " (not in the configuration)"
    title = f"{letter.kind}: {letter.title}" if letter.title else letter.kind
    details = [one_line(letter.detail)]
    if letter.attempts > 1:
        details.append(f"{letter.attempts} attempts")
    # When a destination that takes nothing is asked again is said below the table, and comes first.
    if letter.status == DeliveryStatus.PENDING and letter.attempts and letter.notifier not in silent:
        details.append(f"next at {short(letter.due_at)}")
    if letter.status == DeliveryStatus.DIGESTED and letter.digest_id is not None:
        details.append(f"in digest {letter.digest_id}")
    if letter.status == DeliveryStatus.DELIVERED and letter.ended_at is not None and not letter.detail:
        details.append(f"after {span(letter.ended_at - letter.created_at)}")
    return (
        str(letter.id),
        short(letter.created_at),
        letter.status,
        f"{one_line(letter.notifier, 64)}{mark}",
        title,
        "; ".join(filter(None, details)),
    )


def _letter_dict(letter: Letter, configured: list[str]) -> dict[str, Any]:
    from dataclasses import asdict

    waits = letter.status == DeliveryStatus.PENDING
    known = {"configured": letter.notifier in configured, "due_at": letter.due_at if waits else None}
    return asdict(letter) | known


def _blocked(name: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """A destination that takes nothing now, as programs read it; None for one that does."""
    until = row["blocked_until"] if row["blocked_until"] > row["now"] else None
    if row["disabled"]:
        state, until = "disabled", None
    elif row["refused"]:
        state = "refused"
    elif until is not None:
        state = "blocked"
    else:
        return None
    return {"notifier": name, "state": state, "until": until, "failures": row["failures"], "detail": row["detail"]}


def _blocked_words(one: dict[str, Any]) -> str:
    name, detail = one_line(one["notifier"], 64), one_line(one["detail"]) or "no reason is known"
    if one["state"] == "disabled":
        return f"{name} is asked no more before deepguard starts again, what is for it is kept: {detail}"
    refuses = "refuses the sender; " if one["state"] == "refused" else ""
    when = f"at {moment(one['until'])}" if one["until"] else "now"
    return f"{name} {refuses}is asked again {when}, what is for it is kept: {detail}"
