"""The processor that bots written for Dataspike's own bot know, against a service on loopback."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from pipecat.frames.frames import Frame, UserImageRawFrame
from pipecat.tests.utils import SleepFrame, run_test

from deepguard import (
    AudioParams,
    DataspikeDeepfakeProcessor,
    DeepfakeStreamingSchemaResultEvent,
    DeepguardError,
    EventType,
    VideoParams,
)
from deepguard.detectors.dataspike.deepfake_streaming_pb2 import DeepfakeStreamingSchema

ANSWERS = ["CLEAR", "ALERT", "ALERT", "ERROR", "ERROR", "SUSPICIOUS", "ALERT", "CLEAR"]


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch):
    """A service that gives the answers one by one; yields what it was asked."""
    asked: list[DeepfakeStreamingSchema.FrameRequest] = []
    answers = iter(ANSWERS)

    async def handle(request: web.Request) -> web.WebSocketResponse:
        assert request.headers["Authorization"] == "Bearer dsk_test"
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            frame = DeepfakeStreamingSchema.FrameRequest.FromString(message.data)
            asked.append(frame)
            if (answer := next(answers, None)) is not None:
                result = DeepfakeStreamingSchema.ResultEvent(
                    type=answer,
                    participant_id=frame.participant_id,
                    track_id=frame.track_id,
                    message=answer.lower(),
                )
                await socket.send_bytes(result.SerializeToString())
        return socket

    app = web.Application()
    app.router.add_get("/stream", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setenv("DATASPIKE_WS_URL", f"ws://127.0.0.1:{runner.addresses[0][1]}/stream")
    yield asked
    await runner.cleanup()


def camera_frames(count: int) -> list[Frame]:
    frames: list[Frame] = []
    for number in range(count):
        # Neither black nor frozen: such pictures clear nobody.
        image = bytes([60 + 40 * (number % 4)]) * (64 * 48 * 3)
        frame = UserImageRawFrame(user_id="peer", image=image, size=(64, 48), format="RGB")
        frame.transport_source = "camera"
        frames += [frame, SleepFrame(0.1)]
    return frames


async def test_a_bot_written_for_it_runs_unchanged(service: list) -> None:
    events: list[DeepfakeStreamingSchemaResultEvent] = []

    async def notification_cb(event: DeepfakeStreamingSchemaResultEvent) -> None:
        events.append(event)
        if event.type == EventType.ALERT:
            raise RuntimeError("a callback that fails")

    async with aiohttp.ClientSession() as session:
        processor = DataspikeDeepfakeProcessor(
            api_key="dsk_test",
            session=session,
            video_params=VideoParams(burst_fps=20, normal_fps=20, quality=75),
            audio_params=AudioParams(sample_rate=16000, sample_size=48000, interval=60),
            notification_cb=notification_cb,
        )
        processor.set_participant_id("Ada")
        await processor.start()
        await run_test(processor, frames_to_send=camera_frames(30))
        await processor.stop()
        await processor.stop()
        assert not session.closed
    assert {(frame.participant_id, frame.track_id) for frame in service} == {("Ada", "camera")}
    assert service[0].data.startswith(b"\xff\xd8")
    # Into ALERT once, the first error, out of ALERT, in again, and out at the end.
    assert [event.type for event in events] == [
        EventType.ALERT,
        EventType.ERROR,
        EventType.SUSPICIOUS,
        EventType.ALERT,
        EventType.CLEAR,
    ]
    assert (events[0].participant_id, events[0].track_id, events[0].message) == ("Ada", "camera", "alert")


async def test_the_key_may_come_from_the_environment(service: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASPIKE_API_KEY", "dsk_test")
    processor = DataspikeDeepfakeProcessor(video_params=VideoParams(normal_fps=20))
    await processor.start()
    async with asyncio.timeout(10):
        await run_test(processor, frames_to_send=camera_frames(3))
    assert service


def test_a_missing_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATASPIKE_API_KEY", raising=False)
    with pytest.raises(DeepguardError, match="DATASPIKE_API_KEY"):
        DataspikeDeepfakeProcessor()
