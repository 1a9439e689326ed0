"""`deepguard tune`: which thresholds would have been right about the calls that people have labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import SinceOption, UntilOption
from deepguard.cli.played import (
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
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepguard.replay.search import Found, Goal, Tried
    from deepguard.replay.work import Calls
    from deepguard.thresholds import Thresholds

ACROSS, UP = 60, 11
"""Characters and lines of the plot."""


def tune(
    files: FilesArgument = None,
    edited: EditedOption = False,
    config: CandidateOption = None,
    store: StoreOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    max_false_alarms: Annotated[
        float | None, typer.Option(min=0, help="At most so many false alarms for each hour of calls.", metavar="N")
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option(min=0, max=1, help="At least this share of the fakes is found: 0 to 1.", metavar="N")
    ] = None,
    assume_genuine: Annotated[
        bool, typer.Option("--assume-genuine", help="Also take calls without labels: nobody in them is fake.")
    ] = False,
    tries: Annotated[int, typer.Option(min=1, max=5000, help="How many thresholds are tried.")] = 200,
    seed: Annotated[int, typer.Option(help="Where chance begins: the same seed finds the same.")] = 0,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Search thresholds on labelled calls: prints the trade-off, the best point, and the YAML to paste."""
    from deepguard.config.finding import which_config
    from deepguard.logs import LogFormat, configure_logs
    from deepguard.replay.candidate import Candidate, Named
    from deepguard.replay.search import Goal, search
    from deepguard.replay.tuned import document

    configure_logs(LogFormat.TEXT)
    candidate = Candidate(Named(which_config(config)))
    source = source_of(candidate, config, store)
    calls = find_calls(files, source, wanted(since, until, None, labelled=not assume_genuine), edited=edited)
    evaluation = _Evaluation(calls, seed, jobs, assume_genuine=assume_genuine)
    base = candidate.config.policy.thresholds.thresholds()
    with progress("Trying thresholds", tries) as evaluation.on_tried:
        scores = evaluation.look(base)
        goal = Goal(max_false_alarms, min_recall)
        found = search(base, evaluation, goal, tries=tries, seed=seed, scores=scores)
    told = document(found, goal, calls=evaluation.calls, seed=seed)
    if html is not None:
        from deepguard.replay.tuned_html import report

        write_file(html, report(found, goal, calls=evaluation.calls))
    if as_json:
        print_json(told)
        return
    if candidate.custom:
        say("The configuration names a policy plugin. Only the built-in policy was searched, without what plugins say.")
    _say_all(found, goal, evaluation.calls, told["warnings"])
    if html is not None:
        say(f"The report is in {one_line(str(html))}.")


class _Evaluation:
    """Plays the labelled calls through thresholds, as often as the search asks.

    Attributes:
        calls: How many calls there are.
        on_tried: Told how many thresholds have been tried since.
    """

    def __init__(self, calls: Calls, seed: int, jobs: int | None, *, assume_genuine: bool) -> None:
        self.calls = 0
        self.on_tried: Any = lambda _count: None
        self._parts = list(calls.parts)
        self._store_url = calls.store_url
        self._seed = seed
        self._assume_genuine = assume_genuine
        self._asked = jobs
        self._first: list[Any] = []

    def look(self, base: Thresholds) -> bool:
        """Play the calls through what is in use.

        Returns:
            Whether the verdicts have scores.

        Raises:
            DeepguardError: Nothing is known of the calls.
        """
        found = self._tried([base])
        self.calls = found.calls
        self._first = found.scores
        fake = sum(score.fake for score in found.scores[0])
        genuine = sum(score.genuine for score in found.scores[0])
        if not fake or not genuine:
            what = "calls with both" if fake or genuine else "labelled calls"
            raise DeepguardError(
                f"thresholds can only be searched on {what}: {fake} participants are known to be fake, and {genuine} "
                "to be genuine. `deepguard label INCIDENT confirmed`, or false-positive, says so; --assume-genuine "
                "takes everybody else for genuine"
            )
        return found.scored * 2 > found.verdicts

    def __call__(self, thresholds: Sequence[Thresholds]) -> list[Any]:
        """Play the calls through each of these."""
        if self._first:
            # The search begins with what is in use, and that has been played.
            first, self._first = self._first, []
            self.on_tried(1)
            return first
        return self._tried(thresholds).scores

    def _tried(self, thresholds: Sequence[Thresholds]) -> Any:
        from deepguard.replay.tuning import Trial, tried
        from deepguard.replay.work import jobs_for

        trial = Trial(tuple(thresholds), self._seed, self._store_url, self._assume_genuine)
        calls = sum(map(len, self._parts))
        done = 0

        def played(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if self.calls:
                steps = len(thresholds)
                self.on_tried(done * steps // self.calls - before * steps // self.calls)

        # What a process costs to start is worth it only for many plays.
        return tried(
            trial, self._parts, jobs=jobs_for(calls * len(thresholds) // 10, False, self._asked), on_played=played
        )


def _say_all(found: Found, goal: Goal, calls: int, warnings: Sequence[str]) -> None:
    from deepguard.replay.figures import percent, rate, seconds
    from deepguard.replay.settings import settings_yaml, words

    score = found.best.score
    say(
        f"{plural(calls, 'labelled call', 'labelled calls')}: {score.fake} of their participants are known to be fake, "
        f"{score.genuine} to be genuine. {len(found.tried)} sets of thresholds were tried."
    )
    for warning in warnings:
        say(f"Warning: {warning}")
    shown = _worth_showing(found)
    print_table(
        ("", "Recall", "False alarms/h", "Time", *(name.capitalize() for name in words(found.best.thresholds))),
        (
            (
                _mark(one, found),
                percent(one.score.recall),
                rate(one.score.false_alarms_per_hour),
                seconds(one.score.seconds) if one.score.fake_alerted else "-",
                *words(one.thresholds).values(),
            )
            for one in shown
        ),
        whole=("", "Recall", "False alarms/h", "Time"),
        below=(("Alert after", "Suspicious after", "Clear after", "Dwell", "Scores"),),
    )
    for line in _plot(found):
        say(line)
    held = found.held_out
    say(
        f"\nBest (*): recall {percent(score.recall)}, {rate(score.false_alarms_per_hour)} false alarms per call-hour. "
        f"Held out: recall {percent(held.recall)}, {rate(held.false_alarms_per_hour)} false alarms per call-hour: the "
        "same choice, made without the calls that it is held against."
    )
    if not found.met:
        say("No thresholds that were tried hold what was asked for; these come closest.")
    say("\n" + settings_yaml(found.best.thresholds))


def _worth_showing(found: Found) -> list[Tried]:
    """The front, with the best one and with what is in use."""
    shown = {id(one): one for one in [*found.front, found.best, found.present]}
    return sorted(shown.values(), key=lambda one: (one.score.false_alarms_per_hour, one.score.recall))


def _mark(one: Tried, found: Found) -> str:
    return ("*" if one is found.best else "") + ("now" if one is found.present else "")


def _plot(found: Found) -> Iterator[str]:
    """Recall over false alarms, in characters."""
    right = max(one.score.false_alarms_per_hour for one in _worth_showing(found)) or 1.0
    cells = [[" "] * ACROSS for _ in range(UP)]
    order = [(one, "·") for one in found.tried] + [(one, "o") for one in found.front]
    for one, mark in [*order, (found.present, "n"), (found.best, "*")]:
        across = round(one.score.false_alarms_per_hour / right * (ACROSS - 1))
        if across < ACROSS:
            cells[UP - 1 - round(one.score.recall * (UP - 1))][across] = mark
    for number, row in enumerate(cells):
        label = {0: "1", UP - 1: "0"}.get(number, "")
        yield f"{label:>2} |{''.join(row).rstrip()}"
    yield f"   +{'-' * ACROSS}"
    yield f"    0{f'{right:.3g} false alarms per call-hour':>{ACROSS - 1}}"
    yield "    up: recall; * best, n in use now, o nothing is better in both, · others"
