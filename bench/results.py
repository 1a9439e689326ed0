"""What a bench found: rows, as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        name: What was measured.
        figure: How much.
        unit: Of ``figure``, ``target`` and ``baseline_figure``.
        baseline: What it is held against, measured in the same run.
        baseline_figure: The same figure of the baseline.
        target: What the figure is to stay under; None when it has none.
    """

    name: str
    figure: float
    unit: str
    baseline: str
    baseline_figure: float
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of the baseline's; None when that is nothing."""
        return self.figure / self.baseline_figure if self.baseline_figure else None

    @property
    def met(self) -> bool | None:
        """Whether the figure is under its target; None when it has none."""
        return None if self.target is None else self.figure < self.target

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON shows it."""
        return {
            "name": self.name,
            "figure": self.figure,
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
            "baseline": self.baseline,
            "baseline_figure": self.baseline_figure,
            "ratio": self.ratio,
        }


def report(results: dict[str, Sequence[Row]]) -> dict[str, Any]:
    """Everything that a run found, and on what it ran.

    Args:
        results: Rows by bench.
    """
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cpus": os.cpu_count(),
        "rows": [{"bench": name, **row.as_dict()} for name, rows in results.items() for row in rows],
    }


def table(title: str, rows: Sequence[Row]) -> Table:
    """One bench's rows for people.

    Args:
        title: Stands above them.
        rows: The rows.
    """
    shown = Table(title=title, title_justify="left", title_style="bold")
    shown.add_column("What")
    for heading in ("Figure", "Target"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("Baseline")
    for heading in ("Its figure", "Ratio"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        style = {True: "green", False: "bold red", None: ""}[row.met]
        shown.add_row(
            row.name,
            Text(f"{_number(row.figure)} {row.unit}", style),
            "" if row.target is None else f"< {row.target:g} {row.unit}",
            row.baseline,
            f"{_number(row.baseline_figure)} {row.unit}",
            "" if row.ratio is None else _number(row.ratio),
        )
    return shown


def _number(value: float) -> str:
    """Three digits that count."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"
