"""Connections that begin, begin anew, and end at any moment: nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from deepguard.config.models import CoverageParams, VideoParams
from deepguard.guard.tasks import next_beat
from deepguard.model import BlindReason, Source
from deepguard.pipeline.receive import camera as camera_module
from deepguard.pipeline.receive.camera import Camera
from deepguard.pipeline.receive.counts import Fallback, ReceiveLevel
from deepguard.pipeline.receive.gate import Gate
from deepguard.pipeline.receive.gates import Gates
from deepguard.pipeline.receive.internals import Receiver
from deepguard.pipeline.receive.microphone import Microphone
from deepguard.pipeline.receive.path import LOOK_SECONDS, ReceivePath
from support.receiving import WHO, Numbered, Peer, Scene, Spoken, at_once, count_arriving, number_on, receiving

# Not what looks at a socket: what these tests count packets with holds it for as long as aioice's protocol lives.
OURS = (Camera, Gate, Gates, Microphone, ReceivePath, Receiver)


class Left:
    """What there is now of what a call could leave behind."""

    def __init__(self) -> None:
        gc.collect()
        self.tasks = {task.get_name() for task in asyncio.all_tasks()}
        self.descriptors = len(list(Path("/proc/self/fd").iterdir()))
        self.decoders = [thread.name for thread in threading.enumerate() if thread.name.endswith("-decoder")]
        self.objects = [type(each).__name__ for each in gc.get_objects() if isinstance(each, OURS)]


async def nothing_left(before: Left) -> None:
    """See that nothing came to what was there; what ends in the next turn of the loop is given that."""
    after = Left()
    for _ in range(20):
        if after.tasks <= before.tasks and after.descriptors <= before.descriptors:
            break
        await asyncio.sleep(0.05)
        after = Left()
    assert after.tasks <= before.tasks
    assert after.descriptors <= before.descriptors
    assert after.decoders == before.decoders == []
    assert after.objects == before.objects == []


async def warmed_up() -> Left:
    """What is there after one call: threads and models that all calls share are loaded with the first."""
    async with receiving() as scene:
        await scene.samples(1)
    del scene
    return Left()


async def ended_before_it_began() -> None:
    async with receiving(attach=False):
        pass


async def ended_while_asking() -> None:
    def ignore(scene: Scene) -> None:
        scene.peer.answers_requests = False

    async with receiving(prepare=ignore) as scene:
        await scene.until(lambda: scene.counts.keyframes_asked)


async def ended_while_closed() -> None:
    async with receiving(video=VideoParams(normal_fps=0.01)) as scene:
        await scene.samples(1)
        await scene.until(lambda: not scene.is_open(Source.CAMERA))


async def ended_while_everything_is_decoded() -> None:
    async with receiving(decode_all=True) as scene:
        await scene.samples(1)


async def ended_while_waiting_for_any_keyframe() -> None:
    async with receiving() as scene:
        await scene.samples(1)
        scene.peer.answers_requests = False
        await scene.until(lambda: scene.counts.fallbacks[Fallback.IGNORED])


async def ended_while_nothing_comes() -> None:
    def off(scene: Scene) -> None:
        scene.peer.sender(Source.CAMERA).replaceTrack(None)
        scene.peer.sender(Source.MICROPHONE).replaceTrack(None)

    async with receiving(prepare=off) as scene:
        await scene.until(lambda: scene.path.level)


async def ended_by_the_peer() -> None:
    async with receiving() as scene:
        await scene.samples(1)
        await scene.peer.pc.close()
        await scene.until(lambda: scene.connection.pc.connectionState == "closed")


async def ended_by_the_server() -> None:
    async with receiving() as scene:
        await scene.samples(1)
        await scene.connection.disconnect()


async def ended_at(level: ReceiveLevel) -> None:
    async with receiving(level) as scene:
        await scene.samples(1)


async def test_nothing_is_left_whenever_a_call_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "REPEAT_SECONDS", 0.1)
    before = await warmed_up()
    await at_once(
        ended_before_it_began(),
        ended_while_asking(),
        ended_while_closed(),
        ended_while_everything_is_decoded(),
        ended_while_waiting_for_any_keyframe(),
        ended_while_nothing_comes(),
        ended_by_the_peer(),
        ended_by_the_server(),
        *(ended_at(level) for level in ReceiveLevel),
    )
    await nothing_left(before)


async def test_a_path_that_was_closed_takes_nothing_any_more() -> None:
    async with receiving(attach=False) as scene:
        await scene.path.close()
        await scene.path.attach()
        assert scene.path.level is None
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("deepguard-receive")]


async def restart(scene: Scene) -> None:
    """Connect anew, as clients do whose network changed."""
    # The old connection's tracks end with it.
    scene.camera, scene.voice = Numbered(), Spoken()
    old, scene.peer = scene.peer, Peer(scene.changes, [scene.voice, scene.camera])
    offer = await scene.peer.offer()
    await scene.connection.renegotiate(offer.sdp, offer.type, restart_pc=True)
    answer = scene.connection.get_answer()
    assert answer is not None
    scene.connection.pc.on("connectionstatechange", scene.changes.tell)
    await scene.peer.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    await scene.until(lambda: scene.connection.pc.connectionState == "connected")
    await scene.path.attach()
    count_arriving(scene)
    await old.pc.close()


async def renegotiate(scene: Scene) -> None:
    """Negotiate the same connection once more."""
    await scene.peer.pc.setLocalDescription(await scene.peer.pc.createOffer())
    offer = scene.peer.pc.localDescription
    await scene.connection.renegotiate(offer.sdp, offer.type)
    answer = scene.connection.get_answer()
    assert answer is not None
    await scene.peer.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))


async def made_anew() -> None:
    async with receiving() as scene:
        await scene.samples(2)
        await scene.until(lambda: not scene.is_open(Source.CAMERA))
        # Its sockets get the numbers that those had on which the kernel drops most now.
        await restart(scene)
        assert scene.path.level is ReceiveLevel.KERNEL
        await scene.samples(2)
        await renegotiate(scene)
        await scene.samples(1)
        # Told twice that it is connected.
        await scene.path.attach()
        await scene.samples(2)
        assert not scene.counts.fallbacks
        assert scene.counts.tracks == {ReceiveLevel.KERNEL: 2}


async def test_connections_that_are_made_anew() -> None:
    before = await warmed_up()
    await made_anew()
    await nothing_left(before)


async def brought_by_another_negotiation(most: ReceiveLevel, camera: Numbered | None) -> None:
    """Somebody who began with sound alone turns the camera on, or one with both shares a screen."""
    added = Source.CAMERA if camera is None else Source.SCREEN
    sources = {Source.MICROPHONE, Source.CAMERA, Source.SCREEN}
    async with receiving(most, camera=camera, sources=sources, has_camera=camera is not None) as scene:
        media = scene.guard.media
        if camera is not None:
            await scene.samples(1)
        tasks = list(scene.path._tasks)
        # Neither when nothing is new, nor when nothing is sent on what is.
        await renegotiate(scene)
        await two_looks()
        transceiver = scene.peer.pc.addTransceiver("video", direction="inactive")
        await renegotiate(scene)
        await two_looks()
        assert scene.path._tasks == tasks, "nothing was new, and yet all began anew"
        media.set_enabled(WHO, Source.MICROPHONE, False)
        transceiver.sender.replaceTrack(Numbered(warm=False))
        transceiver.direction = "sendonly"
        await renegotiate(scene)
        for sample in await scene.samples(2, added):
            assert not number_on(sample)[1]
        if camera is not None:
            await scene.samples(2)
        assert scene.counts.tracks[most] == (2 if camera is None else 3)
        sound = next(track for _, track in scene.guard._roster if track.source is Source.MICROPHONE)
        assert not sound.facts.enabled, "what its participant has turned off stays so"


async def two_looks() -> None:
    for _ in range(2):
        await next_beat(LOOK_SECONDS)


async def ended_while_tracks_are_added() -> None:
    async with receiving(sources={Source.MICROPHONE, Source.CAMERA, Source.SCREEN}) as scene:
        await scene.samples(1)
        scene.peer.pc.addTrack(Numbered(warm=False))
        await renegotiate(scene)
        await scene.until(lambda: scene.path._renewing is not None)
        await scene.path.close()
        assert not scene.path._tasks


async def test_tracks_that_another_negotiation_brings_are_taken() -> None:
    before = await warmed_up()
    await at_once(
        *(
            brought_by_another_negotiation(most, camera)
            for most in (ReceiveLevel.KERNEL, ReceiveLevel.DECODED)
            for camera in (None, Numbered())
        ),
        ended_while_tracks_are_added(),
    )
    await nothing_left(before)


async def closed() -> None:
    async with receiving() as scene:
        assert scene.path.level is ReceiveLevel.KERNEL
        await scene.samples(2)
        assert scene.arrived[0] < scene.peer.sent
        gates = scene.path._gates
        assert gates is not None
        assert all(socket.descriptor is not None for socket in gates._sockets)
        await scene.connection.pc.close()
        assert [socket.descriptor for socket in gates._sockets] == [None] * len(gates._sockets)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_socket_that_was_closed_is_not_touched(loop: str) -> None:
    """Its number may be another one's: of the next call, or of the server itself."""
    # The web server brings its own event loop along, whose sockets are none of Python's.
    pytest.importorskip(loop).run(closed())


async def came_and_went() -> None:
    async with receiving(camera=Numbered(5)) as scene:
        await scene.until(lambda: scene.counts.packets_taken[Source.CAMERA])


@pytest.mark.slow
async def test_a_hundred_connections_leave_nothing() -> None:
    before = await warmed_up()
    for _ in range(5):
        await at_once(*(came_and_went() for _ in range(20)), most=20)
    await nothing_left(before)


async def test_a_camera_that_is_said_to_be_off_does_not_stop_the_process() -> None:
    async with receiving(ReceiveLevel.DECODED) as scene:
        await scene.samples(1)
        track = scene.connection.video_input_track()
        assert track is not None
        track.set_enabled(False)
        await scene.samples(1)


async def test_a_track_that_nobody_looks_at_any_more_is_not_taken_for_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_camera: Camera) -> None:
        raise RuntimeError("a fault of ours")

    async with receiving(coverage=CoverageParams(media_timeout=1), media_timeout=1) as scene:
        await scene.samples(2)
        await scene.until(lambda: scene.track.coverage.covered)
        monkeypatch.setattr(Camera, "_sample", fail)
        await scene.until(lambda: scene.track.coverage.blind is BlindReason.NO_MEDIA)
        said = [line for level, line in scene.log if level == "ERROR"]
        assert said == ["Call call: a track is received no more"]
        scene.log.clear()
