"""The gates of one peer connection, put up as early on a packet's way as the platform allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rtp import RtpPacket
from loguru import logger

from deepguard.pipeline.receive import kernel
from deepguard.pipeline.receive.abilities import abilities
from deepguard.pipeline.receive.counts import ReceiveLevel
from deepguard.pipeline.receive.gate import Gate
from deepguard.pipeline.receive.inlet import Inlet
from deepguard.pipeline.receive.internals import (
    MOST_REPORTED,
    Datagrams,
    PacketHandler,
    Receiver,
    datagrams,
    receiver_of,
)
from deepguard.pipeline.receive.layout import TrackLayout
from deepguard.pipeline.receive.rtcp import reporter_of, says_more, sender_report_of
from deepguard.pipeline.receive.rtp import RtpHeader, audio_level, header_of, is_rtcp, is_rtp, packet_of

MASKS = {"audio": 31, "video": 63}
"""While a gate is closed, every 32nd packet of sound and every 64th of pictures still arrive, some two a second: they
tell that the track lives, and let the sender have its reports."""

SILENT = 75
"""Decibels below the loudest: what is at least so quiet the kernel may drop while nobody speaks. What is louder and yet
no speech is kept for a moment, since speech may begin with it."""


MOST_STREAMS = 64
"""Streams of a connection that are known at a time: a sender may begin as many as it likes."""

REPORT_SECONDS = 1.0
"""From one report to the sender to the next. It tells of all streams, and all calls' go out at the same times."""


class _Way(NamedTuple):
    """Where the packets of a stream go.

    Attributes:
        gate: Through this gate,
        receiver: to this receiver,
        kinds: if they have one of these payload types.
    """

    gate: Gate
    receiver: Receiver
    kinds: frozenset[int]


class Gates:
    """Puts up the gates of one peer connection.

    Attributes:
        level: Where packets are dropped.
    """

    def __init__(self, pc: RTCPeerConnection, patience: float, most: ReceiveLevel) -> None:
        """Prepare; ``put_up`` begins.

        Args:
            pc: The peer connection, connected.
            patience: Seconds without a packet after which the kernel is to let all through, to see whether any come.
            most: The earliest level that is tried.
        """
        self.level = ReceiveLevel.PACKET
        self._pc = pc
        self._patience = patience
        self._most = most
        missing = abilities().missing_datagrams
        if missing:
            logger.warning(
                "This version of aiortc or aioice is not the one that deepguard knows ({}): all packets are decrypted",
                ", ".join(missing),
            )
        self._sees_datagrams = most is not ReceiveLevel.PACKET and not missing
        self._gates: list[Gate] = []
        self._by_kind: dict[int, list[Gate]] = {}
        self._by_ssrc: dict[int, _Way] = {}
        self._of_receiver: dict[int, _Way] = {}
        self._masks: dict[Gate, int] = {}
        self._peeking: dict[Gate, float] = {}
        self._sockets: list[Datagrams] = []
        self._dropped: dict[kernel.Dropped, int] = {}
        self._receivers: dict[Gate, Receiver] = {}
        self._report_at = 0.0
        self._handing_back: set[asyncio.Task[None]] = set()

    def open_receiver(self, receiver: RTCRtpReceiver, layout: TrackLayout) -> Receiver:
        """Look inside of a track's receiver, in the way that suits the gates.

        Args:
            receiver: The receiver.
            layout: How its packets look.
        """
        return Inlet(receiver, layout.codecs) if self._sees_datagrams else Receiver(receiver)

    def put_up(self, gates: Sequence[tuple[Gate, Receiver]]) -> None:
        """Put gates up at the best level there is.

        Args:
            gates: Each with where its packets go.
        """
        for gate, receiver in gates:
            self._gates.append(gate)
            self._receivers[gate] = receiver
            self._of_receiver[id(receiver.receiver)] = _Way(gate, receiver, gate.kinds | gate.repair_kinds)
            self._masks[gate] = MASKS["audio" if gate.source.is_audio else "video"]
            for kind in gate.kinds | gate.repair_kinds:
                self._by_kind.setdefault(kind, []).append(gate)
        if not self._sees_datagrams:
            for gate, receiver in gates:
                receiver.hook(_at_packets(gate))
            return
        self.level = ReceiveLevel.DATAGRAM
        self._sockets = list(datagrams(self._pc))
        for socket in self._sockets:
            socket.hook(self._is_aiortcs, self._drop_what_is_dropped)
        if self._most is ReceiveLevel.KERNEL and all(_takes_filter(socket) for socket in self._sockets):
            self.level = ReceiveLevel.KERNEL
            self.changed()

    def take_down(self) -> None:
        """Let go of the connection: it is as if there had been no gates."""
        for socket in self._sockets:
            socket.let_go()
        for receiver in self._receivers.values():
            receiver.let_go()
        for task in self._handing_back:
            task.cancel()
        if self.level is ReceiveLevel.KERNEL:
            self._drop({})

    def changed(self) -> None:
        """Have the kernel drop what no gate lets through."""
        if self.level is not ReceiveLevel.KERNEL:
            return
        for gate in self._gates:
            gate.drop(0 if gate.is_open or gate in self._peeking else self._masks[gate])
        dropped: dict[kernel.Dropped, int] = {}
        for kind, gates in self._by_kind.items():
            if len(gates) == 1 and gates[0].is_open and gates[0].quiet and gates[0].level_id is not None:
                quietest = kernel.Dropped(kind, level_id=gates[0].level_id, quieter=SILENT)
                dropped[quietest] = 0 if gates[0] in self._peeking else self._masks[gates[0]]
            elif len(gates) == 1 or kind in gates[0].repair_kinds:
                dropped[kernel.Dropped(kind)] = min(gate.mask for gate in gates)
            else:
                # Camera and screen share their payload types.
                dropped |= {kernel.Dropped(kind, gate.ssrc): gate.mask for gate in gates if gate.ssrc is not None}
        self._drop({packets: mask for packets, mask in dropped.items() if mask})

    def _drop(self, dropped: dict[kernel.Dropped, int]) -> None:
        if dropped == self._dropped:
            return
        self._dropped = dropped
        self._drop_what_is_dropped()

    def _drop_what_is_dropped(self) -> None:
        """Have it dropped wherever media comes in."""
        if self.level is not ReceiveLevel.KERNEL:
            return
        try:
            for socket in self._sockets:
                if socket.carries_media and (descriptor := socket.descriptor) is not None:
                    kernel.attach(descriptor, self._dropped)
        except kernel.KernelFilterError as error:
            logger.warning("Packets are dropped after the kernel from now on: {}", error)
            self.level = ReceiveLevel.DATAGRAM
            for gate in self._gates:
                gate.drop(0)
            for socket in self._sockets:
                if (descriptor := socket.descriptor) is not None:
                    with suppress(kernel.KernelFilterError):
                        kernel.attach(descriptor, {})

    def look(self) -> None:
        """See whether what the kernel drops still comes; called a few times a second."""
        if self.level is not ReceiveLevel.KERNEL:
            return
        now, peeked = time.monotonic(), set(self._peeking)
        for gate in self._gates:
            if gate.is_open and not gate.quiet:
                self._peeking.pop(gate, None)
            elif now - gate.last_seen >= self._patience:
                # Perhaps there are too few to see any: all are let through until one was seen.
                self._peeking.setdefault(gate, now)
            elif (since := self._peeking.pop(gate, None)) is not None and now - since < 3 * self._patience:
                # There were too few. A track that was off for longer than this sends now as it did before.
                self._masks[gate] >>= 1
        if self._peeking.keys() != peeked:
            self.changed()

    async def report(self) -> None:
        """Tell the sender what came, when it is time to; called a few times a second.

        Where packets are not seen before aiortc has them, it does this itself.
        """
        now = time.monotonic()
        # This is not called with a clock's precision.
        if not self._sees_datagrams or now < self._report_at - REPORT_SECONDS / 8:
            return
        self._report_at = now + REPORT_SECONDS
        # One for each transport: nearly always all tracks share one.
        bundles: dict[int, list[Receiver]] = {}
        for receiver in self._receivers.values():
            bundles.setdefault(id(receiver.receiver.transport), []).append(receiver)
        for bundle in bundles.values():
            blocks = [block for receiver in bundle for block in receiver.reports()]
            for at in range(0, len(blocks), MOST_REPORTED):
                await bundle[0].send_reports(blocks[at : at + MOST_REPORTED])

    def _way_of(self, header: RtpHeader) -> _Way | None:
        """Where the packets of a stream go of which none came yet."""
        if header.kind not in self._by_kind or (receiver := receiver_of(self._pc, header.ssrc)) is None:
            # One that was neither announced nor decrypted yet may be anybody's: it is decrypted first.
            return None
        way = self._of_receiver.get(id(receiver))
        if way is not None:
            while len(self._by_ssrc) >= MOST_STREAMS:
                del self._by_ssrc[next(iter(self._by_ssrc))]
            self._by_ssrc[header.ssrc] = way
        return way

    def _is_aiortcs(self, data: bytes) -> bool:
        """Take a packet, if it is one of a track; what is nobody's is left to aiortc."""
        if not is_rtp(data):
            return not is_rtcp(data) or self._is_aiortcs_report(data)
        kind, sequence, ssrc = header = header_of(data)
        way = self._by_ssrc.get(ssrc) or self._way_of(header)
        if way is None or kind not in way.kinds:
            return True
        gate, receiver, now, plain = way.gate, way.receiver, time.monotonic(), None
        if gate.is_open or gate.doubts(sequence, ssrc, now):
            plain = receiver.decrypted(data)
            if plain is None:
                return False
        admitted = gate.admit(kind, sequence, ssrc, now, is_proven=plain is not None)
        if not admitted or plain is None or (packet := packet_of(plain)) is None:
            return False
        if gate.hold is None:
            receiver.put(packet)
            return False
        level = audio_level(plain, gate.level_id) if gate.level_id is not None else None
        is_nothing = gate.is_nothing(packet.kind, packet.payload)
        for each in gate.sift(packet, packet.sequence_number, packet.ssrc, level=level, is_nothing=is_nothing):
            receiver.put(each)
        return False

    def _is_aiortcs_report(self, data: bytes) -> bool:
        """Take a sender's report, if it is one of a track's stream."""
        ssrc = reporter_of(data)
        way = self._by_ssrc.get(ssrc) if ssrc is not None else None
        if way is None:
            return True
        packet = way.receiver.decrypted(data, is_report=True)
        if packet is None:
            return False
        if (report := sender_report_of(packet)) is not None:
            way.receiver.note_sender_report(report)
        if says_more(packet):
            # For aiortc's other parts; it cannot be decrypted twice.
            task = asyncio.create_task(way.receiver.hand_back(packet))
            self._handing_back.add(task)
            task.add_done_callback(self._handing_back.discard)
        return False


def _takes_filter(socket: Datagrams) -> bool:
    descriptor = socket.descriptor
    if descriptor is None:
        return False
    try:
        kernel.probe(descriptor)
    except kernel.KernelFilterError as error:
        logger.debug("Packets are dropped after the kernel: {}", error)
        return False
    return True


def _at_packets(gate: Gate) -> Callable[[PacketHandler], PacketHandler]:
    def wrap(handle: PacketHandler) -> PacketHandler:
        async def handle_admitted(packet: RtpPacket, arrival_time_ms: int) -> None:
            now = time.monotonic()
            if not gate.admit(packet.payload_type, packet.sequence_number, packet.ssrc, now) or not gate.is_open:
                return
            level = packet.extensions.audio_level
            for each in gate.sift(
                packet,
                packet.sequence_number,
                packet.ssrc,
                level=level[1] if level else None,
                is_nothing=gate.is_nothing(packet.payload_type, packet.payload),
            ):
                await handle(each, arrival_time_ms)

        return handle_admitted

    return wrap


__all__ = ["MASKS", "MOST_STREAMS", "Gates"]
