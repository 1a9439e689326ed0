"""`deepguard replay`: what another policy, or other settings, would have made of recorded calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepguard.cli.durations import SinceOption, UntilOption
from deepguard.cli.lanes import lines_of_calls
from deepguard.cli.played import (
    CallOption,
    CandidateOption,
    EditedOption,
    FilesArgument,
    HtmlOption,
    JobsOption,
    StoreOption,
    find_calls,
    source_of,
    wanted,
    write_file,
)
from deepguard.cli.progress import progress
from deepguard.cli.showing import plural, print_json, print_table, say
from deepguard.cli.stored import JsonOption
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.replay.calls import Wanted
    from deepguard.replay.candidate import Named
    from deepguard.replay.compare import Comparison

NAMES = ("before", "after")


def replay(
    files: FilesArgument = None,
    edited: EditedOption = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A policy's file to try, in place of the one in the configuration.")
    ] = None,
    config: CandidateOption = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Compare with this configuration; default: with what was recorded.")
    ] = None,
    store: StoreOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    call: CallOption = None,
    jobs: JobsOption = None,
    show: Annotated[int, typer.Option(min=0, max=1000, help="How many of the calls that change are shown.")] = 10,
    as_json: JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Play recorded calls through a policy and a configuration, and tell what would have been different."""
    from deepguard.config.finding import which_config
    from deepguard.logs import LogFormat, configure_logs
    from deepguard.replay.candidate import Candidate, Named
    from deepguard.replay.document import document
    from deepguard.replay.work import Plan, compare, jobs_for

    configure_logs(LogFormat.TEXT)
    which = wanted(since, until, call)
    named = Named(which_config(config), policy)
    candidate = Candidate(named)
    other = None if against is None else Named(against)
    custom = candidate.custom or (other is not None and Candidate(other).custom)
    # What the calls were guarded with, as far as one knows: the configuration of their store.
    source = source_of(candidate, config, store)
    calls = find_calls(files, source, which, edited=edited)
    plan = Plan(named, other, source.coverage, calls.store_url, show)
    with progress("Playing calls", calls.count) as on_played:
        found = compare(plan, calls.parts, jobs=jobs_for(calls.count, custom, jobs), on_played=on_played)
    _see_that_all_are_there(which, found)
    again = calls.exported.again if calls.exported else 0
    before, after = "as recorded" if other is None else _what(other), _what(named)
    told = document(found, before=before, after=after, again=again)
    if html is not None:
        from deepguard.replay.html import report

        write_file(html, report(found, before=before, after=after))
    if as_json:
        print_json(told)
        return
    _say_all(found, before, after, again)
    if html is not None:
        say(f"\nThe report is in {one_line(str(html))}.")


def _see_that_all_are_there(which: Wanted, found: Comparison) -> None:
    missing = len(which.ids) - found.after.calls
    if which.ids and missing > 0:
        from deepguard.errors import DeepguardError

        raise DeepguardError(
            f"{plural(missing, 'call of those that were named is', 'calls of those that were named are')} not there"
        )


def _what(named: Named) -> str:
    config = "the defaults" if named.config is None else one_line(str(named.config))
    return config if named.policy is None else f"{config} with {one_line(str(named.policy))}"


def _say_all(found: Comparison, before: str, after: str, again: int) -> None:
    from deepguard.replay.figures import figures

    if found.after.calls == 0:
        say("There are no such calls. `deepguard run` records them while store.record is on.")
        return
    scripted = f", {found.after.simulated} of them simulated" if found.after.simulated else ""
    say(f"{plural(found.after.calls, 'call', 'calls')}{scripted}. Before: {before}. After: {after}.")
    if again:
        say(f"{plural(again, 'call', 'calls')} came more than once and counted once.")
    if found.unreadable:
        rows = plural(found.unreadable, "row was", "rows were")
        say(f"{rows} left out: a newer deepguard wrote what this version cannot read.")
    print_table(
        ("Figure", "Before", "After", "Change"),
        ((row.name, row.before, row.after, f"{row.change} {row.verdict}".strip()) for row in figures(found)),
        whole=("Before", "After"),
    )
    say(
        f"Participants alerted only after: {found.newly_alerted}, only before: {found.no_longer_alerted}, "
        f"earlier: {found.earlier}, later: {found.later}."
    )
    for failure in found.failures[:5]:
        say(f"The policy failed in call {one_line(failure.call_id, 64)}: {one_line(failure.reason, 300)}")
    if found.after.failures > 5:
        say(f"… and in {found.after.failures - 5} more. There the built-in policy took over, as it does live.")
    for line in lines_of_calls(found, ("changes", "change"), NAMES):
        say(line)
