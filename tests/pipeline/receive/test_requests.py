"""Requests for keyframes: lost ones, ignored ones, and such to a camera that sends nothing."""

from __future__ import annotations

import pytest

from deepguard.config.models import CoverageParams, VideoParams
from deepguard.model import BlindReason, Source
from deepguard.pipeline.receive import camera as camera_module
from deepguard.pipeline.receive import gates
from deepguard.pipeline.receive.counts import Fallback, ReceiveCounts
from support.receiving import Numbered, Scene, at_once, number_on, receiving


async def ignoring() -> None:
    """A sender that ignores requests for a while."""
    async with receiving() as scene:
        await scene.samples(1)
        assert not scene.counts.fallbacks
        scene.peer.answers_requests = False
        await scene.until(lambda: scene.counts.fallbacks[Fallback.IGNORED])
        assert scene.counts.keyframes_ignored == 1
        assert scene.logged("answers no request")
        # A keyframe that comes by itself is enough.
        scene.peer.send_keyframe()
        held = scene.counts.packets_held[Source.CAMERA]
        for sample in await scene.samples(2):
            assert number_on(sample)[1]
        assert scene.counts.packets_held[Source.CAMERA] == held
        scene.peer.answers_requests = True
        came = scene.counts.keyframes_came
        await scene.until(lambda: scene.counts.keyframes_came > came)
        await scene.samples(1)
        assert scene.counts.fallbacks == {Fallback.IGNORED: 1}
        assert scene.counts.packets_held[Source.CAMERA] > held


async def always_ignoring() -> None:
    """One that ignores them from the first one on."""

    def ignore(scene: Scene) -> None:
        scene.peer.answers_requests = False

    async with receiving(prepare=ignore) as scene:
        await scene.until(lambda: scene.counts.fallbacks[Fallback.IGNORED])
        scene.peer.send_keyframe()
        await scene.samples(2)


async def losing() -> None:
    """A network that loses requests."""
    async with receiving() as scene:
        await scene.samples(2)
        asked, came = scene.counts.keyframes_asked, scene.counts.keyframes_came
        scene.peer.requests_lost = 2
        await scene.samples(2)
        assert scene.peer.requests_lost == 0
        assert scene.counts.keyframes_asked - asked >= scene.counts.keyframes_came - came + 2
        assert not scene.counts.fallbacks


async def test_senders_that_do_not_answer_are_decoded_until_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "REPEAT_SECONDS", 0.1)
    monkeypatch.setattr(camera_module, "RETRY_SECONDS", 1.0)
    await at_once(ignoring(), always_ignoring(), losing())


async def nothing_for_a_while() -> None:
    """A camera that sends nothing for a while."""
    coverage = CoverageParams(media_timeout=1)
    async with receiving(coverage=coverage, media_timeout=1) as scene:
        await scene.samples(2)
        await scene.until(lambda: scene.track.coverage.covered)
        sender = scene.peer.sender(Source.CAMERA)
        sender.replaceTrack(None)
        reports = len(scene.peer.reports)
        await scene.until(lambda: scene.track.coverage.blind is BlindReason.NO_MEDIA)
        asked = len(scene.peer.requests_to(Source.CAMERA))
        # Some seconds, as its reports come.
        await scene.until(lambda: len(scene.peer.reports) >= reports + 4)
        assert len(scene.peer.requests_to(Source.CAMERA)) - asked <= 2
        assert not scene.counts.keyframes_ignored
        sender.replaceTrack(scene.camera)
        await scene.samples(2)
        await scene.until(lambda: scene.track.coverage.covered)
        assert not scene.counts.fallbacks


async def nothing_until_asked() -> None:
    """As browsers share one that stands still: there is no frame until one is asked for."""
    async with receiving(screen=Numbered(warm=False), video=VideoParams(normal_fps=0.6, screen=True)) as scene:
        await scene.samples(2, Source.SCREEN)
        sender = scene.peer.sender(Source.SCREEN)
        assert scene.screen is not None
        sender.replaceTrack(None)
        asked = len(scene.peer.requests_to(Source.SCREEN))
        await scene.until(lambda: len(scene.peer.requests_to(Source.SCREEN)) > asked)
        sender.replaceTrack(scene.screen)
        await scene.samples(1, Source.SCREEN)


async def spoilt() -> None:
    """Pictures that cannot be decoded."""

    def spoil(scene: Scene) -> None:
        scene.peer.spoil_pictures()

    async with receiving(codec="VP8", prepare=spoil) as scene:
        await scene.until(lambda: scene.counts.undecodable >= 2)
        # Asked twice for the first, and once for each of the next, with longer rests between them.
        asked, reports = scene.counts.keyframes_asked, len(scene.peer.reports)
        assert asked <= 4
        await scene.until(lambda: len(scene.peer.reports) >= reports + 4)
        assert scene.counts.keyframes_asked - asked <= 3
        assert not scene.detector.samples


async def test_where_no_picture_comes_it_is_not_asked_for_without_end() -> None:
    await at_once(nothing_for_a_while(), nothing_until_asked(), spoilt())


async def test_a_keyframe_may_begin_with_a_packet_that_the_kernel_would_have_let_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One in two, instead of one in 64: each second keyframe begins so.
    monkeypatch.setitem(gates.MASKS, "video", 1)

    async def sampled() -> ReceiveCounts:
        async with receiving() as scene:
            await scene.samples(5)
            return scene.counts

    counts = await at_once(*(sampled() for _ in range(4)))
    # A machine that is busy asks once or twice again.
    assert sum(each.keyframes_asked - each.keyframes_came for each in counts) <= 3


async def slow(fps: float) -> Scene:
    async with receiving(video=VideoParams(normal_fps=0.5), camera=Numbered(fps)) as scene:
        await scene.samples(2)
        (sample,) = await scene.samples(1)
        assert 0 <= scene.camera.count - number_on(sample)[0] <= 3
        return scene


async def shares(screen: Numbered, *, sending: bool) -> Scene:
    """A camera, and a screen beside it: their payload types are the same."""

    def prepare(scene: Scene) -> None:
        if not sending:
            scene.peer.sender(Source.SCREEN).replaceTrack(None)

    async with receiving(screen=screen, video=VideoParams(normal_fps=0.6, screen=True), prepare=prepare) as scene:
        await scene.samples(2)
        if sending:
            await scene.until(lambda: len(scene.detector.of(Source.SCREEN)) >= 2)
        sent, arrived = scene.peer.sent, scene.arrived[0]
        await scene.samples(2)
        if not sending or screen.fps > 10:
            print(scene.arrived[0] - arrived, scene.peer.sent - sent)
            assert scene.arrived[0] - arrived < 0.7 * (scene.peer.sent - sent)
        for sample in scene.detector.of(Source.CAMERA):
            assert number_on(sample)[1], "of the camera"
        for sample in scene.detector.of(Source.SCREEN):
            assert not number_on(sample)[1], "of the screen"
        return scene


async def test_cameras_that_send_few_frames() -> None:
    for scene in await at_once(slow(2.0), slow(1.0)):
        assert not scene.counts.keyframes_ignored


async def test_camera_and_screen_are_told_apart_also_by_the_kernel() -> None:
    both, one_a_second, none = await at_once(
        shares(Numbered(warm=False), sending=True),
        shares(Numbered(1, warm=False), sending=True),
        shares(Numbered(warm=False), sending=False),
    )
    assert len(both.detector.of(Source.SCREEN)) >= 3
    assert len(one_a_second.detector.of(Source.SCREEN)) >= 2
    assert not none.detector.of(Source.SCREEN)
    assert not both.counts.fallbacks
    assert not none.counts.fallbacks
