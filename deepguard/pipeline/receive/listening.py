"""Hears the microphones of all calls in a few threads, as many at once as are waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from deepguard.guard.threads import listening_threads
from deepguard.pipeline.receive.hearing import Batch, Ear, Heard, Packet, hear_all

MOST_AT_ONCE = 16
"""Microphones that one thread hears at once: more would hardly be cheaper, and all wait for the last."""


class _Waiting(NamedTuple):
    batch: Batch
    heard: Future[list[Heard]]


_waiting: deque[_Waiting] = deque()


async def hear(ear: Ear, packets: Sequence[Packet], until: float, quiet: float = 0.0) -> list[Heard]:
    """Have an ear hear a batch of packets, together with others that are waiting.

    Args:
        ear: Not used by anybody else meanwhile.
        packets: As ``Ear.hear`` takes them.
        until: As ``Ear.hear`` takes it.
        quiet: As ``Ear.hear`` takes it.

    Returns:
        What ``Ear.hear`` returns.
    """
    heard: Future[list[Heard]] = Future()
    _waiting.append(_Waiting(Batch(ear, packets, until, quiet), heard))
    listening_threads().submit(_hear_those_waiting)
    return await asyncio.wrap_future(heard)


def _hear_those_waiting() -> None:
    taken: list[_Waiting] = []
    while len(taken) < MOST_AT_ONCE:
        try:
            waiting = _waiting.popleft()
        except IndexError:  # none is left, or another thread was faster
            break
        if waiting.heard.set_running_or_notify_cancel():
            taken.append(waiting)
    try:
        heard = hear_all([waiting.batch for waiting in taken])
    except Exception as error:  # noqa: BLE001 - whoever waits is told
        heard = [error] * len(taken)
    for waiting, each in zip(taken, heard, strict=True):
        if isinstance(each, Exception):
            waiting.heard.set_exception(each)
        else:
            waiting.heard.set_result(each)


__all__ = ["MOST_AT_ONCE", "hear"]
