"""Listens to one microphone's track, while speech on it can become a sample.

Until shortly before that nothing is let through. Then packets are decoded and listened to in batches, in a thread that
all calls share, and what was heard goes to the guard in order.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiortc import MediaStreamError
from loguru import logger

from deepguard.guard.intake import Intake
from deepguard.guard.track import SoundTrack
from deepguard.media.pcm import OUT_RATE
from deepguard.pipeline.receive.counts import ReceiveCounts
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.hearing import (
    MOST_SECONDS,
    SHORTEST,
    Ear,
    Heard,
    Packet,
    Sound,
    SpeechStarted,
    loudness,
)
from deepguard.pipeline.receive.listening import hear
from deepguard.pipeline.receive.news import News
from deepguard.pipeline.receive.rtp import ticks_between
from deepguard.pipeline.receive.silence import LOUD, SilenceHold

if TYPE_CHECKING:
    from deepguard.pipeline.receive.gate import Gate

BATCH_SECONDS = 0.2
"""Packets of so long at most are listened to at once."""

LEAD_SECONDS = 1.0
"""So long before speech can become a sample it is listened to: who speaks is to be known by then."""

WORTH_SECONDS = 2.0
"""Less than so long nothing is closed for."""

MOST_PACKETS = round(MOST_SECONDS / SHORTEST)
"""What waits to be listened to, at most; nobody listens to more of it at once."""

SILENT_SECONDS = 1.0
"""After so long without packets speech is over."""

AUDIBLE = 10 ** ((10 - LOUD) / 20)
"""Loudness, 1 at its loudest: what is louder than this, ten decibels above ``LOUD``, is not silent, whatever its sender
says."""


class Microphone:
    """Listens to one microphone's track."""

    def __init__(
        self,
        participant_id: str,
        track: SoundTrack,
        intake: Intake,
        gate: Gate | None,
        *,
        counts: ReceiveCounts,
    ) -> None:
        """Prepare; ``run`` begins.

        Args:
            participant_id: Whose track.
            track: The track, as the guard follows it.
            intake: Where speech goes.
            gate: Lets its packets through; None when they come anyway.
            counts: What is counted.
        """
        self._participant_id = participant_id
        self._track = track
        self._intake = intake
        self._gate = gate
        self._hold = gate.hold if gate is not None else None
        self._counts = counts
        self._ear = Ear()
        self._speaking = False
        self._packets: list[Packet] = []
        self._came = 0.0
        self._news = News()
        track.on_schedule = self._news.tell

    def take(self, packet: Packet) -> None:
        """Take the next packet in, to be listened to with those that follow it soon."""
        if len(self._packets) >= MOST_PACKETS:
            return
        self._came = time.time()
        self._packets.append(packet)
        if len(self._packets) == 1:
            self._news.tell()

    def end(self) -> None:
        """Note that nothing more comes."""
        self._news.end()

    async def run(self) -> None:
        """Listen until the track ends."""
        try:
            while True:
                while self._gate is not None and (early := self._early()) > 0:
                    await self._news.wait(early)
                if self._gate is not None:
                    self._gate.open()
                await self._listen()
                if self._gate is not None:
                    self._gate.close()
                self._packets.clear()
                self._stop_speaking()
        except MediaStreamError:
            await self._hear()

    def _early(self) -> float:
        """Seconds for which nothing that is said can become a sample, less those that it takes to listen in."""
        cutter = self._track.cutter
        return 0.0 if cutter.cutting else cutter.due_at - time.time() - LEAD_SECONDS

    async def _listen(self) -> None:
        """Listen as long as what is said can become a sample soon."""
        while self._gate is None or self._early() < WORTH_SECONDS:
            self._news.check()
            if not self._packets:
                await self._news.wait(SILENT_SECONDS if self._speaking else None)
            if self._packets:
                # All microphones at the same times: many at once are heard with less work.
                await asyncio.sleep(BATCH_SECONDS - time.monotonic() % BATCH_SECONDS)
            await self._hear()

    async def _hear(self) -> None:
        packets, self._packets = in_order(self._packets), []
        until = self._came if packets else time.time()
        said_silent = self._hold is not None and self._hold.checking
        # What its sender calls quiet, and is, need not be asked about; what is merely left out may be anything.
        told_quiet = said_silent and self._hold is not None and self._hold.told_quiet
        heard = await hear(self._ear, packets, until, quiet=AUDIBLE if told_quiet else 0.0)
        self._tell(heard)
        if said_silent and self._hold is not None and self._hold.checking:
            self._doubt(self._hold, heard)

    def _tell(self, heard: list[Heard]) -> None:
        for each in heard:
            if isinstance(each, Sound):
                self._intake.offer_audio(self._participant_id, each.pcm, OUT_RATE, 1, self._track.track_id, at=each.at)
            elif isinstance(each, SpeechStarted):
                self._speaking = True
                self._intake.speech_started(self._participant_id, self._track.track_id, at=each.at)
            else:
                self._speaking = False
                self._intake.speech_stopped(self._participant_id, at=each.at)

    def _stop_speaking(self) -> None:
        self._ear.reset()
        if self._speaking:
            self._speaking = False
            self._intake.speech_stopped(self._participant_id)

    def _doubt(self, hold: SilenceHold[Any], heard: list[Heard]) -> None:
        """See whether what is said to be silence is, or what is left out for silence has nobody speaking in it."""
        speaks = any(isinstance(each, SpeechStarted) for each in heard)
        if speaks or (hold.told_quiet and _loudness(heard) > AUDIBLE):
            hold.trusted = False
            self._counts.lied += 1
            logger.warning(
                "The microphone of {} is not silent, though its sender says so: all of it is decoded from now on",
                self._participant_id,
            )


def _loudness(heard: list[Heard]) -> float:
    """How loud something is on the whole, 1 at its loudest."""
    return loudness(b"".join(each.pcm for each in heard if isinstance(each, Sound)))


def in_order(packets: list[Packet]) -> list[Packet]:
    """Packets in the order in which they were sent, however the network brought them."""
    if not packets or not isinstance(packets[0], EncodedFrame):
        return packets
    first = packets[0].timestamp
    return sorted(packets, key=lambda packet: ticks_between(first, packet.timestamp))  # type: ignore[union-attr]


__all__ = ["Microphone"]
