"""Sees what code asks of the world: clocks, chance, files, the network. However it was imported."""

from __future__ import annotations

import datetime
import gc
import io
import os
import random
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self

from deepguard.plugins.places import shortest

_CLOCKS = {"now", "utcnow", "today"}
_PURE_TIMES = {"gmtime", "strftime", "strptime", "asctime", "mktime", "struct_time"}
_OUTSIDE = {"posix", "nt", "_socket", "_ssl", "select", "_posixsubprocess", "_sqlite3", "_winapi"}
_INNER = {"fspath"}
_OPENING = {"open", "print", "input", "open_code"}
_ENVIRON = type(os.environ).__getitem__.__code__
_LIBRARY = sysconfig.get_path("stdlib")


class Asked(NamedTuple):
    """Something that code asked of the world.

    Attributes:
        what: ``a clock``, ``chance`` or ``the world``.
        name: The function, for example ``time.time``.
        place: The file and the line, of the author's own code where that is known.
    """

    what: str
    name: str
    place: str


class Watcher:
    """Watches the code that runs while it is entered, in this thread.

    Attributes:
        asked: What it asked of the world, in order.
    """

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self.asked: list[Asked] = []

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._before = sys.getprofile()
        # What is freed by chance in the middle may close files of its own.
        self._gc = gc.isenabled()
        gc.disable()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Watch no more."""
        sys.setprofile(self._before)
        if self._gc:
            gc.enable()

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            found = _of_builtin(argument)
        elif event == "call" and frame.f_code is _ENVIRON:
            found = ("the world", "os.environ")
        else:
            return
        if found is not None:
            self.asked.append(Asked(*found, _place(frame)))


def _of_builtin(function: Any) -> tuple[str, str] | None:
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    module = getattr(function, "__module__", None)
    if module == "time" and name not in _PURE_TIMES:
        return "a clock", f"time.{name}"
    if name in _CLOCKS and isinstance(owner, type) and issubclass(owner, (datetime.date, datetime.time)):
        return "a clock", f"{owner.__qualname__}.{name}"
    if isinstance(owner, random.Random):
        return "chance", "random"
    if module in _OUTSIDE and name in ("urandom", "getrandom"):
        return "chance", f"os.{name}"
    if module in _OUTSIDE and name not in _INNER:
        return "the world", f"{module}.{name}"
    if module in ("io", "_io", "builtins") and name in _OPENING:
        return "the world", name
    if isinstance(owner, io.IOBase) and not isinstance(owner, (io.StringIO, io.BytesIO)):
        return "the world", f"{type(owner).__name__}.{name}"
    if owner is not None and type(owner).__module__ in _OUTSIDE:
        return "the world", f"{type(owner).__name__}.{name}"
    return None


def _place(frame: FrameType) -> str:
    inner: FrameType | None = frame
    while inner is not None and _of_the_library(inner.f_code):
        inner = inner.f_back
    seen = inner or frame
    return f"{shortest(Path(seen.f_code.co_filename))}:{seen.f_lineno}"


def _of_the_library(code: CodeType) -> bool:
    inside = code.co_filename.startswith((_LIBRARY, "<frozen"))
    return inside and "site-packages" not in code.co_filename


__all__ = ["Asked", "Watcher"]
