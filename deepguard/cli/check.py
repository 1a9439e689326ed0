"""`deepguard check`: is the configuration good?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The configuration; default: deepguard.yaml here, if any.", show_default=False)
    ] = None,
) -> None:
    """Read the configuration as `run` does, and tell everything that is wrong with it."""
    from deepguard.config.finding import USUAL, find_config
    from deepguard.plugins import PluginHost
    from deepguard.text import one_line

    config = find_config(file, PluginHost())
    if file is None and not USUAL.exists():
        subject = f"No {USUAL} here; the defaults are fine"
    else:
        subject = f"{one_line(str(file or USUAL))} is fine"
    notifiers = ", ".join(one_line(notifier.name, 64) for notifier in config.notifiers) or "none"
    typer.echo(f"{subject}. Detector: {config.detector.type}. Notifiers: {notifiers}.")
