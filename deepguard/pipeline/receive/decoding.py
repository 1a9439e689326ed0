"""A microphone's packets made 16 kHz mono, as aiortc decodes them and Pipecat's WebRTC transport resamples them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from aiortc import RTCRtpCodecParameters
from av import AudioFrame, AudioResampler

from deepguard.media.pcm import OUT_RATE
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.rtp import ticks_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Seconds that are resampled at once. Ten times as much would cost a thirtieth less of all that an ear does, and the
# resampler would keep 400 KiB more.
_AT_ONCE = 0.02


Packet: TypeAlias = EncodedFrame | AudioFrame
"""What comes of a microphone: encoded, or as aiortc has decoded it."""


class AudioStream:
    """Packets of one kind that follow each other: their decoder, and their resampler.

    What is taken waits until it is asked for.

    Attributes:
        kind: Tells what the decoder and the resampler can take.
        begins: When the first sample was captured, in seconds from any beginning.
    """

    def __init__(self, first: Packet) -> None:
        """Get ready.

        Args:
            first: The first packet; it is not taken yet.

        Raises:
            ValueError: Nothing decodes it.
        """
        self.kind = kind_of(first)
        self._decoder = _decoder_of(first.codec) if isinstance(first, EncodedFrame) else None
        self.begins = 0.0
        self._resampler = AudioResampler("s16", "mono", OUT_RATE)
        # The timestamp that follows; None before the first sound, which also tells its shape.
        self._due: int | None = None
        self._rate = 0
        self._layout = ""
        self._sample_bytes = 0
        # What waits to be resampled; bytes that ever waited, and samples that ever came out.
        self._waiting: list[bytes] = []
        self._taken = 0
        self._given = 0

    @property
    def end(self) -> float:
        """When what was taken ends, in seconds from the same beginning."""
        return self.begins + (self._taken / (self._sample_bytes * self._rate) if self._taken else 0.0)

    def gap_before(self, packet: Packet) -> float:
        """Seconds between what was taken and a packet of this kind; below zero when it begins before that ends."""
        timestamp = packet.timestamp if isinstance(packet, EncodedFrame) else packet.pts
        if self._due is None or timestamp is None:
            return 0.0
        encoded = isinstance(packet, EncodedFrame)
        ticks = ticks_between(self._due, timestamp) if encoded else timestamp - self._due
        return ticks / _clock_of(packet)

    def take_silence(self, until: Packet, seconds: float) -> float:
        """Fill a gap.

        Args:
            until: The packet after it, of this kind.
            seconds: Its length.

        Returns:
            The same length.
        """
        if self._due is not None:
            self._append(bytes(round(seconds * self._rate) * self._sample_bytes))
            self._due += round(seconds * _clock_of(until))
        return seconds

    def take(self, packet: Packet) -> float:
        """Take a packet of this kind in.

        Args:
            packet: The next one.

        Returns:
            Its length in seconds.

        Raises:
            FFmpegError: The packet is broken.
            ValueError: There is nothing in it, or no sound of a kind that is known.
        """
        if isinstance(packet, AudioFrame):
            frames, timestamp = [packet], packet.pts
        else:
            frames, timestamp = self._decode(packet), packet.timestamp
        samples = 0
        for frame in frames:
            self._append(self._pcm_of(frame))
            samples += frame.samples
        if not samples:
            return 0.0
        seconds = samples / self._rate
        if timestamp is not None:
            self._due = timestamp + round(seconds * _clock_of(packet))
        return seconds

    def resampled(self) -> tuple[bytes, float]:
        """What was taken since the last time.

        Returns:
            Signed 16-bit little-endian samples, mono, at 16 kHz, and when the first one was captured. The filter holds
            a few milliseconds back.
        """
        at = self.begins + self._given / OUT_RATE
        if not self._waiting:
            return b"", at
        samples = np.frombuffer(b"".join(self._waiting), "<i2")
        self._waiting.clear()
        step = round(_AT_ONCE * self._rate) * self._sample_bytes // 2
        pcm = b"".join(self._resample(samples[begin : begin + step]) for begin in range(0, len(samples), step))
        self._given += len(pcm) // 2
        return pcm, at

    def _resample(self, samples: NDArray[np.int16]) -> bytes:
        frame = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout=self._layout)
        frame.sample_rate = self._rate
        return b"".join(bytes(out.planes[0])[: 2 * out.samples] for out in self._resampler.resample(frame))

    def _decode(self, packet: EncodedFrame) -> list[AudioFrame]:
        # Nothing at all would tell the decoder that the stream has ended, and it would take no more.
        if self._decoder is None or not packet.data:
            raise ValueError("there is nothing to decode")
        frames = self._decoder.decode(packet)
        return [frame for frame in frames if isinstance(frame, AudioFrame)]

    def _pcm_of(self, frame: AudioFrame) -> bytes:
        if not self._rate:
            if frame.format.name != "s16":
                raise ValueError("decoded audio must be interleaved signed 16-bit samples")
            self._rate, self._layout = frame.sample_rate, frame.layout.name
            self._sample_bytes = 2 * frame.layout.nb_channels
        return bytes(frame.planes[0])[: frame.samples * self._sample_bytes]

    def _append(self, pcm: bytes) -> None:
        self._waiting.append(pcm)
        self._taken += len(pcm)


def _decoder_of(codec: RTCRtpCodecParameters) -> Any:
    # Not needed, and perhaps not there, where only decoded frames can be had.
    from aiortc.codecs import get_decoder

    return get_decoder(codec)


def kind_of(packet: Packet) -> tuple[object, ...]:
    """What has to be the same for two packets to be of one stream."""
    if isinstance(packet, EncodedFrame):
        return packet.codec.mimeType.lower(), packet.codec.clockRate
    return packet.format.name, packet.layout.name, packet.sample_rate, packet.time_base


def _clock_of(packet: Packet) -> float:
    """How many units of a packet's timestamps are a second."""
    if isinstance(packet, EncodedFrame):
        return packet.codec.clockRate
    tick = packet.time_base
    return tick.denominator / tick.numerator if tick else packet.sample_rate


__all__ = ["AudioStream", "Packet", "kind_of"]
