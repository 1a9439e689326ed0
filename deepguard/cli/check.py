"""`deepguard check`: is the configuration good?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The configuration; default: deepguard.yaml here, if any.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The same, as other commands take it.")] = None,
) -> None:
    """Read the configuration as `run` does, and tell everything that is wrong with it."""
    from deepguard.config.finding import USUAL, find_config, which_config
    from deepguard.config.snapshot import SHOWN_HASH, snapshot_of
    from deepguard.plugins import PluginHost
    from deepguard.text import one_line

    if file is not None and config is not None and file != config:
        raise typer.BadParameter("name one file, as an argument or with --config")
    found = which_config(file or config)
    checked = find_config(found, PluginHost())
    subject = f"No {USUAL} here; the defaults are fine" if found is None else f"{one_line(str(found))} is fine"
    notifiers = ", ".join(one_line(notifier.name, 64) for notifier in checked.notifiers) or "none"
    detectors = one_line(checked.detector.title)
    typer.echo(f"{subject}. Detector: {detectors}. Notifiers: {notifiers}.")
    typer.echo(f"Its hash is {snapshot_of(checked).hash[:SHOWN_HASH]}: calls that it guards carry it in the store.")
