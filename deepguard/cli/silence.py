"""`deepguard silence`: notifiers that are not told for a while."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from deepguard.cli.durations import parse_duration, span
from deepguard.cli.showing import moment, one_of, print_json, print_table, say, short
from deepguard.cli.stored import ByOption, ConfigOption, JsonOption, load, read, who, whole_incident_id, write
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.config.models import SilenceWindow

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

LONGEST = 366 * 86400.0
"""Seconds that a silence may last, and that it may wait until it begins."""
LONGEST_PATTERN = 200

Row = Mapping[str, Any]


@app.callback()
def _silence() -> None:
    """Keep notifications back for a while; calls are guarded all the same."""


@app.command()
def add(
    lasting: Annotated[str, typer.Option("--for", help="How long: 90s, 30m, 2h, 1d, 1h30m.")],
    comment: Annotated[str, typer.Option(help="Why; shown with what it keeps back.")],
    participant: Annotated[
        list[str] | None, typer.Option(help="What concerns this participant; * stands for any letters.")
    ] = None,
    notifier: Annotated[list[str] | None, typer.Option(help="What is for this notifier.")] = None,
    incident: Annotated[list[str] | None, typer.Option(help="What concerns this incident.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="A word of `on:`, for example coverage_lost.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Whatever there is to be told.")] = False,
    from_now: Annotated[str | None, typer.Option(help="How long until it begins.", show_default=False)] = None,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep notifications back from now on; of each option that is said several times, one must fit."""
    from deepguard.config.models import NotifyOn
    from deepguard.store import silences

    seconds = parse_duration(lasting, "--for", most=LONGEST)
    delay = parse_duration(from_now, "--from-now", most=LONGEST) if from_now else 0.0
    if not one_line(comment):
        raise DeepguardError("--comment: say why, for those who wonder why they were not told")
    if bool(participant or notifier or incident or kind) == everything:
        raise DeepguardError(
            "--everything goes with no other choice"
            if everything
            else "say what is silenced: --participant, --notifier, --incident or --kind, or --everything"
        )
    if any(not 0 < len(pattern) <= LONGEST_PATTERN for pattern in participant or ()):
        raise DeepguardError(f"--participant: it must have 1 to {LONGEST_PATTERN} characters")
    kinds = one_of(kind or (), get_args(NotifyOn), "there is no kind")
    setup = load(config)
    notifiers = one_of(notifier or (), setup.notifiers, "the configuration names no notifier")
    silence_id = f"sil_{secrets.token_hex(4)}"

    def work(db: sa.Connection) -> Row:
        matchers = {
            "participants": tuple(dict.fromkeys(participant or ())),
            "notifiers": notifiers,
            "incidents": tuple(dict.fromkeys(whole_incident_id(db, one) for one in incident or ())),
            "kinds": kinds,
        }
        silences.add(
            db, silence_id, seconds=seconds, matchers=matchers, created_by=who(by), comment=comment, delay=delay
        )
        return next(row for row in silences.in_force(db) if row["id"] == silence_id)

    row = write(setup.config, work)
    if as_json:
        print_json(_silence_dict(row, row["created_at"]))
        return
    begins = f"from {moment(row['starts_at'])}" if delay else "from now"
    say(
        f"{silence_id} holds {begins} until {moment(row['ends_at'])} ({span(seconds)}), for {_about(row)}. What waits "
        f"already is still delivered. `deepguard silence expire {silence_id}` ends it."
    )


@app.command("list")
def show(
    ended: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List silences, and the hours of the configuration in which notifiers are not told."""
    from deepguard.notify.silence import in_window
    from deepguard.store import silences
    from deepguard.store.clock import now

    setup = load(config)

    def work(db: sa.Connection) -> tuple[list[dict[str, Any]], float]:
        return silences.in_force(db, ended=ended), float(db.execute(now().select()).scalar_one())

    rows, at = read(setup.config, work)
    windows = [(window, in_window(window, at)) for window in setup.config.silences]
    if as_json:
        told = [window.model_dump(mode="json") | {"active": active} for window, active in windows]
        print_json({"silences": [_silence_dict(row, at) for row in rows], "windows": told})
        return
    if not rows and not windows:
        say("There are no silences." if ended else "No silence is in force.")
        return
    cells = [_cells(row, at) for row in rows]
    cells += [_window_cells(window, active=active) for window, active in windows]
    headings = ("Silence", "State", "When", "About", "By", "Comment")
    print_table(headings, cells, whole=("State",), below=(("About",), ("By", "Comment")))


@app.command()
def expire(
    silence: Annotated[str, typer.Argument(help="Its id, from `deepguard silence list`.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a silence now."""
    from deepguard.store import silences

    setup = load(config)

    def work(db: sa.Connection) -> Row:
        rows = {row["id"]: row for row in silences.in_force(db, ended=True)}
        if silence not in rows:
            if silence in {window.name for window in setup.config.silences}:
                raise DeepguardError(
                    f"'{one_line(silence, 64)}' is part of the configuration: change it there, and start again"
                )
            if not rows:
                raise DeepguardError(f"there is no silence '{one_line(silence, 64)}', nor any other")
            one_of([silence], rows, "there is no silence")
        if not silences.expire(db, silence):
            raise DeepguardError(f"{silence} ended at {moment(rows[silence]['ends_at'])} already")
        return next(row for row in silences.in_force(db, ended=True) if row["id"] == silence)

    row = write(setup.config, work)
    if as_json:
        print_json(_silence_dict(row, row["ends_at"]))
    else:
        say(
            f"{silence} has ended. Incidents that it kept back and that last are told now, where repeat_every is not 0."
        )


def _state(row: Row, at: float) -> str:
    if at >= row["ends_at"]:
        return "ended"
    return "active" if at >= row["starts_at"] else "waiting"


def _silence_dict(row: Row, at: float) -> dict[str, Any]:
    """A silence as programs read it; times are Unix times in seconds."""
    return {**row, "state": _state(row, at)}


def _about(matchers: Row) -> str:
    words = [
        f"{key if len(values) > 1 else key[:-1]} {', '.join(one_line(one, 64) for one in values)}"
        for key in ("notifiers", "participants", "incidents", "kinds")
        if (values := matchers.get(key))
    ]
    return " and ".join(words) or "everything"


def _cells(row: Row, at: float) -> tuple[str, ...]:
    when = f"{short(row['starts_at'])} to {short(row['ends_at'])}"
    return row["id"], _state(row, at), when, _about(row), row["created_by"], row["comment"]


def _window_cells(window: SilenceWindow, *, active: bool) -> tuple[str, ...]:
    days = ", ".join(window.days) or "every day"
    when = f"{days} {window.start} to {window.end} {window.timezone}"
    return window.name, "active" if active else "waiting", when, _about(window.model_dump()), "", "in the configuration"
