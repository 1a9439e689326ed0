"""How far a command is, for people who watch it: on standard error, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(doing: str, total: float | None, *, worth_it: int = 0) -> Iterator[Callable[[float], None]]:
    """Show how far it is.

    Args:
        doing: What is being done.
        total: How much there is to do; None when nobody knows.
        worth_it: From how much on it is shown.

    Yields:
        Takes how much more is done.
    """
    if (total is not None and total < worth_it) or not sys.stderr.isatty():
        yield lambda _more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda more: bar.advance(task, more)


__all__ = ["progress"]
