"""`deepguard bench`: what deepguard costs on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deepguard.cli.progress import progress
from deepguard.cli.showing import one_of, print_table, say
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.density.figures import Figures, Result, Spread
    from deepguard.density.measure import Plan

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _bench() -> None:
    """Measure what deepguard costs on this machine."""


@app.command()
def density(
    calls: Annotated[int, typer.Option(min=1, max=1000, help="Guarded calls at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long each measurement lasts.")] = 60,
    mode: Annotated[
        list[str] | None, typer.Option(help="clear, silent, suspicious or always; may be repeated. Default: all.")
    ] = None,
    baseline_calls: Annotated[
        int, typer.Option(min=1, max=100, help="Calls of the ordinary pipeline that it is compared with.")
    ] = 2,
    no_baseline: Annotated[bool, typer.Option("--no-baseline", help="Compare with nothing.")] = False,
    codec: Annotated[Literal["vp8", "h264"], typer.Option(help="What callers encode their video with.")] = "vp8",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything to this file, too.")
    ] = None,
) -> None:
    """Measure what a guarded call costs, with real callers over WebRTC on this machine. Linux only.

    Nothing else should run meanwhile. With every mode it takes about ten minutes.
    """
    # Not at the top: the configuration's models are not needed to show help.
    from deepguard.density.measure import Plan, measure
    from deepguard.density.modes import MODES

    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise DeepguardError(f"--json: there is no folder {one_line(str(json_file.absolute().parent), 200)}")
    plan = Plan(
        calls=calls,
        seconds=seconds,
        modes=one_of(mode or tuple(MODES), MODES, "--mode: there is no mode"),
        baseline_calls=0 if no_baseline else baseline_calls,
        codec=codec,
    )
    with progress("measuring", plan.window_seconds) as passed:
        results = asyncio.run(measure(plan, passed))
    for result in results:
        show(result, MODES[result.mode].text)
    if json_file is not None:
        json_file.write_text(json.dumps(as_dict(plan, results), indent=2) + "\n")


def show(result: Result, text: str) -> None:
    """Print a mode's table, and what limited its measurements.

    Args:
        result: What was measured.
        text: What goes on in the mode.
    """
    told = {"guarded": result.guarded}
    if result.baseline is not None:
        told["baseline"] = result.baseline
    say(f"{result.mode}: {text}")
    columns = [list(rows(figures)) for figures in told.values()]
    print_table(["", *told], ([row[0][0], *(cell for _name, cell in row)] for row in zip(*columns, strict=True)))
    if result.ratio is not None:
        say(f"A guarded call uses {result.ratio:.2f} times the CPU of the baseline's.")
    for name, figures in told.items():
        for limit in figures.limits():
            say(f"{name}: {limit}")
    say("")


def rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """What a table says of one server.

    Args:
        figures: What was measured.

    Yields:
        The name of a row, and its cell.
    """
    per_core, per_call = figures.calls_per_core, figures.memory_per_call_mb
    yield "calls", f"{figures.calls} for {figures.seconds:.0f} s"
    yield "CPU per call", f"{figures.cpu_ms:.1f} ms/s"
    yield "calls per core", f"{per_core:.1f}" if per_core is not None else "-"
    yield "machine's CPU per call", f"{figures.machine_ms:.1f} ms/s"
    yield "callers' CPU per call", f"{figures.callers_ms:.1f} ms/s"
    yield "memory", f"{figures.memory_mb:.0f} MB"
    yield "memory per further call", f"{per_call:.1f} MB" if per_call is not None else "-"
    yield "loop lag p50/p99/max", _spread(figures.lag)
    for source, samples in figures.samples.items():
        yield f"{source.value} due/taken/lost", f"{samples.due} / {samples.taken} / {samples.lost}"
        yield f"{source.value} late p50/p99/max", _spread(samples.lateness)
    yield "packets sent/repeated", f"{figures.packets} / {figures.repeated}"
    yield "keyframes asked for", str(figures.keyframes)
    yield "late sends", f"{figures.late_sends:.2%}"
    yield "machine busy", f"{figures.machine_busy:.0%}"


def _spread(spread: Spread | None) -> str:
    return f"{spread.p50:.1f} / {spread.p99:.1f} / {spread.max:.1f} ms" if spread is not None else "-"


def as_dict(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """What the file of ``--json`` holds.

    Args:
        plan: What was to be measured.
        results: What was measured.
    """
    from deepguard.density.proc import cores

    return {
        "plan": asdict(plan),
        "cores": cores(),
        "modes": {
            result.mode: {
                "guarded": _figures(result.guarded),
                "baseline": _figures(result.baseline) if result.baseline is not None else None,
                "ratio": result.ratio,
            }
            for result in results
        },
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {**asdict(figures), "calls_per_core": figures.calls_per_core, "limits": figures.limits()}


__all__ = ["app", "as_dict", "rows", "show"]
