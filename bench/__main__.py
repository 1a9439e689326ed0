"""`python -m bench [NAME…] [--json FILE]`; `crash`, `browser` and `minutes` in place of a name are something else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from loguru import logger
from rich.console import Console

from bench.results import Row, report, table

BENCHES = {
    "churn": "what calls leave behind that were opened and closed",
    "not_due": "what a frame that is not due costs",
    "due": "how long a due frame holds the event loop",
    "hearing": "what it costs to hear a microphone",
    "notify": "how soon a verdict's alert is on its way",
    "outage": "what a destination is sent that was dead for a while",
    "planes": "what a decoded frame costs until it is a sample",
    "policy": "what a verdict costs in policy and incident logic",
    "quality": "how good samples are of which only a keyframe and what settles it were decoded",
    "replay": "what it takes to play recorded calls through other settings",
    "startup": "how soon deepguard run serves, and deepguard check answers",
}
"""Each is the module of that name, and its ``measure``."""

COMMANDS = {"crash": "bench.crash.command", "browser": "bench.browser", "minutes": "bench.minutes"}
"""What is no bench: in which module the function of that name is."""


def run(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Which: {', '.join(BENCHES)}. Default: all.", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.", dir_okay=False)
    ] = None,
) -> None:
    """Measure what the README claims. In place of a name: `crash`, `browser`, `minutes` (see bench/README.md)."""
    unknown = [name for name in names or [] if name not in BENCHES]
    if unknown:
        raise typer.BadParameter(f"there is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    if json_file is not None and not json_file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {str(json_file.parent)!r}", param_hint="--json")
    # Destinations fail here because they are made to.
    logger.remove()
    logger.add(sys.stderr, level="WARNING", filter={"": True, "deepguard.notify": "ERROR"})
    console, status = Console(), Console(stderr=True)
    results: dict[str, Sequence[Row]] = {}
    for name in names or BENCHES:
        with status.status(f"{name}: {BENCHES[name]} …"):
            measure: Callable[[], list[Row]] = import_module(f"bench.{name}").measure
            results[name] = measure()
        console.print(table(f"{name}: {BENCHES[name]}", results[name]), "")
    if json_file is not None:
        json_file.write_text(json.dumps(report(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def command() -> Callable[..., None]:
    """What the first argument names that is no bench: taken off the arguments; otherwise ``run``."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        return run
    del sys.argv[1]
    return getattr(import_module(COMMANDS[name]), name)


if __name__ == "__main__":
    typer.run(command())
