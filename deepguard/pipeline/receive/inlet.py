"""From datagrams to encoded frames, past aiortc's own way, which costs some four times as much a packet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiortc import RTCRtpReceiver
from aiortc.codecs import depayload, is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from deepguard.pipeline.receive.assembling import FrameAssembler, starts_frame, vp8_data
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.rtp import RtpPacket, ticks_between

REPEAT_SECONDS = 0.1
"""What is still missing so long after it was asked for is asked for again: that may have been lost as well."""


class _Kind(NamedTuple):
    """What is known of packets by their payload type.

    Attributes:
        clock_rate: Of their timestamps.
        is_repair: Whether they were sent again.
        codec: What they carry; None when that was not negotiated.
        name: The codec's.
    """

    clock_rate: int
    is_repair: bool
    codec: RTCRtpCodecParameters | None
    name: str


def _kind_of(codec: RTCRtpCodecParameters, codecs: Mapping[int, RTCRtpCodecParameters]) -> _Kind:
    carried: RTCRtpCodecParameters | None = codec
    if is_rtx(codec):
        apt = codec.parameters.get("apt")
        carried = codecs.get(apt) if isinstance(apt, int) else None
    return _Kind(codec.clockRate, is_rtx(codec), carried, carried.name if carried is not None else "")


def _depayloaded(codec: RTCRtpCodecParameters, payload: bytes) -> bytes:
    try:
        return depayload(codec, payload) if payload else b""
    except ValueError:  # broken: the decoder will say so of the frame
        return b""


class Inlet(Receiver):
    """A receiver whose packets are decrypted, put together and reported of here."""

    def __init__(self, receiver: RTCRtpReceiver, codecs: Mapping[int, RTCRtpCodecParameters]) -> None:
        """Begin with no packet.

        Args:
            receiver: The receiver that is gone around.
            codecs: What was negotiated, by payload type.
        """
        super().__init__(receiver)
        self.go_around()
        self._taking = False
        self._kinds = {kind: _kind_of(codec, codecs) for kind, codec in codecs.items()}
        self._frames = FrameAssembler() if self.is_video else None
        self._take: Callable[[EncodedFrame], None] | None = None
        self._ssrc: int | None = None
        self._timestamp: int | None = None
        self._passed = 0
        self._given_up = 0
        self._after_gap = False
        self._asked_at = 0.0
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def takes(self) -> bool:
        """Whether packets are put together into frames."""
        return self._taking

    @takes.setter
    def takes(self, takes: bool) -> None:
        self._taking = takes

    def tap(self, take: Callable[[EncodedFrame], None], ended: Callable[[], None]) -> None:
        """Take every encoded frame.

        Args:
            take: Called with each in order, in the event loop's thread.
            ended: Called when there will be no more.
        """
        self._take = take
        super().tap(take, ended)

    def let_go(self) -> None:
        """Be as if nobody had looked inside."""
        self._take = None
        for task in self._asking:
            task.cancel()
        super().let_go()

    def start_over(self) -> None:
        """Forget what packets came: those that come next follow upon a gap that nobody is to fill."""
        super().start_over()
        self._after_gap = True
        if self._frames is not None:
            self._frames.start_over()

    def put(self, packet: RtpPacket) -> None:
        """Take the next packet in.

        Args:
            packet: As it was decrypted.
        """
        kind = self._kinds.get(packet.kind)
        if kind is None or self._take is None or not self._taking:
            return
        self.note(packet, kind.clock_rate)
        codec = kind.codec
        if codec is None:
            return
        if kind.is_repair:
            # A packet that is sent again carries its own number before what it carried (RFC 4588).
            payload = packet.payload
            if len(payload) < 2 or self._ssrc is None:
                return
            packet = packet._replace(sequence_number=payload[0] << 8 | payload[1], payload=payload[2:])
        elif packet.ssrc != self._ssrc:
            self._begin(packet.ssrc)
        if self._frames is None:
            if packet.payload:
                self._take(EncodedFrame(codec, packet.payload, packet.timestamp))
            return
        if not self.note_next(packet.sequence_number) and (missing := self._to_ask_for(packet)):
            self._asked_at = time.monotonic()
            # Of the media's stream, also when a packet that was sent again shows it.
            task = asyncio.create_task(self.ask_again(self._ssrc or packet.ssrc, missing))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        self._assemble(self._frames, codec, kind.name, packet)

    def _to_ask_for(self, packet: RtpPacket) -> list[int]:
        """The numbers of packets that are to be sent again."""
        if missing := self.missing_before(packet):
            return missing
        return sorted(self.still_missing) if time.monotonic() >= self._asked_at + REPEAT_SECONDS else []

    def _assemble(self, frames: FrameAssembler, codec: RTCRtpCodecParameters, name: str, packet: RtpPacket) -> None:
        payload = packet.payload
        data = vp8_data(payload) if name == "VP8" else _depayloaded(codec, payload)
        starts = starts_frame(name, payload)
        for whole in frames.add(packet.sequence_number, packet.timestamp, data, starts=starts, ends=packet.marked):
            after_gap = self._after_gap or frames.given_up != self._given_up
            self._after_gap, self._given_up = False, frames.given_up
            if self._take is not None:
                self._take(EncodedFrame(codec, whole.data, self._unrolled(whole.timestamp), after_gap))

    def _begin(self, ssrc: int) -> None:
        """Begin with a stream, whose numbers and times say nothing of the one before it."""
        if self._ssrc is not None:
            self.start_over()
            self._timestamp = None
        self._ssrc = ssrc

    def _unrolled(self, timestamp: int) -> int:
        """A timestamp that goes on where RTP's 32 bits begin anew."""
        if self._timestamp is not None:
            self._passed += ticks_between(self._timestamp, timestamp)
        self._timestamp = timestamp
        return self._passed


__all__ = ["Inlet"]
