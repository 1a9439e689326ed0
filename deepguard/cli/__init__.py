"""The command line: one file a command, each imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deepguard.config.suggest import did_you_mean
from deepguard.errors import ConfigError, DeepguardError

COMMANDS = (
    "run",
    "check",
    "init",
    "schema",
    "plugins",
    "new-plugin",
    "notify-test",
    "incidents",
    "explain",
    "ack",
    "label",
    "calls",
    "export",
    "import",
    "replay",
    "tune",
    "shadow",
)
"""Each is the function of that name, with ``_`` for ``-``, in the module of that name; ``import_`` where Python itself
has the word."""

GROUPS = ("deliveries", "silence", "detector", "bench")
"""Each is the Typer named ``app`` in the module of that name."""

INTERRUPTED = 130


class CommandLine(TyperGroup):
    """Imports a command when it is called, and tells deepguard's own errors in words."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which help shows them."""
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; None when there is none of that name."""
        if cmd_name not in (*COMMANDS, *GROUPS):
            return None
        name = cmd_name.replace("-", "_")
        name += "_" if iskeyword(name) else ""
        module = import_module(f"deepguard.cli.{name}")
        if cmd_name in GROUPS:
            command = typer.main.get_group(module.app)
        else:
            single = _typer()
            single.command(cmd_name)(getattr(module, name))
            command = typer.main.get_command(single)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or say which may have been meant."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"there is no command '{args[0]}'{did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DeepguardError as error:
            typer.echo(_told(error), err=True)
            raise typer.Exit(1) from None


def _typer(**options: Any) -> typer.Typer:
    # Typer's own tracebacks show local variables, and those hold keys.
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, **options)


app = _typer(cls=CommandLine, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        from deepguard import __version__

        typer.echo(f"deepguard {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Guard live calls against face swaps and cloned voices."""
    from deepguard.cli.environment import read_dotenv

    read_dotenv()


def _told(error: DeepguardError) -> str:
    if not isinstance(error, ConfigError):
        return f"deepguard: {error}"
    count = len(error.problems)
    return f"{error}\n{count} {'problem' if count == 1 else 'problems'} found"


def main() -> None:
    """The console script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


__all__ = ["app", "main"]
