"""`deepguard run`: serve guarded calls."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from loguru import logger
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from deepguard.config.finding import find_config
from deepguard.logs import LogFormat, configure_logs
from deepguard.plugins import PluginHost
from deepguard.server.bind import PortTakenError, bind
from deepguard.server.files import allow_many_files

if TYPE_CHECKING:
    from deepguard.runtime import Runtime

PORT_TAKEN = 3


def run(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; default: deepguard.yaml here, if any.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of server.host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of server.port; 0: a free one.")
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="How log lines are written.")] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log details of Pipecat and WebRTC too.")] = False,
) -> None:
    """Serve guarded calls, and the playground page, until Ctrl-C."""
    configure_logs(log_format, verbose=verbose)
    plugins = PluginHost()
    checked = find_config(config, plugins, os.environ)
    changes = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    server = checked.server.model_copy(update=changes)
    try:
        sockets = bind(server.host, server.port)
    except PortTakenError as error:
        typer.echo(f"deepguard: {error}", err=True)
        raise typer.Exit(PORT_TAKEN) from None

    # Pipecat is a second of imports: only now, when nothing else can go wrong.
    from deepguard.runtime import Runtime
    from deepguard.server import loop
    from deepguard.server.serve import serve

    runtime = Runtime(checked.model_copy(update={"server": server}), plugins)
    allow_many_files()
    loop.run(serve(runtime, sockets, lambda: announce(runtime, _url(server.host, sockets), log_format)))


def announce(runtime: Runtime, url: str, log_format: LogFormat) -> None:
    """Say where the page is, and who judges.

    Args:
        runtime: The configuration at work.
        url: Where the server answers.
        log_format: Programs that read JSON lines get lines instead of a panel.
    """
    detector = runtime.detector_info
    notifiers = ", ".join(entry.name for entry in runtime.config.notifiers) or "none"
    store = runtime.store.name.removeprefix("store ")
    if log_format is LogFormat.JSON:
        if detector["advisory"]:
            logger.warning("{}", detector["advisory"])
        bound = logger.bind(url=url, detector=detector["type"], simulated=detector["simulated"], store=store)
        bound.info("deepguard is ready")
        return
    text = Text()
    text.append(f"{url}\n\n", style="bold underline")
    if not runtime.config.server.serves_playground:
        text.append("Page       off (see server.playground)\n")
    text.append(f"Detector   {detector['label']}\nNotifiers  {notifiers}\nStore      {store}")
    if detector["advisory"]:
        text.append(f"\n\n{detector['advisory']}", style="bold yellow")
    Console(stderr=True).print(Panel(text, title="deepguard is ready", title_align="left", padding=(1, 2)))


def _url(host: str, sockets: list[socket.socket]) -> str:
    # Nobody can open a wildcard address.
    name = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{sockets[0].getsockname()[1]}"
