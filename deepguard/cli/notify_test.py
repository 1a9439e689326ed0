"""`deepguard notify-test`: does an alert reach everybody?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepguard.cli.durations import span
from deepguard.cli.showing import moment, one_of, plural, print_json, print_table, say
from deepguard.cli.stored import ConfigOption, JsonOption, in_store, load
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.notify.trial import Outcome, Trial
    from deepguard.store.store import Store

RESULTS = {
    "delivered": "delivered",
    "failed": "failed",
    "not_attempted": "not attempted",
    "kept_back": "kept back",
}


def notify_test(
    names: Annotated[
        list[str] | None, typer.Argument(help="The notifiers to try. Default: all.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds that it may take.")] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a marked test the way of an alert, and tell each destination's answer; exits with 0 when all took it."""
    setup = load(config)
    chosen = one_of(names or setup.notifiers, setup.notifiers, "the configuration names no notifier")
    if not chosen:
        raise DeepguardError("the configuration names no notifier: nobody is told of anything")
    routes = setup.routes()

    async def work(store: Store) -> tuple[Trial, list[Outcome]]:
        from deepguard.notify.trial import Trial
        from deepguard.store import silences

        trial = Trial(store, setup.planner(routes, await store.read(silences.in_force)), chosen, timeout)
        return trial, await trial.run()

    trial, outcomes = in_store(setup.config, work, make=True)
    failed = [outcome for outcome in outcomes if outcome.result != "delivered"]
    if as_json:
        told = [_outcome_dict(outcome) for outcome in outcomes]
        print_json({"notification_id": trial.notification.id, "delivered": not failed, "destinations": told})
    else:
        print_table(("Notifier", "Result", "Details"), (_cells(outcome) for outcome in outcomes), whole=("Result",))
        _sum_up(trial, len(outcomes), len(failed))
    if failed:
        raise typer.Exit(1)


def _sum_up(trial: Trial, count: int, failed: int) -> None:
    if not failed:
        say(f"The test {trial.notification.id} was delivered to {plural(count, 'destination', 'destinations')}.")
    elif trial.left:
        say(f"The test {trial.notification.id} was dropped but for delivery {', '.join(map(str, trial.left))}.")
    else:
        say(f"What was not delivered of the test {trial.notification.id} was dropped: it will not arrive later.")


def _cells(outcome: Outcome) -> tuple[str, ...]:
    name = one_line(outcome.notifier, 64)
    if outcome.result == "delivered":
        where = ", by the deepguard that runs" if outcome.elsewhere else ""
        tries = f", at attempt {outcome.attempts}" if outcome.attempts > 1 else ""
        return name, RESULTS[outcome.result], f"in {span(outcome.seconds or 0.0)}{where}{tries}"
    detail = one_line(outcome.detail) or "no reason is known"
    follows = _follows(outcome)
    return name, RESULTS[outcome.result], f"{detail}{f'; {follows}' if follows else ''}"


def _follows(outcome: Outcome) -> str:
    """What would become of an alert, in words."""
    at = f" at {moment(outcome.next_at)}" if outcome.next_at else ""
    if outcome.result == "kept_back":
        return "an alert may be kept back by it, too"
    match outcome.follows:
        case "retried":
            return f"an alert would be tried again{at or ' later'}"
        case "refused":
            return f"an alert would be kept, and the destination asked again{at or ' later'}"
        case "disabled":
            return "an alert would be kept, and the destination asked again when deepguard starts"
        case "dead":
            return "an alert would be dead, and could be replayed"
    return ""


def _outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """An outcome as programs read it; times are Unix times in seconds."""
    from dataclasses import asdict

    return asdict(outcome)
