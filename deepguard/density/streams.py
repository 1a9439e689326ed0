"""One track that a caller sends: packed, protected and handed to the socket without aiortc's sender.

Its sender costs more than what is to be measured: a track object, a task and several turns of the loop a packet.
Negotiation, ICE and DTLS stay aiortc's own; only what it does once a track is negotiated is done here.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiortc import RTCRtpSender
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from deepguard.density.media import FPS, PACKET_SAMPLES, Sound
from deepguard.density.packets import vp8_descriptor

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

NTP_EPOCH = 2_208_988_800
"""Seconds from the beginning of NTP's time to that of Unix."""

HISTORY = 256
"""Packets that can be sent again."""

VIDEO_RATE = 90_000

HEADER = struct.Struct("!BBHLL")
"""Of an RTP packet with extensions, up to these."""

Payloads = Sequence[Sequence[bytes]]


@dataclass(slots=True)
class Counts:
    """What all streams of a process did.

    Attributes:
        packets: RTP packets sent.
        repeated: Of them, sent again because the server missed them.
        keyframes: Requests for a keyframe that were answered.
    """

    packets: int = 0
    repeated: int = 0
    keyframes: int = 0


class Stream:
    """What every track has: packets in sequence, sender reports, packets sent again."""

    per_second: int
    """How often ``send`` is to be called."""
    has_level = False
    """Whether packets tell how loud they are."""

    def __init__(self, sender: RTCRtpSender, counts: Counts) -> None:
        """Take the place of a sender.

        Args:
            sender: aiortc's own, not begun yet; it keeps its SSRCs, which the offer tells.
            counts: Where to count.
        """
        self._counts = counts
        self._ssrc: int = sender._ssrc
        self._repeat_ssrc: int = sender._rtx_ssrc
        self._sender = sender
        self._sequence = self._repeat_sequence = 0
        self._timestamp = self._octets = self._packets = 0
        self._history: list[tuple[int, bytes]] = [(-1, b"")] * HISTORY
        self._calls = 0
        self._repeat_type: int | None = None
        self.begun = False
        """Whether it is negotiated and can be sent."""
        # aiortc calls it once the track is negotiated and the connection protected.
        sender.send = self._begin

    async def _begin(self, parameters: RTCRtpSendParameters) -> None:
        dtls = self._sender.transport
        self._payload_type = parameters.codecs[0].payloadType or 0
        for codec in parameters.codecs[1:]:
            if codec.name.lower() == "rtx" and codec.parameters.get("apt") == self._payload_type:
                self._repeat_type = codec.payloadType
        self._extensions = _Extensions(parameters, level=self.has_level)
        self._cname = RtcpSdesPacket([RtcpSourceInfo(self._ssrc, [(1, (parameters.rtcp.cname or "").encode())])])
        self._srtp = dtls._tx_srtp
        self._put = _way_out(dtls)
        dtls._register_rtp_sender(self, parameters)
        self.begun = True

    def send(self) -> None:
        """Send what is next: a frame of video, or 20 ms of sound. To be called ``per_second`` times a second."""
        if self._calls % self.per_second == self.per_second // 2:
            self._report()
        self._calls += 1

    def _send_packet(self, payload: bytes, extensions: bytes, *, marker: bool) -> None:
        kind = marker << 7 | self._payload_type
        packet = HEADER.pack(0x90, kind, self._sequence, self._timestamp, self._ssrc) + extensions + payload
        self._history[self._sequence % HISTORY] = (self._sequence, packet)
        self._sequence = self._sequence + 1 & 0xFFFF
        self._packets += 1
        self._octets += len(payload)
        self._counts.packets += 1
        self._put(self._srtp.protect(packet))

    def _report(self) -> None:
        now = time.time() + NTP_EPOCH
        ntp = int(now) << 32 | int(now % 1 * (1 << 32))
        told = RtcpSenderInfo(ntp, self._timestamp, self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF)
        report = bytes(RtcpSrPacket(self._ssrc, told)) + bytes(self._cname)
        self._put(self._srtp.protect_rtcp(report))

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        """What aiortc calls with feedback about the track."""
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for sequence in packet.lost:
                self._send_again(sequence)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self._on_keyframe_wanted()

    def _send_again(self, sequence: int) -> None:
        kept, packet = self._history[sequence % HISTORY]
        if kept != sequence:
            return
        if self._repeat_type is not None:
            # RFC 4588: a stream of its own, whose payload begins with the number that was missed.
            header = self._extensions.end
            first = bytes((packet[0], packet[1] & 0x80 | self._repeat_type))
            own = struct.pack("!HLL", self._repeat_sequence, *struct.unpack("!L", packet[4:8]), self._repeat_ssrc)
            packet = first + own + packet[12:header] + packet[2:4] + packet[header:]
            self._repeat_sequence = self._repeat_sequence + 1 & 0xFFFF
        self._counts.repeated += 1
        self._counts.packets += 1
        self._put(self._srtp.protect(packet))

    def _on_keyframe_wanted(self) -> None:
        """The server asks for a keyframe; sound has none."""


class VideoStream(Stream):
    """A clip over and over. Where a keyframe is asked for it goes on from the clip's beginning, which is one."""

    per_second = FPS

    def __init__(self, sender: RTCRtpSender, counts: Counts, payloads: Payloads, *, described: bool) -> None:
        """Take the place of a sender.

        Args:
            sender: aiortc's own.
            counts: Where to count.
            payloads: The clip, by frame.
            described: Whether each payload wants VP8's descriptor before it.
        """
        super().__init__(sender, counts)
        self._clip = payloads
        self._described = described
        self._at = 0
        self._picture_id = 0

    def send(self) -> None:
        """Send the next frame."""
        super().send()
        frame = self._clip[self._at]
        self._at = (self._at + 1) % len(self._clip)
        self._timestamp = self._timestamp + VIDEO_RATE // FPS & 0xFFFFFFFF
        extensions = self._extensions.pack()
        descriptor, later = b"", b""
        if self._described:
            descriptor, later = (vp8_descriptor(self._picture_id, start=start) for start in (True, False))
        for payload in frame[:-1]:
            self._send_packet(descriptor + payload, extensions, marker=False)
            descriptor = later
        self._send_packet(descriptor + frame[-1], extensions, marker=True)
        self._picture_id += 1

    def _on_keyframe_wanted(self) -> None:
        self._at = 0
        self._counts.keyframes += 1


class AudioStream(Stream):
    """A sound over and over."""

    per_second = 50
    has_level = True

    def __init__(self, sender: RTCRtpSender, counts: Counts, sound: Sound) -> None:
        """Take the place of a sender.

        Args:
            sender: aiortc's own.
            counts: Where to count.
            sound: What to send.
        """
        super().__init__(sender, counts)
        self._sound = sound

    def send(self) -> None:
        """Send the next 20 ms."""
        super().send()
        at = self._calls % len(self._sound.packets)
        self._timestamp = self._timestamp + PACKET_SAMPLES & 0xFFFFFFFF
        self._send_packet(self._sound.packets[at], self._extensions.pack(self._sound.levels[at]), marker=False)


class _Extensions:
    """The header extensions of a stream, as the negotiation numbered them (RFC 8285, one byte each)."""

    def __init__(self, parameters: RTCRtpSendParameters, *, level: bool) -> None:
        ids = {extension.uri: extension.id for extension in parameters.headerExtensions}
        fixed = b""
        if MID in ids:
            mid = parameters.muxId.encode()
            fixed = bytes((ids[MID] << 4 | len(mid) - 1,)) + mid
        self._time = ids[ABS_SEND_TIME] << 28 | 2 << 24 if ABS_SEND_TIME in ids else None
        self._level = ids[AUDIO_LEVEL] << 4 if level and AUDIO_LEVEL in ids else None
        size = len(fixed) + (4 if self._time is not None else 0) + (2 if self._level is not None else 0)
        words = (size + 3) // 4
        self._fixed = struct.pack("!HH", 0xBEDE, words) + fixed
        self._padding = bytes(words * 4 - size)
        self.end = 16 + words * 4
        """Where a packet's payload begins."""

    def pack(self, level: int = 0) -> bytes:
        packed = self._fixed
        if self._time is not None:
            # Seconds since NTP's beginning, 6 bits before the point and 18 after it.
            packed += struct.pack("!L", self._time | int((time.time() + NTP_EPOCH) * 0x40000) & 0xFFFFFF)
        if self._level is not None:
            packed += bytes((self._level, level))
        return packed + self._padding


def _way_out(dtls: RTCDtlsTransport) -> Callable[[bytes], None]:
    """Sends a datagram over the pair of addresses that ICE chose."""
    connection: Any = dtls.transport._connection
    pair = connection._nominated[1]
    transport, address = pair.protocol.transport, pair.remote_addr

    def put(datagram: bytes) -> None:
        if not transport.is_closing():
            transport.sendto(datagram, address)

    return put


def be_deaf(dtls: RTCDtlsTransport) -> None:
    """Let go of media that the server sends before anything is done with it; what it says about ours still comes."""
    connection: Any = dtls.transport._connection
    for protocol in connection._protocols:
        received = protocol.datagram_received

        def hear(data: bytes, address: Any, received: Callable[[bytes, Any], None] = received) -> None:
            if not (128 <= data[0] < 192 and not 192 <= data[1] < 224):
                received(data, address)

        protocol.datagram_received = hear


__all__ = ["AudioStream", "Counts", "Stream", "VideoStream", "be_deaf"]
