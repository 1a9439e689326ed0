"""What the receive paths of all calls did."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from deepguard.model import Source

LATE_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.12, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds by which lateness is counted."""


class ReceiveLevel(StrEnum):
    """Where what is not needed is dropped; the earlier, the cheaper."""

    KERNEL = "kernel"
    """By the kernel, before it reaches the process."""
    DATAGRAM = "datagram"
    """Before it is decrypted."""
    PACKET = "packet"
    """After it was decrypted, before frames are put together of it."""
    DECODED = "decoded"
    """After it was decoded."""


class Fallback(StrEnum):
    """Why all of a track is decoded though only samples are needed."""

    CONFIGURED = "configured"
    CODEC = "codec"
    IGNORED = "ignored"
    RATE = "rate"
    INTERNALS = "internals"


@dataclass(slots=True)
class ReceiveCounts:
    """Of a process; counters begin at 0 with it.

    Attributes:
        tracks: How many tracks are received at each level now.
        packets_taken: Packets that went on to be put together and decoded.
        packets_held: Packets that did not, by source; those that the kernel dropped are known by their numbers.
        keyframes_asked: Requests for a keyframe, repeated ones too.
        keyframes_came: Keyframes that answered one.
        keyframes_ignored: Times that a sender did not answer, however often it was asked.
        undecodable: Pictures whose frames could not be decoded; asked for again.
        fallbacks: How often all of a track had to be decoded, by reason.
        lied: Microphones whose sender said that they were silent while they were not.
        late: How many pictures were handed over at most so many seconds after they were due; the last one counts the
            rest.
        late_seconds: The sum of all lateness.
    """

    tracks: Counter[ReceiveLevel] = field(default_factory=Counter)
    packets_taken: Counter[Source] = field(default_factory=Counter)
    packets_held: Counter[Source] = field(default_factory=Counter)
    keyframes_asked: int = 0
    keyframes_came: int = 0
    keyframes_ignored: int = 0
    undecodable: int = 0
    fallbacks: Counter[Fallback] = field(default_factory=Counter)
    lied: int = 0
    late: list[int] = field(default_factory=lambda: [0] * (len(LATE_SECONDS) + 1))
    late_seconds: float = 0.0

    def note_taken(self, due_at: float) -> None:
        """Note that a picture was handed over now that was due then, in monotonic seconds."""
        if due_at <= 0:
            return  # the first one of a track is due since ever
        seconds = time.monotonic() - due_at
        self.late[bisect_left(LATE_SECONDS, seconds)] += 1
        self.late_seconds += seconds


__all__ = ["LATE_SECONDS", "Fallback", "ReceiveCounts", "ReceiveLevel"]
