"""A call whose media the receive path takes: a real peer and the server's side of the connection, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpPsfbPacket, RtcpRrPacket
from av import AudioFrame, VideoFrame
from loguru import logger
from numpy.typing import NDArray
from PIL import Image
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from deepguard.config.models import AudioParams, CoverageParams, VideoParams
from deepguard.guard.guard import Guard
from deepguard.model import Judgement, Sample, Source
from deepguard.pipeline.receive.assembling import vp8_data
from deepguard.pipeline.receive.connection import ReceiveOnlyConnection
from deepguard.pipeline.receive.counts import ReceiveCounts, ReceiveLevel
from deepguard.pipeline.receive.gate import Gate
from deepguard.pipeline.receive.path import ReceivePath
from deepguard.pipeline.receive.rtp import header_of, is_rtp
from deepguard.pipeline.tracks import ORDER
from support.detectors import AnsweringDetector, new_guard
from support.lossy import LossyPath

T = TypeVar("T")

WHO = "Ada"
LONG = 20.0
"""Seconds for which something is waited for at most."""

OFTEN = VideoParams(normal_fps=0.6, burst_fps=1)
"""As often as keyframes are asked for also on a machine that has much else to do."""

VOICE_RATE = 48_000
_CLOCK = 90_000
_ROWS, _COLUMNS = 2, 8


class Changes:
    """Lets a test wait until something is so; whoever changes anything says so."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def tell(self, *_: object) -> None:
        self._happened.set()

    async def until(self, so: Callable[[], object], seconds: float = LONG) -> None:
        """Wait until ``so`` gives something true."""
        async with asyncio.timeout(seconds):
            while not so():
                self._happened.clear()
                await self._happened.wait()


class Numbered(MediaStreamTrack):
    """A picture that shows its own number in black and white fields, tinted so that cameras and screens differ.

    Attributes:
        count: The last number.
        fps: Frames a second.
    """

    kind = "video"

    def __init__(self, fps: float = 20.0, *, warm: bool = True, size: tuple[int, int] = (160, 120)) -> None:
        super().__init__()
        self.count = 0
        self.fps = fps
        self._warm = warm
        self._size = size
        self._next = 0.0
        self._began = 0.0
        # As cameras have: without noise ordinary frames would be next to nothing, and keyframes not worth it.
        self._noise = np.random.default_rng(7).integers(0, 24, (8, size[1], size[0]), np.uint8)

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._next - now))
        now = time.monotonic()
        self._next = max(self._next + 1 / self.fps, now)
        self.count = (self.count + 1) % 2 ** (_ROWS * _COLUMNS)
        frame = VideoFrame.from_ndarray(self._draw(), format="rgb24")
        frame.pts, frame.time_base = round((now - self._began) * _CLOCK), Fraction(1, _CLOCK)
        return frame

    def _draw(self) -> np.ndarray:
        width, height = self._size
        bits = [self.count >> bit & 1 for bit in range(_ROWS * _COLUMNS)]
        fields = np.array(bits, np.uint8).reshape(_ROWS, _COLUMNS) * 120 + 60
        grey = np.kron(fields, np.ones((height // _ROWS, width // _COLUMNS), np.uint8))
        grey = grey + self._noise[self.count % 8]
        tint = (50, 0, 0) if self._warm else (0, 0, 50)
        return (grey[..., None] + np.array(tint, np.uint8)).astype(np.uint8)


def number_on(sample: Sample) -> tuple[int, bool]:
    """What a sample of a ``Numbered`` track shows: its number, and whether it is warm."""
    pixels = np.asarray(Image.open(io.BytesIO(sample.data)).convert("RGB"), np.float64)
    height, width = pixels.shape[:2]
    number = 0
    for bit in range(_ROWS * _COLUMNS):
        row, column = divmod(bit, _COLUMNS)
        y, x = (2 * row + 1) * height // (2 * _ROWS), (2 * column + 1) * width // (2 * _COLUMNS)
        number |= int(pixels[y - 8 : y + 8, x - 8 : x + 8, 1].mean() > 120) << bit
    return number, bool(pixels[..., 0].mean() > pixels[..., 2].mean())


class Spoken(MediaStreamTrack):
    """Plays 16-bit mono PCM at 48 kHz in real time, and is silent before and after.

    Attributes:
        noise: What is heard all the time, over and over.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.noise: NDArray[np.int16] = np.zeros(1, np.int16)
        self._unsaid: NDArray[np.int16] = np.zeros(0, np.int16)
        self._position = 0
        self._began: float | None = None

    def say(self, samples: np.ndarray) -> None:
        """Play this next."""
        self._unsaid = np.concatenate([self._unsaid, samples.astype(np.int16)])

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        count = VOICE_RATE // 50
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        await asyncio.sleep(max(0.0, self._began + self._position / VOICE_RATE - now))
        said, self._unsaid = self._unsaid[:count], self._unsaid[count:]
        samples = self.noise[np.arange(self._position, self._position + count) % len(self.noise)]
        samples[: len(said)] += said
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = VOICE_RATE, self._position, Fraction(1, VOICE_RATE)
        self._position += count
        return frame


class NotingDetector(AnsweringDetector):
    """Tells when a sample came.

    Attributes:
        times: When, in monotonic seconds.
    """

    def __init__(self, changes: Changes, answer: Callable[[Sample], Judgement | None]) -> None:
        super().__init__(answer)
        self.times: list[float] = []
        self._changes = changes

    def submit(self, sample: Sample) -> None:
        self.times.append(time.monotonic())
        super().submit(sample)
        self._changes.tell()

    def of(self, source: Source) -> list[Sample]:
        """The samples of a source."""
        return [sample for sample in self.samples if sample.source is source]


class Peer:
    """The other side: a caller, whose network and whose answers to requests a test decides about.

    Attributes:
        pc: Its connection.
        answers_requests: Whether it makes a keyframe when it is asked for one.
        requests_lost: How many requests the network still loses.
        requests: When it was asked, in monotonic seconds, whether it answered or not; by SSRC.
        sent: RTP packets that left it.
        last: The number of the last one of each stream.
        loses: Whether the network loses a datagram of it.
        bitrates: What it was allowed to send.
        reports: Fraction and number of packets that it was told are lost, of its first video stream.
    """

    def __init__(self, changes: Changes, tracks: Iterable[MediaStreamTrack], codec: str = "") -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.answers_requests = True
        self.requests_lost = 0
        self.requests: dict[int, list[float]] = {}
        self.sent = 0
        self.last: dict[int, int] = {}
        self._sent_by: Counter[int] = Counter()
        self._unfinished: Counter[int] = Counter()
        self._partly_sent: dict[int, bool] = {}
        self.loses: Callable[[bytes], bool] = lambda _data: False
        self.bitrates: list[bytes] = []
        self.reports: list[tuple[int, int]] = []
        self._changes = changes
        for track in tracks:
            sender = self.pc.addTrack(track)
            self._watch(sender)
        self.pc.createDataChannel("chat")
        if codec:
            codecs = RTCRtpSender.getCapabilities("video").codecs
            chosen = [each for each in codecs if each.mimeType in (f"video/{codec}", "video/rtx")]
            for transceiver in self.pc.getTransceivers():
                if transceiver.kind == "video":
                    transceiver.setCodecPreferences(chosen)

    def sender(self, source: Source) -> RTCRtpSender:
        return self.transceiver(source).sender

    def transceiver(self, source: Source) -> RTCRtpTransceiver:
        return self.pc.getTransceivers()[ORDER.index(source)]

    def packet(self, source: Source, number: int, ssrc: int | None = None) -> bytes:
        """A packet with nothing in it, as it is before it is encrypted; of the source's stream, if of no other."""
        transceiver = self.transceiver(source)
        kind, ssrc = transceiver._codecs[0].payloadType, ssrc or transceiver.sender._ssrc
        return struct.pack("!BBHII", 0x80, kind or 0, number & 0xFFFF, number, ssrc)

    def sent_of(self, source: Source) -> int:
        return self._sent_by[self.sender(source)._ssrc]

    def requests_to(self, source: Source) -> list[float]:
        return self.requests[self.sender(source)._ssrc]

    def send_keyframe(self, source: Source = Source.CAMERA) -> None:
        """Make a keyframe though nobody asked."""
        type(self.sender(source))._send_keyframe(self.sender(source))

    def has_sent_all(self, source: Source) -> bool:
        """Whether no frame is being made or is on its way out."""
        ssrc = self.sender(source)._ssrc
        return not self._unfinished[ssrc] and not self._partly_sent.get(ssrc)

    async def flood(self, source: Source, count: int) -> None:
        """Send so many packets with nothing in them, numbered on from the last one, as fast as can be.

        Its track must have been taken off, and all of it been sent. A multiple of 65,536 lets the sender go on
        afterwards.
        """
        dtls, last = self.transport, self.last[self.sender(source)._ssrc]
        for each in range(last + 1, last + 1 + count):
            await dtls._transport._send(dtls._tx_srtp.protect(self.packet(source, each)))
            if not each % 32:
                await asyncio.sleep(0)

    def spoil_pictures(self) -> None:
        """Have no VP8 frame decoded: the first part of each is said to be longer than all of it."""
        send = self.transport._send_rtp

        async def send_spoiled(data: bytes) -> None:
            spoilt = bytearray(data)
            if data[1] & 0x7F == self.pc.getTransceivers()[1]._codecs[0].payloadType:
                payload = 16 + 4 * (data[14] << 8 | data[15]) if data[0] & 0x10 else 12
                frame = len(data) - len(vp8_data(data[payload:]))
                if data[payload] & 0x10:
                    spoilt[frame : frame + 3] = bytes([data[frame] | 0xE0, 0xFF, 0xFF])
            await send(bytes(spoilt))

        self.transport._send_rtp = send_spoiled

    def _watch(self, sender: RTCRtpSender) -> None:
        handle, make_keyframe = sender._handle_rtcp_packet, sender._send_keyframe
        make_frame = sender._next_encoded_frame
        asked = self.requests.setdefault(sender._ssrc, [])

        def send_keyframe() -> None:
            if self.requests_lost:
                self.requests_lost -= 1
                return
            asked.append(time.monotonic())
            if self.answers_requests:
                make_keyframe()
            self._changes.tell()

        async def next_encoded_frame(codec: Any) -> Any:
            self._unfinished[sender._ssrc] += 1
            try:
                return await make_frame(codec)
            finally:
                self._unfinished[sender._ssrc] -= 1
                self._changes.tell()

        async def handle_rtcp_packet(packet: Any) -> None:
            if isinstance(packet, RtcpPsfbPacket) and packet.fci.startswith(b"REMB"):
                self.bitrates.append(packet.fci)
            if isinstance(packet, RtcpRrPacket) and sender.kind == "video":
                mine = [each for each in packet.reports if each.ssrc == sender._ssrc]
                self.reports += [(each.fraction_lost, each.packets_lost) for each in mine]
            await handle(packet)
            self._changes.tell()

        sender._send_keyframe = send_keyframe  # type: ignore[method-assign]
        sender._next_encoded_frame = next_encoded_frame  # type: ignore[method-assign]
        sender._handle_rtcp_packet = handle_rtcp_packet  # type: ignore[method-assign]

    async def offer(self) -> RTCSessionDescription:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        ice = self.transport._transport
        send = ice._send

        async def over_the_network(data: bytes) -> None:
            if is_rtp(data):
                _, number, stream = header_of(data)
                ends_frame = bool(data[1] & 0x80)
                self.sent += 1
                self._sent_by[stream] += 1
                self.last[stream] = number
                self._partly_sent[stream] = not ends_frame
                if ends_frame:
                    self._changes.tell()
                if self.loses(data):
                    return
            await send(data)

        ice._send = over_the_network
        return self.pc.localDescription

    @property
    def transport(self) -> Any:
        """Its DTLS transport: everything is bundled."""
        return self.pc.getSenders()[0].transport


@dataclass(slots=True)
class Scene:
    """A call that is connected.

    Attributes:
        guard: The call's guard.
        detector: What it is handed.
        connection: The server's side.
        peer: The other side.
        path: The receive path.
        counts: What it counted.
        changes: Tells when samples, requests, packets of feedback, or lines of the log came.
        camera: The track that the peer sends as its camera.
        screen: As its screen.
        voice: As its microphone.
        arrived: RTP packets that reached this process: those that the kernel dropped did not.
        log: Level and text of what was logged, by other scenes too that are played at the same time.
        complaints: What the event loop complained of.
    """

    guard: Guard
    detector: NotingDetector
    connection: SmallWebRTCConnection
    peer: Peer
    path: ReceivePath
    counts: ReceiveCounts
    changes: Changes
    camera: Numbered
    screen: Numbered | None
    voice: Spoken
    arrived: list[int] = field(default_factory=lambda: [0])
    log: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, so: Callable[[], object], seconds: float = LONG) -> None:
        """Wait until something is so; what there was instead is told when it never is."""
        try:
            await self.changes.until(so, seconds)
        except TimeoutError:
            gates = self.path._gates._gates if self.path._gates is not None else []
            seen = [(str(gate.source), gate.is_open, gate.mask, time.monotonic() - gate.last_seen) for gate in gates]
            requests = {ssrc: len(times) for ssrc, times in self.peer.requests.items()}
            raise TimeoutError(
                f"gates {seen}, sent {self.peer.sent}, arrived {self.arrived}, drawn {self.camera.count}, "
                f"requests {requests}, {self.counts}, {self.log[-5:]}"
            ) from None

    async def samples(self, count: int, source: Source = Source.CAMERA, seconds: float = LONG) -> list[Sample]:
        """So many more samples of a source than there are now."""
        have = len(self.detector.of(source))
        await self.until(lambda: len(self.detector.of(source)) >= have + count, seconds)
        return self.detector.of(source)[have : have + count]

    def logged(self, text: str, level: str = "WARNING") -> list[str]:
        """The lines of a level in which a text is."""
        return [line for each, line in self.log if each == level and text in line]

    def gate(self, source: Source) -> Gate:
        """What lets the packets of a source through."""
        gates = self.path._gates
        assert gates is not None
        return next(gate for gate in gates._gates if gate.source is source)

    def is_open(self, source: Source) -> bool:
        """Whether the packets of a source are let through."""
        return self.gate(source).is_open

    @property
    def track(self) -> Any:
        """The camera, as the guard follows it."""
        return self.guard._roster.pictures[WHO, Source.CAMERA]


@contextlib.asynccontextmanager
async def receiving(
    most: ReceiveLevel = ReceiveLevel.KERNEL,
    *,
    video: VideoParams = OFTEN,
    audio: AudioParams | None = None,
    coverage: CoverageParams | None = None,
    connection: SmallWebRTCConnection | None = None,
    answer: Callable[[Sample], Judgement | None] = lambda _sample: Judgement.CLEAR,
    camera: Numbered | None = None,
    has_camera: bool = True,
    screen: Numbered | None = None,
    sources: Collection[Source] | None = None,
    codec: str = "",
    decode_all: bool = False,
    edit: Callable[[str], str] = lambda sdp: sdp,
    prepare: Callable[[Scene], None] = lambda _scene: None,
    over: LossyPath | None = None,
    attach: bool = True,
    media_timeout: float = 3.0,
) -> AsyncIterator[Scene]:
    """A call that is connected for as long as the block lasts; nothing of it may be logged as an error.

    Args:
        most: The earliest level that is tried.
        video: How pictures are sampled.
        audio: How sound is.
        coverage: When a track counts as blind.
        connection: The server's side; one that receives only if None.
        answer: What the detector says.
        camera: What the camera shows.
        has_camera: Whether there is one from the beginning.
        screen: What the screen shows; None shares none.
        sources: What is to be received; all that there is if None.
        codec: The only video codec that is offered; any when empty.
        decode_all: Whether all pictures are to be decoded.
        edit: Changes the offer.
        prepare: Called before the two connect.
        over: What the two connect over, if not directly.
        attach: Whether the receive path begins.
        media_timeout: Seconds without packets after which a track counts as off.
    """
    changes = Changes()
    camera, voice = camera or Numbered(), Spoken()
    shown = (camera if has_camera else None, screen)
    peer = Peer(changes, [voice, *(track for track in shown if track is not None)], codec)
    detector = NotingDetector(changes, answer)
    guard = new_guard(detector, video=video, audio=audio, coverage=coverage)
    connection, counts = connection or ReceiveOnlyConnection(), ReceiveCounts()
    if sources is None:
        sources = {Source.MICROPHONE, Source.CAMERA} | ({Source.SCREEN} if screen else set())
    path = ReceivePath(
        guard,
        WHO,
        connection,
        sources=sources,
        counts=counts,
        decode_all=decode_all,
        media_timeout=media_timeout,
        most=most,
    )
    scene = Scene(guard, detector, connection, peer, path, counts, changes, camera, screen, voice)
    loop = asyncio.get_running_loop()

    def note(message: Any) -> None:
        scene.log.append((message.record["level"].name, message.record["message"]))
        loop.call_soon_threadsafe(changes.tell)

    sink = logger.add(note, level="DEBUG")
    loop.set_exception_handler(lambda _loop, context: scene.complaints.append(context))
    try:
        await guard.start()
        prepare(scene)
        await connect(scene, edit, over)
        if attach:
            await path.attach()
            count_arriving(scene)
        yield scene
    finally:
        await hang_up(scene)
        logger.remove(sink)
        loop.set_exception_handler(None)
    assert not [line for level, line in scene.log if level in ("ERROR", "CRITICAL")], scene.log
    assert not scene.complaints


async def at_once(*scenes: Coroutine[Any, Any, T], most: int = 3) -> list[T]:
    """What becomes of scenes that are played at the same time, so many at most; when one fails, all end.

    Each takes a sixth of a processor, or twice as much: more of them starve each other where other tests run, too.
    """
    places = asyncio.Semaphore(most)

    async def play(scene: Coroutine[Any, Any, T]) -> T:
        try:
            async with places:
                return await scene
        finally:
            scene.close()  # if it was not begun

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(play(scene)) for scene in scenes]
    return [task.result() for task in tasks]


async def connect(scene: Scene, edit: Callable[[str], str] = lambda sdp: sdp, over: LossyPath | None = None) -> None:
    """Negotiate, and wait until the connection is there."""

    async def answer(offer: str) -> str:
        await scene.connection.initialize(edit(offer), "offer")
        answered = scene.connection.get_answer()
        assert answered is not None
        return answered["sdp"]

    offer = await scene.peer.offer()
    answered = await (answer if over is None else over.leading_to(answer))(offer.sdp)
    scene.connection.pc.on("connectionstatechange", scene.changes.tell)
    await scene.connection.connect()
    await scene.peer.pc.setRemoteDescription(RTCSessionDescription(answered, "answer"))
    await scene.until(lambda: scene.connection.pc.connectionState == "connected")


def count_arriving(scene: Scene) -> None:
    """Count what arrives at the server's sockets, beneath everything of the receive path."""

    def count(data: bytes) -> None:
        scene.arrived[0] += is_rtp(data)

    note_arriving(scene, count)


def note_arriving(scene: Scene, note: Callable[[bytes], None]) -> None:
    """Have each datagram noted that arrives at the server's sockets, once it was taken."""
    for protocol in scene.connection.pc.getTransceivers()[0].receiver.transport.transport._connection._protocols:
        _note_at(protocol, note)


def _note_at(protocol: Any, note: Callable[[bytes], None]) -> None:
    received = protocol.datagram_received

    def datagram_received(data: bytes, address: Any) -> None:
        received(data, address)
        note(data)

    protocol.datagram_received = datagram_received


async def hang_up(scene: Scene) -> None:
    """End the call on both sides."""
    await scene.path.close()
    await scene.connection.disconnect()
    await scene.peer.pc.close()
    await scene.guard.stop()


__all__ = [
    "LONG",
    "OFTEN",
    "VOICE_RATE",
    "WHO",
    "Changes",
    "NotingDetector",
    "Numbered",
    "Peer",
    "Scene",
    "Spoken",
    "at_once",
    "connect",
    "hang_up",
    "note_arriving",
    "number_on",
    "receiving",
]
