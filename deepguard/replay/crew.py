"""Processes that each take a part of the calls, and what they find, added up.

Not ``concurrent.futures``: one that hangs in code that cannot be interrupted has to be noticed and ended, and one that
dies has to be named.
"""

from __future__ import annotations

import contextlib
import copyreg
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from deepguard.errors import DeepguardError
from deepguard.replay.errors import ReplayError
from deepguard.text import one_line

START_SECONDS = 120.0
"""What a process may take until it is ready."""
END_SECONDS = 5.0


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


def _reduced(mapping: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


# Calls of exported files go from process to process, and verdicts without signals share one empty mapping.
copyreg.pickle(MappingProxyType, _reduced)


class Beat:
    """How a player shows that it is alive."""

    def begin(self, call_id: str, allowed: float) -> None:
        """Say what is begun.

        Args:
            call_id: A call that somebody else's code decides on; empty for anything else.
            allowed: Seconds until the next sign of life.
        """

    def pulse(self) -> None:
        """Be alive."""


class _Sent(Beat):
    """Signs of life that the parent sees."""

    def __init__(self, pipe: Any, counter: Any) -> None:
        self._pipe = pipe
        self._counter = counter

    def begin(self, call_id: str, allowed: float) -> None:
        self._pipe.send(("call", (call_id, allowed)))

    def pulse(self) -> None:
        self._counter.value += 1


class Player(Protocol):
    """Works on parts, one after the other."""

    def take(self, part: Any, beat: Beat) -> Any:
        """Work on one part; what it returns can be pickled."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


Make: TypeAlias = Callable[[], Player]
"""Makes a player; can be pickled."""


@dataclass(slots=True)
class _Worker:
    """One process, as its parent sees it."""

    process: Any
    pipe: Any
    counter: Any
    count: int = 0
    busy: bool = False
    call_id: str = ""
    allowed: float = START_SECONDS
    since: float = 0.0

    def send(self, part: Any) -> None:
        """Hand a part over; one that is gone is noticed when it is listened to."""
        with contextlib.suppress(OSError):
            self.pipe.send(part)
        self.busy = True
        self.since = time.monotonic()

    def is_stuck(self) -> bool:
        """Whether there was no sign of life for longer than was allowed."""
        now = time.monotonic()
        if self.counter.value != self.count:
            self.count, self.since = self.counter.value, now
        return now - self.since > self.allowed


def work(parts: Iterable[Any], make: Make, jobs: int) -> Iterator[Any]:
    """Have the parts worked on.

    Args:
        parts: Parts; as many are taken as are in hand.
        make: Makes what works on them, in each process anew.
        jobs: How many processes; 0: none, this one does it.

    Yields:
        What came of each part, in any order.

    Raises:
        ReplayError: A process died, or hangs; or what one of them raised.
    """
    if jobs == 0:
        player = make()
        try:
            for part in parts:
                yield player.take(part, Beat())
        finally:
            player.close()
        return
    with _crew(make, jobs) as workers:
        yield from _shared(iter(parts), workers)


def _shared(parts: Iterator[Any], workers: list[_Worker]) -> Iterator[Any]:
    upcoming = next(parts, None)
    while True:
        for worker in workers:
            # Only one that has nothing in hand listens; sending more could wait for one that waits to be heard.
            if upcoming is not None and not worker.busy:
                worker.send(upcoming)
                upcoming = next(parts, None)
        busy = [worker for worker in workers if worker.busy]
        if not busy:
            return
        ready = connection.wait([worker.pipe for worker in busy], timeout=0.5)
        for worker in busy:
            if worker.pipe in ready:
                yield from _heard(worker)
            elif worker.is_stuck():
                raise ReplayError(_stuck(worker.call_id))


def _heard(worker: _Worker) -> Iterator[Any]:
    """Take in what a process said."""
    try:
        said, value = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(END_SECONDS)
        where = f" in call {one_line(worker.call_id, 64)}" if worker.call_id else ""
        raise ReplayError(f"a process that plays calls died{where} ({_fate(worker.process.exitcode)})") from None
    worker.since = time.monotonic()
    match said:
        case "call":
            worker.call_id, worker.allowed = value
        case "done":
            worker.busy = False
            yield value
        case _:
            raise ReplayError(value)


@contextlib.contextmanager
def _crew(make: Make, jobs: int) -> Iterator[list[_Worker]]:
    context = multiprocessing.get_context("spawn")
    workers: list[_Worker] = []
    try:
        for number in range(jobs):
            mine, theirs = context.Pipe()
            counter = context.RawValue("Q", 0)
            name = f"deepguard-replay-{number}"
            process = context.Process(target=_serve, args=(theirs, counter, make), name=name, daemon=True)
            process.start()
            theirs.close()
            workers.append(_Worker(process, mine, counter, since=time.monotonic()))
        yield workers
    except BaseException:
        for worker in workers:
            worker.process.kill()
        raise
    finally:
        for worker in workers:
            worker.pipe.close()
        for worker in workers:
            worker.process.join(END_SECONDS)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.process.close()


def _serve(pipe: Any, counter: Any, make: Make) -> None:
    """What a process does: work on parts until the pipe is closed."""
    # Ctrl-C reaches all processes of a terminal; the parent ends these.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a policy prints is no part of the answer.
    os.dup2(sys.stderr.fileno(), 1)
    player: Player | None = None
    with contextlib.suppress(EOFError, OSError):
        try:
            player = make()
            beat = _Sent(pipe, counter)
            while True:
                pipe.send(("done", player.take(pipe.recv(), beat)))
        except DeepguardError as error:
            pipe.send(("error", str(error)))
        finally:
            if player is not None:
                player.close()


def _stuck(call_id: str) -> str:
    if not call_id:
        return "a process that plays calls does not answer any more"
    return (
        f"the policy does not come to an end in call {one_line(call_id, 64)}, and cannot be interrupted there: a live "
        "call would stand still for ever"
    )


def _fate(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


__all__ = ["Beat", "Make", "Player", "work"]
