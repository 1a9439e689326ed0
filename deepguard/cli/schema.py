"""`deepguard schema`: the JSON Schema of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepguard.errors import DeepguardError


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it here instead of printing it.", show_default=False)
    ] = None,
) -> None:
    """Describe deepguard.yaml for editors, with the settings of every installed plugin."""
    import json

    from deepguard.config.schema import json_schema
    from deepguard.plugins import PluginHost

    host = PluginHost()
    host.load_all()
    for plugin in host.installed():
        if plugin.status == "failed":
            typer.echo(f"left out: {plugin.reason}", err=True)
    text = json.dumps(json_schema(host), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DeepguardError(f"{output} cannot be written: {error.strerror}") from None
    typer.echo(f"Wrote {output}.")
