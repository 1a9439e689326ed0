"""`deepguard detector`: a detector by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from deepguard.errors import DeepguardError
from deepguard.logs import LogFormat, configure_logs
from deepguard.net import is_loopback
from deepguard.text import one_line

if TYPE_CHECKING:
    from aiohttp import web

    from deepguard.config.models import DetectorEntry, DetectorList
    from deepguard.contracts import DetectorType, PluginConfig

API_KEY_VARIABLE = "DEEPGUARD_DETECTOR_KEY"
PORT_TAKEN = 3
SHUTDOWN_SECONDS = 4.0

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _detector() -> None:
    """Run a detector by itself."""


@app.command()
def serve(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Take the detector and its settings from this file.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="The detector. Default: the one of --config, else embedded.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "localhost",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8765,
    api_key: Annotated[
        str,
        typer.Option(
            envvar=API_KEY_VARIABLE,
            help="Key that clients must send; others may see a command line, so prefer the variable.",
        ),
    ] = "",
) -> None:
    """Serve a detector over the Dataspike wire protocol, until Ctrl-C.

    Clients reach it with DATASPIKE_WS_URL=ws://localhost:8765 and any DATASPIKE_API_KEY, or the one that is asked for.
    """
    from deepguard.server.bind import PortTakenError, bind

    configure_logs(LogFormat.TEXT)
    chosen, settings = choose(config, kind)
    key = api_key.strip()
    if not key and not is_loopback(host):
        raise DeepguardError(f"listening on {host} lets everybody in: set {API_KEY_VARIABLE}, or listen on localhost")
    try:
        sockets = bind(host, port)
    except PortTakenError as error:
        typer.echo(f"deepguard: {error}", err=True)
        raise typer.Exit(PORT_TAKEN) from None

    from deepguard.detectors.wire_server import create_app

    application = create_app(chosen, settings, api_key=SecretStr(key) if key else None)
    shown = f"[{host}]" if ":" in host else host
    address = f"ws://{shown}:{sockets[0].getsockname()[1]}"
    detector = chosen.factory(settings)
    typer.echo(f"The detector '{chosen.name}' answers at {address}, {'with' if key else 'without'} an API key.")
    if detector.simulated:
        typer.echo("It is a simulation: its verdicts are scripted, whatever it is shown.")
    elif not detector.assesses_deepfakes:
        typer.echo("It does not assess deepfakes: its verdicts say what else it measures.")
    asyncio.run(_serve(application, sockets))


def choose(config: Path | None, name: str | None) -> tuple[DetectorType, PluginConfig]:
    """The detector to serve, and its settings.

    Args:
        config: A configuration file, whose settings count for the detector that it names.
        name: The detector's name, where it is not the file's or the embedded one.

    Raises:
        DeepguardError: The file is wrong, or the detector cannot be served.
    """
    from deepguard.config.loading import load_config
    from deepguard.config.models import DetectorList
    from deepguard.plugins import PluginHost

    plugins = PluginHost()
    entry = load_config(config, plugins, os.environ).detector if config else None
    if entry and isinstance(entry.options, DetectorList):
        entry = _one_of(entry.options, name)
        name = entry.type if entry else name
    name = name or (entry.type if entry else "embedded")
    if name == "dataspike":
        raise DeepguardError(
            "dataspike is what is spoken here, not what can be served: choose --type embedded or scenario"
        )
    plugins.load(name)
    if name not in plugins.detector_types:
        raise DeepguardError(f"the plugin '{name}' offers no detector; `deepguard plugins` lists each kind")
    kind = plugins.detector_types[name]
    return kind, entry.options if entry and entry.type == name else _defaults(kind)


def _one_of(several: DetectorList, name: str | None) -> DetectorEntry | None:
    """The one of several detectors that is to be served, by its name or its type; None when it is none of them."""
    members = several.members
    if name is not None:
        members = [one for one in members if one.title == name] or [one for one in members if one.type == name]
    if len(members) > 1:
        names = ", ".join(one_line(member.title, 64) for member in members)
        raise DeepguardError(
            "the file names several detectors, and Dataspike's protocol cannot say which of them a verdict is from: "
            f"choose one with --type ({names})"
        )
    return members[0] if members else None


def _defaults(kind: DetectorType) -> PluginConfig:
    from pydantic import ValidationError

    try:
        return kind.config.model_validate({}, context={"environ": os.environ})
    except ValidationError as error:
        missing = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        raise DeepguardError(
            f"the detector '{kind.name}' needs settings ({missing}): write them under `detector:` in a file, "
            "and name it with --config"
        ) from None


async def _serve(application: web.Application, sockets: list[socket.socket]) -> None:
    from aiohttp import web

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, ending.set)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        for listening in sockets:
            await web.SockSite(runner, listening).start()
        await ending.wait()
    finally:
        await runner.cleanup()


__all__ = ["app", "choose", "serve"]
