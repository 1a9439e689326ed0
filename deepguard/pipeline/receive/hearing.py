"""Hears in a microphone's packets what was said, and where speech starts and stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from av.error import FFmpegError

from deepguard.media.pcm import OUT_RATE
from deepguard.pipeline.receive.decoding import AudioStream, Packet, kind_of
from deepguard.pipeline.receive.voice import Change, VoiceActivity, feed_all

LONGEST_SILENCE = 0.5
"""Seconds between packets that are silence which was not sent: Opus says so every 0.4 s. A longer gap is a break."""

NO_MORE = 1.0
"""Seconds without packets after which speech is over, as with Pipecat."""

MOST_SECONDS = 6.0
"""Seconds of sound of one batch that are heard; the rest of it is dropped."""

# Seconds by which a sender's timestamps may be off.
_SLACK = 0.01

SHORTEST = 0.0025
"""Seconds that any packet counts for, at least: Opus has no shorter ones."""

# Seconds that the beginning of a stream counts for: it takes a new decoder, resampler and state of the speech model.
_BREAK_COST = 0.1


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of what the microphone took.

    Attributes:
        pcm: Signed 16-bit little-endian samples, mono, at 16 kHz. Never logged.
        at: Unix time of its first sample.
    """

    pcm: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks, and has for a moment.

    Attributes:
        at: Unix time of the end of the sound that decided it.
    """

    at: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Nobody speaks any more.

    Attributes:
        at: Unix time of the end of the sound that decided it.
    """

    at: float


Heard: TypeAlias = Sound | SpeechStarted | SpeechStopped
"""What came of a batch; speech starts and stops between the pieces of sound where it was decided."""


class Ear:
    """Hears one microphone's track, in batches. Used by one thread at a time, never by an event loop's.

    Decodes as aiortc does and resamples as Pipecat's transport does, so that what is heard is the same to the byte.
    Short gaps between timestamps are filled with silence. After a longer one, when the stream was switched off,
    everything begins anew: a decoder that remembers other sound takes longer to find its way than one that remembers
    nothing.

    Attributes:
        undecodable: Packets that could not be decoded.
        late: Packets that began before the one before them ended, among them those that came twice.
        dropped: Packets that were too many for their batch.
    """

    def __init__(self) -> None:
        """Begin with nothing: what is large comes with the first packet."""
        self.undecodable = 0
        self.late = 0
        self.dropped = 0
        # Before a stream nobody was heard: it was silent, or is listened to some time before it matters.
        self._voice = VoiceActivity(after_silence=True)
        self.reset()

    def reset(self) -> None:
        """Begin anew for another track; speech that was going on is forgotten without a word, the counts stay."""
        self._voice.reset()
        self._stream: AudioStream | None = None
        # Until where the microphone was heard, in seconds from any beginning, and the Unix time of that.
        self._position = 0.0
        self._until: float | None = None

    def hear(self, packets: Sequence[Packet], until: float, quiet: float = 0.0) -> list[Heard]:
        """Listen to what came since the last time.

        Args:
            packets: In the order of their timestamps. None at all says that time has passed: after a second of that,
                speech is over, and what takes memory is let go of.
            until: Unix time when the last packet came, or now.
            quiet: Nobody speaks in a batch that is no louder than this on the whole (1 is the loudest): the speech
                model is not asked about it, and what follows is to it as if it were the beginning.

        Returns:
            What was heard, in order. Times are counted back from ``until`` by the packets' timestamps.
        """
        (heard,) = hear_all([Batch(self, packets, until, quiet)])
        if isinstance(heard, Exception):
            raise heard
        return heard

    def _take_in(self, packets: Sequence[Packet], until: float) -> list[Heard]:
        """Take packets in; what is heard of them all but the end, where there was a break, is listened to alone."""
        heard: list[Heard] = []
        passed = 0.0 if self._until is None else max(0.0, until - self._until)
        if packets:
            self._take_all(packets, passed, heard)
            self._until = until
        elif passed >= NO_MORE:
            self._break(heard)
        return heard

    def _on_the_clock(self, heard: list[Heard]) -> list[Heard]:
        """What was heard, with the time of day: up to here times were the microphone's own."""
        if self._until is None:
            return heard
        # Only the end of a batch has a time of day.
        ahead = self._until - self._position
        return [replace(one, at=one.at + ahead) for one in heard]

    def _take_all(self, packets: Sequence[Packet], passed: float, heard: list[Heard]) -> None:
        left = MOST_SECONDS
        for number, packet in enumerate(packets):
            if left <= 0:
                self.dropped += len(packets) - number
                return
            left -= max(SHORTEST, self._take(packet, passed, heard))

    def _take(self, packet: Packet, passed: float, heard: list[Heard]) -> float:
        """Take a packet in, and the silence before it.

        Args:
            packet: The next one.
            passed: Seconds since the last batch: no gap is longer, whatever the timestamps say.
            heard: Takes what was before a break.

        Returns:
            How many seconds of sound it was worth.
        """
        stream, cost, gap = self._stream, 0.0, 0.0
        try:
            if stream is None or stream.kind != kind_of(packet):
                stream, cost = self._begin(packet, 0.0, heard), _BREAK_COST
            elif abs(gap := stream.gap_before(packet)) > LONGEST_SILENCE:
                stream, cost = self._begin(packet, min(max(0.0, gap), passed), heard), _BREAK_COST
            elif gap < -_SLACK:
                self.late += 1
                return cost
            elif gap > _SLACK:
                cost = stream.take_silence(packet, gap)
            return cost + stream.take(packet)
        except (FFmpegError, ValueError):
            # The decoder stays as it is: it finds its way with the packets that follow.
            self.undecodable += 1
            return cost

    def _begin(self, packet: Packet, gap: float, heard: list[Heard]) -> AudioStream:
        """Begin a stream, after the end of the one before.

        Raises:
            ValueError: Nothing decodes the packet; the one before goes on.
        """
        stream = AudioStream(packet)
        self._break(heard)
        self._position += gap
        stream.begins = self._position
        self._stream = stream
        return stream

    def _break(self, heard: list[Heard]) -> None:
        """End the stream, and speech with it; what comes next finds nothing of it."""
        sound = self._sound()
        self._note(sound, self._voice.feed(sound.pcm), heard)
        if self._voice.speaking:
            heard.append(SpeechStopped(self._position))
        self._voice.reset()
        self._stream = None

    def _sound(self) -> Sound:
        """What was taken and not listened to."""
        if self._stream is None:
            return Sound(b"", self._position)
        pcm, at = self._stream.resampled()
        self._position = self._stream.end
        return Sound(pcm, at)

    def _pass_over(self, sound: Sound, heard: list[Heard]) -> None:
        """Take in sound in which nobody speaks."""
        if self._voice.speaking:
            heard.append(SpeechStopped(sound.at))
        self._voice.reset()
        heard.append(sound)

    def _note(self, sound: Sound, changes: Sequence[Change], heard: list[Heard]) -> None:
        """Note what was found out about a piece of sound."""
        pcm, at, begin = sound.pcm, sound.at, 0
        for change in changes:
            end = 2 * change.after
            heard.append(Sound(pcm[begin:end], at + begin / (2 * OUT_RATE)))
            heard.append((SpeechStarted if change.speaking else SpeechStopped)(at + change.after / OUT_RATE))
            begin = end
        if begin < len(pcm):
            heard.append(Sound(pcm[begin:], at + begin / (2 * OUT_RATE)))


class Batch(NamedTuple):
    """What an ear is to hear, as ``Ear.hear`` takes it."""

    ear: Ear
    packets: Sequence[Packet]
    until: float
    quiet: float = 0.0


def loudness(pcm: bytes) -> float:
    """How loud sound is on the whole (root of the mean square), 1 at its loudest; 0 when there is none."""
    samples = np.frombuffer(pcm, "<i2")
    return math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))) / 32768 if len(samples) else 0.0


def hear_all(batches: Sequence[Batch]) -> list[list[Heard] | Exception]:
    """Hear several microphones, as ``Ear.hear`` hears each, in less time than one after the other takes.

    Args:
        batches: Of different ears.

    Returns:
        What was heard by each; why not where packets could not be taken in: the others do not mind.

    Raises:
        Exception: Voice activity failed; it would for each of them.
    """
    heard: list[list[Heard] | Exception] = []
    taken: list[tuple[Ear, list[Heard], Sound]] = []
    for ear, packets, until, quiet in batches:
        try:
            already = ear._take_in(packets, until)
            sound = ear._sound()
            if quiet and sound.pcm and loudness(sound.pcm) <= quiet:
                ear._pass_over(sound, already)
                sound = Sound(b"", ear._position)
            taken.append((ear, already, sound))
            heard.append(already)
        except Exception as error:  # noqa: BLE001 - whoever waits for this one is told
            heard.append(error)
    changes = feed_all([(ear._voice, sound.pcm) for ear, _, sound in taken])
    for (ear, already, sound), changed in zip(taken, changes, strict=True):
        ear._note(sound, changed, already)
        already[:] = ear._on_the_clock(already)
    return heard


__all__ = [
    "LONGEST_SILENCE",
    "MOST_SECONDS",
    "NO_MORE",
    "SHORTEST",
    "Batch",
    "Ear",
    "Heard",
    "Packet",
    "Sound",
    "SpeechStarted",
    "SpeechStopped",
    "hear_all",
    "loudness",
]
