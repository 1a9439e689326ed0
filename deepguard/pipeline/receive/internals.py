"""The private parts of aiortc and aioice that the receive path uses: here, and nowhere else.

Everything above asks ``abilities`` first, which looks whether all of it is there; what is not is gone without.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from aioice.ice import StunProtocol
from aiortc import (
    RTCCertificate,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
)
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator, RemoteStreamTrack, StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtpPacket, pack_remb_fci
from pylibsrtp import Session

from deepguard.pipeline.receive.abilities import Abilities
from deepguard.pipeline.receive.frames import EncodedFrame
from deepguard.pipeline.receive.rtcp import SenderReport
from deepguard.pipeline.receive.rtp import HALF_TURN, is_media
from deepguard.pipeline.receive.rtp import RtpPacket as ReceivedPacket

try:
    from pylibsrtp._binding import ffi
    from pylibsrtp._binding import lib as srtp
except ImportError:  # another version, of which ``look`` tells
    ffi: Any = None
    srtp: Any = None

_PREFIX = "_RTCRtpReceiver__"
_QUEUE = _PREFIX + "decoder_queue"
_JITTER_BUFFER = _PREFIX + "jitter_buffer"
_NACKS = _PREFIX + "nack_generator"
_ESTIMATOR = _PREFIX + "remote_bitrate_estimator"
_STATISTICS = _PREFIX + "remote_streams"
_OWN_SSRC = _PREFIX + "rtcp_ssrc"
_DECODED = "_queue"
_MOST_STREAMS = 255
_CAPACITY = 512
"""Packets in a jitter buffer: a keyframe of 600 KB."""

LONGEST = 1500
"""Bytes of a packet that can be decrypted; longer ones are sent by nobody who sends media."""

MOST_REPORTED = 31
"""Streams of one track that are reported of, the last ones, and streams that one report tells of: it has room for so
many (RFC 3550, 6.4.2)."""

MOST_WAITING = 600
"""Frames that wait for the receiver's own decoder: 20 seconds of them."""


def look() -> Abilities:
    """See whether aiortc and aioice are as the receive path knows them. Needs a running event loop."""
    gatherer = RTCIceGatherer()
    dtls = RTCDtlsTransport(RTCIceTransport(gatherer), [RTCCertificate.generateCertificate()])
    receiver = RTCRtpReceiver("video", dtls)
    kinds: dict[str, type] = {
        _QUEUE: queue.Queue,
        _JITTER_BUFFER: JitterBuffer,
        _NACKS: NackGenerator,
        _STATISTICS: dict,
        "_enabled": bool,
    }
    wrong = [name for name, kind in kinds.items() if not isinstance(getattr(receiver, name, None), kind)]
    wrong += [name for name in (_ESTIMATOR, _OWN_SSRC) if not hasattr(receiver, name)]
    for name in ("_handle_rtp_packet", "_send_rtcp", "_send_rtcp_nack", "_send_rtcp_pli"):
        if not callable(getattr(receiver, name, None)):
            wrong.append(name)
    if not isinstance(getattr(RemoteStreamTrack("video"), _DECODED, None), asyncio.Queue):
        wrong.append(f"RemoteStreamTrack.{_DECODED}")
    statistics = StreamStatistics(90000)
    wrong += [
        f"StreamStatistics.{name}"
        for name in (
            "base_seq",
            "max_seq",
            "cycles",
            "packets_received",
            "packets_lost",
            "fraction_lost",
            "jitter",
            "_last_timestamp",
        )
        if name not in vars(statistics) and not hasattr(StreamStatistics, name)
    ]
    ice = getattr(dtls.transport, "_connection", None)
    lost = [] if ice is not None else ["RTCIceTransport._connection"]
    lost += [f"aioice.Connection.{name}" for name in ("_protocols",) if ice is None or not hasattr(ice, name)]
    if not callable(getattr(StunProtocol, "datagram_received", None)):
        lost.append("aioice.StunProtocol.datagram_received")
    lost += [f"RTCDtlsTransport.{name}" for name in ("_rx_srtp", "_handle_rtcp_data") if not hasattr(dtls, name)]
    session = Session()
    lost += [f"pylibsrtp.Session.{name}" for name in ("_buffer", "_cdata", "_srtp") if not hasattr(session, name)]
    if len(getattr(session, "_buffer", "")) < LONGEST:
        lost.append(f"pylibsrtp.Session._buffer of {LONGEST} bytes")
    if not all(callable(getattr(srtp, name, None)) for name in ("srtp_unprotect", "srtp_unprotect_rtcp")):
        lost.append("pylibsrtp._binding.lib.srtp_unprotect")
    if not isinstance(getattr(getattr(dtls, "_rtp_router", None), "ssrc_table", None), dict):
        lost.append("RTCDtlsTransport._rtp_router.ssrc_table")
    return Abilities(tuple(wrong), tuple(lost))


PacketHandler: TypeAlias = Callable[[RtpPacket, int], Awaitable[None]]


class Receiver:
    """A receiver of aiortc, seen from inside.

    Attributes:
        receiver: The receiver itself.
    """

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        """Look inside; changes nothing yet.

        Args:
            receiver: As ``look`` knows it.
        """
        self.receiver = receiver
        self._decoding: Any = getattr(receiver, _QUEUE)
        self._handle = receiver._handle_rtp_packet
        self._allowed: bytes | None = None
        self._streams: dict[int, StreamStatistics] = getattr(receiver, _STATISTICS)
        # Of what senders reported, by their streams: what is told back of it, and when it came in monotonic seconds.
        self._heard_of: dict[int, tuple[int, float]] = {}
        # Bytes of what is decrypted, before and after.
        self._size: Any = ffi.new("int *") if ffi is not None else None

    @property
    def is_video(self) -> bool:
        """Whether it receives pictures."""
        return getattr(self.receiver, _NACKS) is not None

    @property
    def takes(self) -> bool:
        """Whether packets are put together into frames; those of one that does not are decrypted and let go."""
        return self.receiver._enabled

    @takes.setter
    def takes(self, takes: bool) -> None:
        self.receiver._enabled = takes

    def put(self, packet: ReceivedPacket) -> None:
        """Take the next packet in; for those that see datagrams.

        Args:
            packet: As it was decrypted.
        """
        raise NotImplementedError

    def tap(self, take: Callable[[EncodedFrame], None], ended: Callable[[], None]) -> None:
        """Take every encoded frame instead of the decoder.

        Args:
            take: Called with each in order, in the event loop's thread.
            ended: Called when there will be no more.
        """
        setattr(self.receiver, _QUEUE, _Tap(self._decoding, take, ended))

    def decode(self, frame: EncodedFrame) -> bool:
        """Give a frame to the receiver's own decoder; it comes out of the receiver's track.

        Returns:
            Whether it was taken: too many wait when a sender sends more than can be decoded.
        """
        if self._decoding.qsize() >= MOST_WAITING:
            return False
        self._decoding.put((frame.codec, _JitterFrame(frame.data, frame.timestamp)))
        return True

    def hook(self, wrap: Callable[[PacketHandler], PacketHandler]) -> None:
        """See each packet after it was decrypted.

        Args:
            wrap: Makes the handler that packets go to of the one that they went to.
        """

        async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
            await wrapped(packet, arrival_time_ms)

        wrapped = wrap(self._handle)
        self.receiver._handle_rtp_packet = handle

    def go_around(self) -> None:
        """Have aiortc decode nothing itself, and report nothing: what it still gets is not known to be this track's."""
        self.receiver._enabled = False
        before, self._streams = self._streams, dict(self._streams)
        before.clear()

    def let_go(self) -> None:
        """Be as if nobody had looked inside; nothing is put together into frames."""
        self.takes = False
        getattr(self.receiver, _STATISTICS).update(self._streams)
        _empty(self._decoding)
        setattr(self.receiver, _QUEUE, self._decoding)
        self.receiver._handle_rtp_packet = self._handle

    def forget_decoded(self) -> None:
        """Let go of frames that were decoded, and that nobody took."""
        decoded: asyncio.Queue[Any] = getattr(self.receiver.track, _DECODED)
        while not decoded.empty():
            if decoded.get_nowait() is None:  # the end of the track
                decoded.put_nowait(None)
                return

    def start_over(self) -> None:
        """Forget what packets came: those that come next follow upon a gap that nobody is to fill."""
        if self.is_video:
            setattr(self.receiver, _JITTER_BUFFER, JitterBuffer(_CAPACITY, is_video=True))
            setattr(self.receiver, _NACKS, NackGenerator())
        else:
            setattr(self.receiver, _JITTER_BUFFER, JitterBuffer(16, prefetch=4))

    def skip_to(self, ssrc: int, sequence: int, lost: int = 0) -> None:
        """Report to the sender as if everything up to a packet had come: what was held back is not lost.

        Args:
            ssrc: The stream that it belongs to.
            sequence: The packet's number.
            lost: How many on the way to it were lost indeed.
        """
        statistics = self._streams.get(ssrc)
        if statistics is None or statistics.max_seq is None:
            return
        # The sender takes its share of losses of how far the number went: what was held back counts as received.
        passed = (sequence - statistics.max_seq) & 0xFFFF
        if passed >= HALF_TURN:
            return  # one that was overtaken
        known = statistics.packets_received + statistics.packets_lost + passed
        statistics.packets_received += max(0, passed - lost)
        statistics.cycles = 0
        statistics.max_seq = sequence
        statistics.base_seq = sequence - known + 1

    def decrypted(self, datagram: bytes, *, is_report: bool = False) -> bytes | None:
        """Decrypt a packet; from its number SRTP goes on to count.

        Args:
            datagram: As it came.
            is_report: Whether it is RTCP.

        Returns:
            The packet; None when it is not the sender's, or came before.
        """
        session = self.receiver.transport._rx_srtp
        if session is None:
            return None
        # As the session itself does it, which takes longer to get ready than for the work.
        self._size[0] = size = len(datagram)
        session._buffer[0:size] = datagram
        unprotect = srtp.srtp_unprotect_rtcp if is_report else srtp.srtp_unprotect
        if unprotect(session._srtp[0], session._cdata, self._size):
            return None
        return session._buffer[0 : self._size[0]]

    def note(self, packet: ReceivedPacket, clock_rate: int) -> None:
        """Note a packet for what is reported to the sender."""
        statistics = self._streams.get(packet.ssrc)
        if statistics is None:
            _make_room(self._streams)
            statistics = self._streams[packet.ssrc] = StreamStatistics(clock_rate)
        if packet.timestamp == statistics._last_timestamp and packet.sequence_number == (statistics.max_seq or 0) + 1:
            # Another packet of the same picture, in order: it counts, and says nothing new of the time.
            statistics.packets_received += 1
            statistics.max_seq = packet.sequence_number
        else:
            statistics.add(packet)  # type: ignore[arg-type]

    async def hand_back(self, packet: bytes) -> None:
        """Give aiortc an RTCP packet that was decrypted."""
        await self.receiver.transport._handle_rtcp_data(packet)

    def note_sender_report(self, report: SenderReport) -> None:
        """Note what a sender reported, which is told back to it."""
        if report.ssrc not in self._heard_of:
            _make_room(self._heard_of)
        self._heard_of[report.ssrc] = report.middle, time.monotonic()

    def reports(self) -> list[RtcpReceiverInfo]:
        """What came of each stream since this was called last (RFC 3550, 6.4.1)."""
        now, blocks = time.monotonic(), []
        for ssrc, stream in self._streams.items():
            middle, heard_at = self._heard_of.get(ssrc, (0, now))
            blocks.append(
                RtcpReceiverInfo(
                    ssrc=ssrc,
                    # No more than there is room for: senders number and time their packets as they like.
                    fraction_lost=min(stream.fraction_lost, 0xFF),
                    packets_lost=stream.packets_lost,
                    highest_sequence=stream.max_seq or 0,
                    jitter=min(stream.jitter, 0xFFFFFFFF),
                    lsr=middle,
                    dlsr=min(int((now - heard_at) * 65536), 0xFFFFFFFF),
                )
            )
        return blocks

    async def send_reports(self, blocks: list[RtcpReceiverInfo]) -> None:
        """Send reports of any streams of the connection.

        Args:
            blocks: At most ``MOST_REPORTED``.
        """
        if (own := getattr(self.receiver, _OWN_SSRC)) is not None:
            await self.receiver._send_rtcp(RtcpRrPacket(ssrc=own, reports=blocks))

    def note_next(self, sequence: int) -> bool:
        """Note a packet by its number, if it is the one after the last and none is missing, as it nearly always is.

        Returns:
            Whether it was; any other is for ``missing_before``.
        """
        nacks: NackGenerator = getattr(self.receiver, _NACKS)
        if nacks.missing or nacks.max_seq is None or sequence != (nacks.max_seq + 1) & 0xFFFF:
            return False
        nacks.max_seq = sequence
        return True

    def missing_before(self, packet: ReceivedPacket) -> list[int]:
        """The numbers of packets that are missing, when a packet shows that more are than were known."""
        nacks: NackGenerator = getattr(self.receiver, _NACKS)
        return sorted(nacks.missing) if nacks.add(packet) else []  # type: ignore[arg-type]

    @property
    def still_missing(self) -> Collection[int]:
        """The numbers of packets that are known to be missing; of the last 128, before which senders forget."""
        return getattr(self.receiver, _NACKS).missing

    async def ask_again(self, ssrc: int, missing: list[int]) -> None:
        """Have packets sent again (RFC 4585, 6.2.1)."""
        await self.receiver._send_rtcp_nack(ssrc, missing)

    def stop_estimating(self) -> None:
        """No bandwidth is estimated any more: what is let through says nothing of the path."""
        setattr(self.receiver, _ESTIMATOR, None)

    async def ask_for_keyframe(self, ssrc: int) -> None:
        """Send a picture loss indication (RFC 4585, 6.3.1), and before it what the sender may send.

        Each time, since what is lost on the way is missed by nobody.
        """
        own = getattr(self.receiver, _OWN_SSRC)
        if own is not None and self._allowed is not None:
            allowed = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=self._allowed)
            await self.receiver._send_rtcp(allowed)
        await self.receiver._send_rtcp_pli(ssrc)

    def allow_bitrate(self, bits_per_second: int, ssrcs: Collection[int]) -> None:
        """Tell the sender what it may send (REMB, draft-alvestrand-rmcat-remb-03), with every request.

        Args:
            bits_per_second: Of all streams together.
            ssrcs: Its streams, of which the message has room for 255.
        """
        self._allowed = pack_remb_fci(bits_per_second, sorted(ssrcs)[:_MOST_STREAMS])


class _Tap(queue.Queue[Any]):
    """In the place of the queue to a decoder."""

    def __init__(self, decoding: Any, take: Callable[[EncodedFrame], None], ended: Callable[[], None]) -> None:
        super().__init__()
        self._decoding = decoding
        self._take = take
        self._ended = ended

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            self._ended()
            # The event loop waits for the decoder's end: not for frames that nobody will look at.
            _empty(self._decoding)
            self._decoding.put(None, block, timeout)
            return
        codec, encoded = item
        self._take(EncodedFrame(codec, encoded.data, encoded.timestamp))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        # A decoder that is started after the tap was put in reads from here.
        return self._decoding.get(block, timeout)


def _make_room(streams: dict[int, Any]) -> None:
    """Forget streams, the oldest first, until there is room for one more."""
    while len(streams) >= MOST_REPORTED:
        del streams[next(iter(streams))]


def _empty(waiting: Any) -> None:
    with suppress(queue.Empty):
        while True:
            waiting.get_nowait()


class _JitterFrame(NamedTuple):
    """An encoded frame as decoders take it."""

    data: bytes
    timestamp: int


class Datagrams:
    """One socket of an ICE connection, seen from inside.

    Attributes:
        carries_media: Whether media, or what looks like it, came in at it.
    """

    def __init__(self, protocol: Any) -> None:
        """Look inside; changes nothing yet."""
        self.carries_media = False
        self._protocol = protocol
        self._passes: Callable[[bytes], bool] | None = None
        self._undo: tuple[Any, Any] | None = None

    @property
    def descriptor(self) -> int | None:
        """The file descriptor of a UDP socket that media comes in at as it was sent.

        None behind a relay, and once the socket is being closed: the number may be that of another one then.
        """
        if self._protocol.local_candidate.type != "host" or self._protocol.transport.is_closing():
            return None
        socket = self._protocol.transport.get_extra_info("socket")
        return socket.fileno() if socket is not None else None

    def hook(self, passes: Callable[[bytes], bool], begins: Callable[[], None]) -> None:
        """See each packet of media and its reports as it comes.

        Args:
            passes: Given an RTP or RTCP packet; whether aiortc is to have it too.
            begins: Called when the first one came: most sockets of a connection never see any.
        """
        received = self._protocol.datagram_received
        self._passes = passes

        def datagram_received(data: bytes, address: tuple[Any, ...]) -> None:
            if is_media(data):
                # What is too long to be decrypted is nobody's whom we know: aiortc would end the connection over it.
                if len(data) > LONGEST:
                    return
                if self._passes is not None:
                    if not self.carries_media:
                        self.carries_media = True
                        begins()
                    if not self._passes(data):
                        return
            received(data, address)

        self._protocol.datagram_received = datagram_received
        self._undo = (received, datagram_received)

    def let_go(self) -> None:
        """See no datagram any more."""
        self._passes = None
        if self._undo is not None:
            received, ours = self._undo
            # Whoever has hooked in since then goes on to be asked.
            if self._protocol.datagram_received is ours:
                self._protocol.datagram_received = received


def datagrams(pc: RTCPeerConnection) -> Iterator[Datagrams]:
    """The sockets of a peer connection, once its candidates are gathered."""
    ices = {id(ice): ice for ice in (each.receiver.transport.transport._connection for each in pc.getTransceivers())}
    for ice in ices.values():
        for protocol in ice._protocols:
            yield Datagrams(protocol)


def receiver_of(pc: RTCPeerConnection, ssrc: int) -> object | None:
    """The receiver that a stream's packets go to, as far as it is known."""
    for transceiver in pc.getTransceivers():
        found = transceiver.receiver.transport._rtp_router.ssrc_table.get(ssrc)
        if found is not None:
            return found
    return None
