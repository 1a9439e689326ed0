"""`deepguard calls`: what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import SinceOption, parse_moment, span
from deepguard.cli.showing import plural, print_json, print_table, say, short
from deepguard.cli.stored import ConfigOption, JsonOption, load, read
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.store.summaries import Summary

SHOWN_ID = 12
"""Characters of an id in a table: enough for the commands that take one."""


def calls(
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many at most.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List recorded calls, newest first: when, how long, how suspected, how well watched."""
    from deepguard.store.clock import now
    from deepguard.store.recordings import call_ids
    from deepguard.store.summaries import summaries

    begun = parse_moment(since, "--since")

    def work(db: sa.Connection) -> tuple[list[Summary], float, bool]:
        at = float(db.execute(now().select()).scalar_one())
        ids = call_ids(db, since=begun, newest_first=True, limit=limit + 1)
        return summaries(db, ids[:limit], at), at, len(ids) > limit

    found, at, cut = read(load(config).config, work)
    if as_json:
        print_json({"calls": [call_dict(one) for one in found]})
        return
    if not found:
        say("No call began since then." if since else "There are no calls.")
        return
    headings = ("Call", "Began", "Lasted", "Level", "Found", "Detector", "Policy", "Labels")
    print_table(
        headings,
        (_cells(one, at) for one in found),
        whole=("Call", "Began"),
        below=(("Found",), ("Detector", "Policy", "Labels")),
    )
    if cut:
        say(f"There are more; --limit shows more than {limit}.")


def call_dict(one: Summary) -> dict[str, Any]:
    """A call as programs read it; times are Unix times in seconds."""
    return {
        "id": one.id,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "reason": one.reason or None,
        "detector": one.detector,
        "simulated": one.simulated,
        "verdicts": one.verdicts,
        "peak": str(one.peak),
        "incidents": one.incidents,
        "blind": one.blind,
        "policy": one.policy or None,
        "policy_failed": one.policy_failed or None,
        "labels": dict(one.labels),
        "config_hash": one.config_hash or None,
        "size": one.size,
        "imported_at": one.imported_at,
    }


def _found(one: Summary) -> str:
    found = [plural(one.verdicts, "verdict", "verdicts")]
    if one.incidents:
        found.append(plural(one.incidents, "incident", "incidents"))
    if one.blind is not None:
        found.append(f"blind {100 * one.blind:.0f} %")
    return ", ".join(found)


def _cells(one: Summary, at: float) -> tuple[str, ...]:
    lasted = span(max(0.0, (at if one.ended_at is None else one.ended_at) - one.started_at))
    policy = one_line(one.policy, 64)
    if one.policy_failed:
        policy = f"{policy or 'a policy'}, which failed"
    return (
        one_line(one.id[:SHOWN_ID], SHOWN_ID),
        short(one.started_at),
        f"{lasted} so far" if one.ended_at is None else lasted,
        str(one.peak),
        _found(one),
        one_line(one.detector, 64) + (" (simulation)" if one.simulated else ""),
        policy,
        ", ".join(f"{count} {label}" if count > 1 else label for label, count in sorted(one.labels.items())),
    )
