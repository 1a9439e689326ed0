"""Hears the microphones of all calls in a few threads, as many at once as are waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from deepguard.guard.threads import listening_threads
from deepguard.pipeline.receive.hearing import Ear, Heard, Packet, hear_all

MOST_AT_ONCE = 16
"""Microphones that one thread hears at once: more would hardly be cheaper, and all wait for the last."""


class _Batch(NamedTuple):
    ear: Ear
    packets: Sequence[Packet]
    until: float
    heard: Future[list[Heard]]


_waiting: deque[_Batch] = deque()


async def hear(ear: Ear, packets: Sequence[Packet], until: float) -> list[Heard]:
    """Have an ear hear a batch of packets, together with others that are waiting.

    Args:
        ear: Not used by anybody else meanwhile.
        packets: As ``Ear.hear`` takes them.
        until: As ``Ear.hear`` takes it.

    Returns:
        What ``Ear.hear`` returns.
    """
    batch = _Batch(ear, packets, until, Future())
    _waiting.append(batch)
    listening_threads().submit(_hear_those_waiting)
    return await asyncio.wrap_future(batch.heard)


def _hear_those_waiting() -> None:
    batches: list[_Batch] = []
    while len(batches) < MOST_AT_ONCE:
        try:
            batch = _waiting.popleft()
        except IndexError:  # none is left, or another thread was faster
            break
        if batch.heard.set_running_or_notify_cancel():
            batches.append(batch)
    try:
        heard = hear_all([batch[:3] for batch in batches])
    except Exception as error:  # noqa: BLE001 - whoever waits is told
        heard = [error] * len(batches)
    for batch, each in zip(batches, heard, strict=True):
        if isinstance(each, Exception):
            batch.heard.set_exception(each)
        else:
            batch.heard.set_result(each)


__all__ = ["MOST_AT_ONCE", "hear"]
