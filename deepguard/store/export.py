"""Exports: recorded calls as JSON Lines, written and read one call at a time. ``docs/recordings.md`` describes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from deepguard.config.suggest import did_you_mean
from deepguard.errors import DeepguardError
from deepguard.store.chain import Chain
from deepguard.store.lines import FIELDS, FORMAT, HEADER, VERSION, Draft, lines_of, values
from deepguard.store.recording import Recording
from deepguard.text import one_line

LONGEST_LINE = 1024 * 1024
"""Bytes of a line at most."""
MOST_LINES = 1_000_000
"""Lines of one call at most: with a sample and a verdict a second, more than five days."""
LARGEST_CALL = 512 * 1024 * 1024
"""Bytes of one call at most."""

HAND_WRITTEN = "; if it was changed on purpose, say --edited"


class ExportError(DeepguardError):
    """A file with recorded calls that cannot be read.

    Attributes:
        name: The file's name, for people.
        line: The first line that is not as it must be, from 1.
    """

    def __init__(self, name: str, line: int, message: str) -> None:
        """Say what is wrong with which line, and what to do."""
        super().__init__(f"{name}:{line}: {message}")
        self.name = name
        self.line = line


class Export:
    """Writes an export. What its methods return is to be written in this order: ``begin``, ``call``…, ``end``."""

    def __init__(self, program: str, exported_at: float, *, pseudonyms: bool = False) -> None:
        """Write nothing yet.

        Args:
            program: The version of deepguard.
            exported_at: Unix time.
            pseudonyms: Whether names were replaced by pseudonyms, which is for the caller to do.
        """
        self._header = {"type": FORMAT, "version": VERSION, "program": program, "exported_at": exported_at}
        if pseudonyms:
            self._header["pseudonyms"] = True
        self._chain = Chain()
        self._calls = 0
        self._lines = 0

    def begin(self) -> bytes:
        """The first line."""
        return self._line(self._header)

    def call(self, recording: Recording) -> Iterator[bytes]:
        """The lines of a call.

        Raises:
            DeepguardError: It is larger than an export may hold.
        """
        size, before = 0, self._lines
        for line in lines_of(recording):
            written = self._line(line)
            size += len(written)
            if len(written) > LONGEST_LINE or size > LARGEST_CALL or self._lines - before > MOST_LINES:
                shown = one_line(recording.call.id, 64)
                raise DeepguardError(f"call {shown} cannot be exported: it is larger than an export may hold")
            yield written
        self._calls += 1
        yield self._line({"type": "end-of-call", "id": recording.call.id, "lines": self._lines - before})

    def end(self) -> bytes:
        """The last line."""
        return self._line({"type": "end-of-export", "calls": self._calls, "lines": self._lines})

    def _line(self, line: dict[str, Any]) -> bytes:
        self._lines += 1
        return self._chain.line(_json(line))


def read_export(stream: IO[bytes], name: str, *, edited: bool = False) -> Iterator[Recording]:
    """Read an export, one call in memory at a time.

    Args:
        stream: The file, opened for reading bytes.
        name: Its name for errors; shown as it is.
        edited: Whether it may have been changed or written by hand: lines need no check, or none that fits, the counts
            at the ends are not looked at, and the last line may be missing.

    Yields:
        Each call, when all its lines have been read and checked.

    Raises:
        ExportError: A line is not as it must be; names the file and the line, and says what to do.
    """
    return _Reader(stream, name, edited).calls()


class _Reader:
    def __init__(self, stream: IO[bytes], name: str, edited: bool) -> None:
        self._stream = stream
        self._name = name
        self._edited = edited
        self._chain = Chain()
        self._number = 0
        self._size = 0
        self._calls: set[str] = set()

    def calls(self) -> Iterator[Recording]:
        self._begin()
        while (line := self._next()) is not None:
            kind = line["type"]
            if kind == "end-of-export":
                self._end(line)
                return
            if kind != "call":
                raise self._error(f"{kind}: must stand in a call, which begins with a line of type 'call'")
            yield self._call(line)
        if not self._edited:
            raise self._cut_off("the line 'end-of-export' is missing")

    def _begin(self) -> None:
        content = self._content()
        if content is None:
            raise self._cut_off("the file is empty")
        header = self._object(content, "this is no export of deepguard: its first line must be its header")
        if header.get("type") != FORMAT:
            raise self._error("this is no export of deepguard: its first line must be its header")
        version = header.get("version")
        if type(version) is int and version > VERSION:
            raise self._error(
                f"a newer deepguard wrote this export: its format is {str(version)[:20]}, and this version knows "
                f"{VERSION}; update deepguard to read it"
            )
        self._checked(content)
        found = self._values(FORMAT, HEADER, header)
        if found["version"] != VERSION:
            raise self._error(f"{FORMAT}: version: must be {VERSION}")

    def _call(self, first: dict[str, Any]) -> Recording:
        begun, self._size = self._number, 0
        draft = Draft(self._values("call", FIELDS["call"], first))
        if draft.id in self._calls:
            raise self._error(f"call '{one_line(draft.id, 64)}' is in this file twice")
        self._calls.add(draft.id)
        while (line := self._next()) is not None:
            kind = line["type"]
            if kind == "end-of-call":
                self._end_call(line, draft.id, self._number - begun)
                return draft.done()
            if self._number - begun >= MOST_LINES or self._size > LARGEST_CALL:
                raise self._error(f"call '{one_line(draft.id, 64)}' is larger than an export may hold")
            if kind in ("call", "end-of-export"):
                raise self._error(f"before this line, 'end-of-call' of call '{one_line(draft.id, 64)}' is missing")
            found = self._values(kind, FIELDS[kind], line)
            try:
                draft.add(kind, found)
            except ValueError as error:
                raise self._error(str(error)) from None
        raise self._cut_off(f"the line 'end-of-call' of call '{one_line(draft.id, 64)}' is missing")

    def _end_call(self, line: dict[str, Any], call_id: str, lines: int) -> None:
        found = self._values("end-of-call", FIELDS["end-of-call"], line)
        if found["id"] != call_id:
            raise self._error(f"end-of-call: id: the call that ends here is '{one_line(call_id, 64)}'")
        if not self._edited and found["lines"] != lines:
            raise self._error(f"end-of-call: lines: the call has {lines}")

    def _end(self, line: dict[str, Any]) -> None:
        lines = self._number - 1
        found = self._values("end-of-export", FIELDS["end-of-export"], line)
        if not self._edited and (found["calls"], found["lines"]) != (len(self._calls), lines):
            raise self._error(f"end-of-export: the export has {len(self._calls)} calls in {lines} lines")
        if self._content() is not None:
            raise self._error("the export ended before this line; another one must be in a file of its own")

    def _next(self) -> dict[str, Any] | None:
        """The next line; None at the end of the file."""
        content = self._content()
        if content is None:
            return None
        found = self._object(self._checked(content), "this line is no JSON object")
        kind = found.get("type")
        if not isinstance(kind, str) or kind not in FIELDS:
            shown = one_line(kind, 64) if isinstance(kind, str) else ""
            raise self._error(f"there is no line of type '{shown}'{did_you_mean(shown, FIELDS)}")
        return found

    def _content(self) -> bytes | None:
        """The next line as it stands; None at the end of the file."""
        while True:
            self._number += 1
            line = self._stream.readline(LONGEST_LINE + 1)
            if not line:
                return None
            if len(line) > LONGEST_LINE:
                raise self._error(f"this line is longer than {LONGEST_LINE} bytes")
            self._size += len(line)
            if line.strip() or not self._edited:
                return line

    def _checked(self, line: bytes) -> bytes:
        if self._edited:
            return line
        try:
            return self._chain.content(line)
        except ValueError as error:
            raise self._error(str(error) + (HAND_WRITTEN if line.endswith(b"\n") else "")) from None

    def _object(self, content: bytes, otherwise: str) -> dict[str, Any]:
        try:
            found = json.loads(content.decode("utf-8-sig" if self._number == 1 else "utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise self._error(f"{otherwise}{_why(error)}") from None
        if not isinstance(found, dict):
            raise self._error(otherwise)
        return found

    def _values(self, kind: str, fields: Any, line: dict[str, Any]) -> dict[str, Any]:
        line.pop("check", None)
        try:
            return values(kind, fields, line)
        except ValueError as error:
            raise self._error(str(error)) from None

    def _cut_off(self, message: str) -> ExportError:
        return self._error(f"the file ends here, and is not whole: {message}" if self._number > 1 else message)

    def _error(self, message: str) -> ExportError:
        return ExportError(self._name, self._number, message)


def _json(line: dict[str, Any]) -> bytes:
    try:
        return json.dumps(line, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:  # a policy's settings may hold what JSON does not know
        return json.dumps(_finite(line), separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f" ({error.msg} at column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return " (it is not UTF-8)"
    return " (it is nested too deeply)" if isinstance(error, RecursionError) else ""


__all__ = ["LARGEST_CALL", "LONGEST_LINE", "MOST_LINES", "Export", "ExportError", "read_export"]
