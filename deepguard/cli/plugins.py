"""`deepguard plugins`: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List installed plugins: kind, package, version, and whether each loads or why not."""
    from dataclasses import asdict

    from deepguard.plugins import PluginHost

    host = PluginHost()
    host.load_all()
    installed = host.installed()
    if as_json:
        import json

        typer.echo(json.dumps([asdict(plugin) for plugin in installed], indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("Name", "Kind", "Package", "Version", "Status"):
        table.add_column(heading, overflow="fold")
    for plugin in installed:
        status = f"{plugin.status}: {plugin.reason}" if plugin.reason else plugin.status
        cells = (plugin.name, plugin.kind, plugin.distribution, plugin.version, status)
        table.add_row(*(Text(cell) for cell in cells), style="red" if plugin.status == "failed" else "")
    Console().print(table)
