"""`python -m bench crash`."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger
from rich.console import Console
from rich.table import Table

from bench.crash.campaign import Outcome, Plan, run
from bench.databases import LABELS, Kind, postgres_server, sqlite_url
from bench.stats import percentile

MOST_DUPLICATES = 5.0
"""Percent."""
LATEST = 1.0
"""Seconds from a lease's end within which another process is to have taken over."""


def crash(
    kills: Annotated[int, typer.Option(min=1, help="How often the program is killed.")] = 100,
    store: Annotated[Kind, typer.Option(help="The database.")] = "sqlite",
    takeovers: Annotated[
        int, typer.Option(min=0, help="How many of these in the middle of an attempt, with another to take over.")
    ] = 10,
    seed: Annotated[int | None, typer.Option(help="Of everything left to chance; default: another each time.")] = None,
) -> None:
    """Kill the program at random moments, under a receiver that fails, hangs and resets, and count what is lost."""
    seed = random.randrange(10**6) if seed is None else seed
    console, status = Console(), Console(stderr=True)
    logger.remove()
    with ExitStack() as stack:
        if store == "sqlite":
            url = stack.enter_context(sqlite_url())
        else:
            server = stack.enter_context(postgres_server())
            if server is None:
                raise typer.BadParameter("no PostgreSQL server is installed (Debian, Ubuntu: apt install postgresql)")
            url = stack.enter_context(server.database())
        log = Path(tempfile.gettempdir(), f"deepguard-crash-{store}-{seed}.log")
        console.print(f"seed {seed}; what the children log is in {log}")
        shown = stack.enter_context(status.status("…"))
        plan = Plan(url=url, kills=kills, takeovers=min(takeovers, kills), seed=seed, to_the_end=True, log=log)
        outcome = asyncio.run(run(plan, lambda number: shown.update(f"{number} of {kills} killed")))
    console.print(table(f"{LABELS[store]}: {outcome.kills} kills in {outcome.seconds:.0f} s", outcome))
    problems = [*outcome.findings.problems, *_above_their_targets(outcome)]
    for problem in problems:
        console.print("WRONG:", problem, style="bold red")
    if problems:
        raise typer.Exit(1)


def table(title: str, outcome: Outcome) -> Table:
    """What came of it, for people."""
    found = outcome.findings
    shown = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    shown.add_column("What")
    shown.add_column("Figure", justify="right")
    counts = {
        "killed before they were ready": outcome.killed_unready,
        "deliveries committed": found.committed,
        "committed and not received": len(found.lost) + len(found.waiting) + len(found.dead),
        "messages received": found.received,
        "… again, under the same id": f"{found.duplicates} ({found.duplicate_percent:.2f} %)",
        "… with another body": len(found.changed),
        "notifications named": found.named,
        "… again": found.named_again,
        "… under another id": len(found.renamed),
        "incidents out of order": len(found.disordered),
        "lease left lying beyond its end": _spread(outcome.left_lying),
        "lease's end to the next attempt": _spread(outcome.tried_again),
    }
    for what, figure in counts.items():
        shown.add_row(what, str(figure))
    shown.add_section()
    for what, counter in (("answered", outcome.manners), ("received", outcome.types)):
        for name, count in counter.most_common():
            shown.add_row(f"{what}: {name}", str(count))
    return shown


def _above_their_targets(outcome: Outcome) -> Iterator[str]:
    if (percent := outcome.findings.duplicate_percent) >= MOST_DUPLICATES:
        yield f"{percent:.1f} % of the messages were duplicates"
    for what, figures in (("lay", outcome.left_lying), ("was not tried again for", outcome.tried_again)):
        if figures and max(figures) > LATEST:
            yield f"a delivery {what} {max(figures):.2f} s beyond its lease"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return f"p50 {percentile(seconds, 50):.2f} s, max {max(seconds):.2f} s, of {len(seconds)}"
