"""`deepguard export`: recorded calls as JSON Lines."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from deepguard.cli.durations import SinceOption, parse_moment
from deepguard.cli.progress import progress
from deepguard.cli.showing import plural, say
from deepguard.cli.stored import ConfigOption, in_store, load, whole_call_id
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.store.store import Store

WORTH_A_BAR = 200
"""Calls from which on it is shown how far it is."""


def export(
    calls: Annotated[
        list[str] | None, typer.Argument(help="Which calls; the beginning of an id is enough.", show_default=False)
    ] = None,
    since: SinceOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All calls.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; default: standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Without names and messages, for sending it to others.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write recorded calls as JSON Lines: verdicts, samples' metadata, changes, incidents, labels; never pictures."""
    from deepguard.store.recordings import call_ids

    if sum(map(bool, (calls, since, everything))) != 1:
        raise DeepguardError("say which calls: their ids, --since 30d, or --all")
    begun = parse_moment(since, "--since")
    path = None if output is None or str(output) == "-" else output

    def which(db: sa.Connection) -> Sequence[str]:
        if calls:
            return list(dict.fromkeys(whole_call_id(db, text) for text in calls))
        return call_ids(db, since=begun)

    async def work(store: Store) -> tuple[int, int]:
        ids = await store.read(which)
        with _opened(path, force) as stream:
            return await _write(store, ids, stream, pseudonyms)

    written, unreadable = in_store(load(config).config, work)
    if unreadable:
        rows = plural(unreadable, "row was", "rows were")
        typer.echo(f"{rows} left out: a newer deepguard wrote what this version cannot read.", err=True)
    if path is not None:
        say(f"{plural(written, 'call is', 'calls are')} in {one_line(str(path))}.")


async def _write(store: Store, ids: Sequence[str], stream: IO[bytes], pseudonyms: bool) -> tuple[int, int]:
    from deepguard import __version__
    from deepguard.store.export import Export
    from deepguard.store.pseudonyms import Pseudonyms
    from deepguard.store.recordings import chunks, read

    made = Export(__version__, time.time(), pseudonyms=pseudonyms)
    hidden = Pseudonyms() if pseudonyms else None
    written = unreadable = 0
    stream.write(made.begin())
    with progress("Exporting", len(ids), worth_it=WORTH_A_BAR) as advance:
        for part in chunks(ids):
            for recording in await store.read(lambda db, part=part: read(db, part)):
                stream.writelines(made.call(hidden.of(recording) if hidden else recording))
                written += 1
                unreadable += recording.unreadable
            advance(len(part))
    stream.write(made.end())
    return written, unreadable


@contextlib.contextmanager
def _opened(path: Path | None, force: bool) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is there as a whole or not at all.

    Raises:
        DeepguardError: It cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    shown = one_line(str(path))
    if path.is_dir():
        raise DeepguardError(f"{shown} is a folder; name a file")
    if path.exists() and not force:
        raise DeepguardError(f"{shown} is there already; name another file, or say --force to write over it")
    part = None
    try:
        # Readable by its owner only, as the store is.
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part", delete=False
        ) as stream:
            part = Path(stream.name)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists() and not force:
            raise DeepguardError(f"{shown} was made by somebody else meanwhile; it was not written over")
        part.replace(path)
    except OSError as error:
        raise DeepguardError(f"{shown} cannot be written: {error.strerror or type(error).__name__}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
