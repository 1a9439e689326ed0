"""Where recorded calls come from: a store, or files that were exported."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from deepguard.errors import DeepguardError
from deepguard.text import one_line

if TYPE_CHECKING:
    import sqlalchemy as sa

    from deepguard.store.recording import Recording

PART = 50
"""Calls that are played by one process at a time."""

Meant: TypeAlias = "Callable[[sa.Connection, str], str]"
"""Finds the id of the call that somebody means."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls of a store.

    Attributes:
        since: Only those that began at this Unix time or later.
        until: Only those that began before it.
        ids: Only these; the beginning of an id is enough in a store. Empty: all.
        labelled: Only those of which something is known.
    """

    since: float | None = None
    until: float | None = None
    ids: tuple[str, ...] = ()
    labelled: bool = False


class StoredCalls:
    """The calls of a store, read in short transactions. One thread."""

    def __init__(self, url: str) -> None:
        """Open the store.

        Args:
            url: ``store.url``.

        Raises:
            StoreError: It cannot be used; says what to do.
        """
        from deepguard.store.store import Store

        self._runner = asyncio.Runner()
        self._store = Store(url)
        try:
            self._runner.run(self._store.open())
        except BaseException:
            self._runner.close()
            raise

    def ids(self, wanted: Wanted, meant: Meant) -> list[str]:
        """The calls that are wanted, in the order in which they began.

        Args:
            wanted: Which.
            meant: Finds the id of a call that was named.

        Raises:
            StoreError: The store failed.
            DeepguardError: One of those that were named is not there.
        """
        return self._runner.run(self._store.read(lambda db: _found(db, wanted, meant)))

    def shadowed_ids(self, wanted: Wanted) -> list[str]:
        """Those calls that had a shadow policy, in the order in which they began.

        Args:
            wanted: Which.

        Raises:
            StoreError: The store failed.
        """
        from deepguard.store import recordings

        return self._runner.run(
            self._store.read(
                lambda db: list(recordings.call_ids(db, since=wanted.since, until=wanted.until, shadowed=True))
            )
        )

    def read(self, ids: Sequence[str], *, shadows: bool = False) -> list[Recording]:
        """Read calls, without their samples.

        Args:
            ids: Which.
            shadows: Whether the policies that ran beside are read, too.

        Raises:
            StoreError: The store failed.
        """
        from deepguard.store import recordings

        async def read() -> list[Recording]:
            found: list[Recording] = []
            for few in recordings.chunks(ids):
                found += await self._store.read(
                    lambda db, few=few: recordings.read(db, few, samples=False, shadows=shadows)
                )
            return found

        return self._runner.run(read())

    def close(self) -> None:
        """Close the store."""
        try:
            self._runner.run(self._store.close())
        finally:
            self._runner.close()


@dataclass
class ExportedCalls:
    """The calls of exported files, one after the other.

    Attributes:
        files: The files; ``-`` is standard input.
        wanted: Which of their calls.
        edited: Whether they may have been changed by hand.
        again: How many calls were left out because they had come before.
    """

    files: Sequence[Path]
    wanted: Wanted = Wanted()
    edited: bool = False
    again: int = 0
    _seen: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Recording]:
        """Read them; nothing is kept.

        Raises:
            DeepguardError: A file cannot be read, or is no export; says where it is wrong.
        """
        for path in self.files:
            for recording in _exported(path, self.edited):
                if recording.call.id in self._seen:
                    self.again += 1
                elif self._is_wanted(recording):
                    self._seen.add(recording.call.id)
                    yield recording

    def _is_wanted(self, recording: Recording) -> bool:
        wanted, at = self.wanted, recording.call.started_at
        return (
            (wanted.since is None or at >= wanted.since)
            and (wanted.until is None or at < wanted.until)
            and (not wanted.ids or recording.call.id in wanted.ids)
            and (not wanted.labelled or bool(recording.labels))
        )


def _found(db: sa.Connection, wanted: Wanted, meant: Meant) -> list[str]:
    from deepguard.store import recordings

    named = {meant(db, one) for one in wanted.ids}
    found = recordings.call_ids(db, since=wanted.since, until=wanted.until, labelled=wanted.labelled)
    return [one for one in found if not named or one in named]


def _exported(path: Path, edited: bool) -> Iterator[Recording]:
    from deepguard.store.export import read_export

    is_stdin = str(path) == "-"
    shown = "standard input" if is_stdin else one_line(str(path))
    try:
        stream: contextlib.AbstractContextManager[IO[bytes]]
        stream = contextlib.nullcontext(sys.stdin.buffer) if is_stdin else path.open("rb")
        with stream as content:
            yield from read_export(content, shown, edited=edited)
    except OSError as error:
        raise DeepguardError(f"{shown} cannot be read: {error.strerror or type(error).__name__}") from None


def in_parts(calls: Iterable[Recording]) -> Iterator[list[Recording]]:
    """Calls, some at a time."""
    part: list[Recording] = []
    for recording in calls:
        part.append(recording)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part
