"""What the commands about alerts work on: the configuration and its store, also while `deepguard run` uses it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deepguard.errors import DeepguardError, StoreError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.config.models import Config
    from deepguard.notify.planning import Planner
    from deepguard.notify.route import Route
    from deepguard.plugins import PluginHost
    from deepguard.store.store import Store

Result = TypeVar("Result")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration; default: deepguard.yaml here, if any.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who asks for it; default: your user name.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration whose plugins are loaded; nothing of it is started."""

    config: Config
    host: PluginHost

    @property
    def notifiers(self) -> list[str]:
        """The names of its notifiers."""
        return [entry.name for entry in self.config.notifiers]

    def routes(self) -> list[Route]:
        """Its notifiers, built and not started.

        Raises:
            PluginError: A plugin cannot build its notifier.
        """
        from deepguard.notify.route import build_routes

        return build_routes(self.config, self.host)

    def planner(self, routes: Sequence[Route], silences: Sequence[Mapping[str, Any]]) -> Planner:
        """Who is told what, as the server decides it.

        Args:
            routes: From ``routes``.
            silences: The rows of those that are in force.
        """
        from deepguard.notify.planning import Planner, asking
        from deepguard.notify.silence import Silence

        planner = Planner(
            routes,
            should_notify=asking(self.host),
            windows=self.config.silences,
        )
        planner.silences = [Silence.stored(row) for row in silences]
        return planner


def load(path: Path | None) -> Setup:
    """Read a configuration as `run` does, and load the plugins that it names.

    Raises:
        ConfigError: It cannot be used.
    """
    from deepguard.config.finding import find_config
    from deepguard.logs import LogFormat, configure_logs
    from deepguard.plugins import PluginHost

    configure_logs(LogFormat.TEXT)
    host = PluginHost()
    return Setup(find_config(path, host), host)


def in_store(config: Config, work: Callable[[Store], Awaitable[Result]], *, make: bool = False) -> Result:
    """Open the store, do work with it, and close it.

    Args:
        config: The configuration that names it.
        work: Given the open store.
        make: Whether a database file that is not there is made.

    Raises:
        StoreError: It cannot be used, or is not there; says what to do.
    """
    from deepguard.store.store import Store

    async def run() -> Result:
        store = Store(config.store.url.get_secret_value())
        if not make:
            refuse_missing(config, store.name)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def read(config: Config, work: Callable[[sa.Connection], Result]) -> Result:
    """Open the store, read in one transaction, and close it.

    Raises:
        StoreError: It cannot be used, or is not there; says what to do.
    """
    return in_store(config, lambda store: store.read(work))


def write(config: Config, work: Callable[[sa.Connection], Result]) -> Result:
    """Open the store, write in one transaction, and close it.

    Raises:
        StoreError: It cannot be used, or is not there; says what to do.
    """
    return in_store(config, lambda store: store.write(work))


def whole_incident_id(db: sa.Connection, text: str) -> str:
    """The id of the incident that somebody means.

    Args:
        db: A transaction.
        text: Its id, or the beginning of it.

    Raises:
        DeepguardError: There is none, or several.
    """
    from deepguard.store.lookup import SHORTEST, incident_ids

    shown = one_line(text, 64)
    found = incident_ids(db, text) if text.isascii() else ()
    if not found:
        short = text.startswith("inc_") and len(text) < SHORTEST
        more = f"; write at least {SHORTEST} characters of its id" if short else ""
        raise DeepguardError(f"there is no incident '{shown}'{more or '; `deepguard incidents` lists them'}")
    if len(found) > 1:
        raise DeepguardError(f"several incidents begin with '{shown}': {', '.join(found)}")
    return found[0]


def whole_call_id(db: sa.Connection, text: str) -> str:
    """The id of the call that somebody means.

    Args:
        db: A transaction.
        text: Its id, or the beginning of it.

    Raises:
        DeepguardError: There is none, or several.
    """
    from deepguard.store.lookup import SHORTEST_CALL, call_ids

    shown = one_line(text, 64)
    found = call_ids(db, text)
    if not found:
        more = f"; write at least {SHORTEST_CALL} characters of its id" if len(text) < SHORTEST_CALL else ""
        raise DeepguardError(f"there is no call '{shown}'{more or '; `deepguard calls` lists them'}")
    if len(found) > 1:
        raise DeepguardError(
            f"several calls begin with '{shown}': {', '.join(one_line(call_id, 64) for call_id in found)}"
        )
    return found[0]


def who(by: str | None) -> str:
    """Who asks: what was said, else the user's name."""
    if by is not None:
        return one_line(by, 80) or "somebody"
    try:
        return one_line(getpass.getuser(), 80) or "somebody"
    except (OSError, KeyError, ImportError):
        return "somebody"


def told_by(running: int) -> str:
    """Who delivers what a command has put into the store, as a sentence."""
    if running:
        return "The deepguard that runs delivers it."
    return "No deepguard runs with this store: it is delivered when one starts."


def refuse_missing(config: Config, name: str) -> None:
    """See that the store is one that commands can look into, and is there.

    Args:
        config: The configuration that names it.
        name: Its name for people.

    Raises:
        StoreError: It is not; says what to do.
    """
    from deepguard.store.work import file_of, parse_url

    url = parse_url(config.store.url.get_secret_value())
    if url.get_backend_name() != "sqlite":
        return
    path = file_of(url)
    if path is None:
        raise StoreError(f"{name}: only the program that runs can look into it; set store.url to a file")
    if not path.exists():
        raise StoreError(
            f"{name}: there is no store yet at {one_line(str(path))}; `deepguard run` makes one, and so "
            "does `deepguard notify-test`. If one runs, give this command its configuration and its working directory"
        )


__all__ = [
    "ByOption",
    "ConfigOption",
    "JsonOption",
    "Setup",
    "in_store",
    "load",
    "read",
    "refuse_missing",
    "told_by",
    "who",
    "whole_call_id",
    "whole_incident_id",
    "write",
]
