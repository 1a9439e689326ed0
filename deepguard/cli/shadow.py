"""`deepguard shadow`: what the policies beside the live one would have done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import SinceOption, UntilOption
from deepguard.cli.lanes import lines_of_calls
from deepguard.cli.played import wanted
from deepguard.cli.progress import progress
from deepguard.cli.showing import plural, print_json, print_table, say, thresholds_words
from deepguard.cli.stored import ConfigOption, JsonOption, load, refuse_missing
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.replay.beside import Beside
    from deepguard.replay.calls import StoredCalls, Wanted
    from deepguard.store.recording import Recording

NAMES = ("live", "shadow")
WORTH_IT = 500
"""From so many calls on a bar shows how far it is."""
THE_CALLS_OWN = frozenset({"calls", "call-hours", "time blind", "coverage alerts", "policy failures"})
"""Figures that are the same whatever a policy says, or are told in words."""


def shadow(
    name: Annotated[
        str | None, typer.Argument(help="Only the shadow policy of this name; default: all.", show_default=False)
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    show: Annotated[int, typer.Option(min=0, max=1000, help="How many of the calls that differ are shown.")] = 10,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare shadow policies with the live one, over the calls in which they ran beside it."""
    from contextlib import closing

    from deepguard.replay.beside import compare_shadows
    from deepguard.replay.calls import StoredCalls
    from deepguard.store.store import Store

    setup = load(config)
    url = setup.config.store.url.get_secret_value()
    refuse_missing(setup.config, Store(url).name)
    with closing(StoredCalls(url)) as store:
        found = compare_shadows(_calls(store, wanted(since, until, None)), show)
    if name is not None:
        from deepguard.cli.showing import one_of

        one_of([name], found, "no shadow policy ran with the name")
        found = {name: found[name]}
    if as_json:
        print_json({"shadows": [_shadow_dict(each, beside) for each, beside in found.items()]})
        return
    if not found:
        say("No shadow policy ran in these calls. Name one in the configuration: policy: {shadow: [{name: ...}]}")
    for each, beside in found.items():
        _say(each, beside)


def _calls(store: StoredCalls, which: Wanted) -> Iterator[Recording]:
    """The calls that had a shadow, one after the other."""
    from deepguard.replay.calls import PART

    ids = store.shadowed_ids(which)
    with progress("Comparing calls", len(ids), worth_it=WORTH_IT) as on_read:
        for start in range(0, len(ids), PART):
            part = store.read(ids[start : start + PART], shadows=True)
            yield from part
            on_read(len(part))


def _say(name: str, beside: Beside) -> None:
    from deepguard.replay.figures import figures, hours

    found = beside.comparison
    say(f"\nShadow policy {one_line(name, 64)}")
    for form, calls in sorted(beside.forms.items(), key=lambda item: -item[1]):
        asked = thresholds_words(json.loads(form.thresholds))
        say(f"  {one_line(form.origin, 200)}, {one_line(asked, 300)}: {plural(calls, 'call', 'calls')}")
    if len(beside.forms) > 1:
        say("  It was changed meanwhile: the figures mix what it was. --since leaves out older calls.")
    if beside.failed:
        say(f"  In {plural(beside.failed, 'call', 'calls')} it ended early or missed verdicts; these are left out:")
        for reason in beside.reasons:
            say(f"    {one_line(reason, 300)}")
    if not found.after.calls:
        say("  No call is left to compare.")
        return
    say(f"  Compared over {plural(found.after.calls, 'call', 'calls')}, {hours(found.after.hours)} hours.")
    print_table(
        ("Figure", "Live", "Shadow", "Change"),
        (
            (row.name, row.before, row.after, f"{row.change} {row.verdict}".strip())
            for row in figures(found)
            if row.name not in THE_CALLS_OWN
        ),
        whole=("Live", "Shadow"),
    )
    say(
        f"Participants alerted only by the shadow: {found.newly_alerted}, only live: {found.no_longer_alerted}, "
        f"earlier: {found.earlier}, later: {found.later}."
    )
    for line in lines_of_calls(found, ("differs", "differ"), NAMES):
        say(line)


def _shadow_dict(name: str, beside: Beside) -> dict[str, Any]:
    """A shadow as programs read it: the live policy is ``before``, the shadow ``after``."""
    from deepguard.replay.document import document

    return {
        "name": name,
        "forms": [
            {"origin": form.origin, "thresholds": json.loads(form.thresholds), "calls": calls}
            for form, calls in beside.forms.items()
        ],
        "failed": beside.failed,
        "reasons": beside.reasons,
    } | document(beside.comparison, before="live", after=f"shadow {name}")
