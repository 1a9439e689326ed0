"""What the commands on recorded calls have in common: which calls, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepguard.cli.durations import parse_moment
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.config.models import Config
    from deepguard.replay.calls import Wanted
    from deepguard.replay.candidate import Candidate
    from deepguard.replay.work import Calls

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Exported calls; - is standard input. Default: the calls in the store.", show_default=False),
]
CandidateOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration to try; default: the one that is in use.")
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The configuration whose store holds the calls; default: deepguard.yaml here, else --config."
    ),
]
EditedOption = Annotated[
    bool, typer.Option("--edited", help="The files were changed or written by hand: lines need no check that fits.")
]
CallOption = Annotated[list[str] | None, typer.Option("--call", help="Only this call; may be said several times.")]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=256, help="How many processes; default: one a core.", show_default=False),
]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Also write a report with plots to this file.")]


def wanted(since: str | None, until: str | None, calls: Sequence[str] | None, *, labelled: bool = False) -> Wanted:
    """Which calls are meant.

    Raises:
        DeepguardError: A time cannot be read.
    """
    from deepguard.replay.calls import Wanted

    return Wanted(
        parse_moment(since, "--since"),
        parse_moment(until, "--until"),
        tuple(dict.fromkeys(calls or ())),
        labelled,
    )


def source_of(candidate: Candidate, config: Path | None, store: Path | None) -> Config:
    """The configuration whose store holds the calls, and that they were guarded with as far as one knows.

    Args:
        candidate: What is tried.
        config: The configuration that was named for it.
        store: The one that was named for the store.

    Raises:
        ConfigError: Everything that is wrong with it.
    """
    from deepguard.config.finding import which_config
    from deepguard.replay.candidate import Candidate, Named

    # One that is tried need not name the store; but where no other is in use, it is the only one that can.
    if store is None and (config is None or which_config(None) is None):
        return candidate.config
    return Candidate(Named(store)).config


def find_calls(files: Sequence[Path] | None, config: Config, which: Wanted, *, edited: bool = False) -> Calls:
    """The calls to play.

    Args:
        files: Exported files; none: the store.
        config: The configuration of the store.
        which: Which of them.
        edited: Whether the files may have been changed by hand.

    Raises:
        DeepguardError: The store cannot be used, or does not hold what was named.
    """
    from deepguard.cli.stored import refuse_missing, whole_call_id
    from deepguard.replay.calls import ExportedCalls
    from deepguard.replay.work import exported, stored
    from deepguard.store.store import Store

    if files:
        return exported(ExportedCalls(files, which, edited))
    url = config.store.url.get_secret_value()
    refuse_missing(config, Store(url).name)
    return stored(url, which, whole_call_id)


def write_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read: reports hold names.

    Raises:
        DeepguardError: It cannot be written.
    """
    import os

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise DeepguardError(f"{one_line(str(path))} cannot be written: {error.strerror}") from None
