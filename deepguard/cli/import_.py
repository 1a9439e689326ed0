"""`deepguard import`: calls that were exported elsewhere."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from deepguard.cli.progress import progress
from deepguard.cli.showing import plural, print_json, say
from deepguard.cli.stored import ConfigOption, JsonOption, in_store, load
from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    from deepguard.store.recording import Recording
    from deepguard.store.store import Store

WORTH_A_BAR = 20_000_000
"""Bytes from which on it is shown how far it is."""
WORTH_COUNTING = 200
"""Calls from which on it is shown how far it is."""
MOST_ROWS = 20_000
"""Rows that are written in one transaction, unless a single call has more: others wait for it."""


def import_(
    files: Annotated[list[str], typer.Argument(help="Files that `deepguard export` wrote; - is standard input.")],
    edited: Annotated[
        bool,
        typer.Option("--edited", help="They were changed or written by hand: lines need no check that fits."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take exported calls into the store. Calls that are there already are left as they are."""
    with contextlib.ExitStack() as stack:
        streams = [(_shown(file), stack.enter_context(_opened(file))) for file in files]
        # Everything is checked before anything is written.
        calls = _check(streams, edited)

        async def work(store: Store) -> int:
            return await _write(store, streams, edited, calls)

        imported = in_store(load(config).config, work, make=True)
    if as_json:
        print_json({"imported": imported, "present": calls - imported})
        return
    there = calls - imported
    left = f"; {plural(there, 'was', 'were')} there already and left as {'it is' if there == 1 else 'they are'}"
    say(f"{plural(imported, 'call was', 'calls were')} imported{left if there else ''}.")


def _check(streams: Sequence[tuple[str, IO[bytes]]], edited: bool) -> int:
    """How many calls there are.

    Raises:
        ExportError: A line is not as it must be.
    """
    from deepguard.store.export import read_export

    calls = 0
    with progress("Checking", sum(_size(stream) for _, stream in streams), worth_it=WORTH_A_BAR) as advance:
        for name, stream in streams:
            at = 0
            for _ in read_export(stream, name, edited=edited):
                calls += 1
                before, at = at, stream.tell()
                advance(at - before)
    return calls


async def _write(store: Store, streams: Sequence[tuple[str, IO[bytes]]], edited: bool, calls: int) -> int:
    from deepguard.store.export import read_export
    from deepguard.store.importing import write_recordings

    imported = 0

    async def flush(batch: list[Recording]) -> None:
        nonlocal imported
        imported += len(await store.write(lambda db: write_recordings(db, batch)))

    with progress("Importing", calls, worth_it=WORTH_COUNTING) as advance:
        for name, stream in streams:
            stream.seek(0)
            batch: list[Recording] = []
            rows = 0
            for recording in read_export(stream, name, edited=edited):
                batch.append(recording)
                rows += len(recording.verdicts) + len(recording.samples) + len(recording.transitions)
                if rows >= MOST_ROWS:
                    await flush(batch)
                    batch, rows = [], 0
                advance(1)
            await flush(batch)
    return imported


def _size(stream: IO[bytes]) -> int:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def _shown(file: str) -> str:
    return "standard input" if file == "-" else one_line(file)


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """A file that can be read twice.

    Raises:
        DeepguardError: It cannot be read.
    """
    try:
        with contextlib.ExitStack() as stack:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            if file == "-" or not stream.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, copy)
                copy.seek(0)
                stream = copy
            yield stream
    except OSError as error:
        raise DeepguardError(f"{_shown(file)} cannot be read: {error.strerror or type(error).__name__}") from None
