"""One call's life: guard and pipeline begin together, and end together, whoever ends it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from deepguard.guard.calls import participant_of
from deepguard.guard.guard import Guard
from deepguard.guard.tasks import end_tasks
from deepguard.model import Call, Source
from deepguard.pipeline.messages import send_in_call_messages
from deepguard.pipeline.receive.connection import stop_senders
from deepguard.pipeline.receive.path import ReceivePath
from deepguard.pipeline.worker import new_transport, new_worker
from deepguard.runtime import Runtime

PIPELINE_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class CallEnd:
    """Why a call ended.

    Attributes:
        reason: A word for programs.
        text: A sentence for people.
    """

    reason: str
    text: str


LEFT = CallEnd("left", "The participant left.")
NEVER_CONNECTED = CallEnd("never_connected", "The connection could not be established in time.")
SERVER_STOPPING = CallEnd("server_stopping", "The server is being shut down.")
FAILED = CallEnd("failed", "The call failed on the server; its log says why.")


class GuardedCall:
    """A call over WebRTC, guarded.

    Attributes:
        call: The call.
        guard: Its guard.
        over: Whether the peer connection has been, or is being, closed for good.
    """

    def __init__(
        self, runtime: Runtime, connection: SmallWebRTCConnection, call: Call, *, in_call_messages: bool
    ) -> None:
        """Prepare a call; ``run`` begins it.

        Args:
            runtime: What all calls share.
            connection: The participant's connection, negotiated.
            call: The call.
            in_call_messages: Whether findings are told over the call's own data channel.
        """
        self.call = call
        self.over = False
        self.guard: Guard = runtime.new_guard(call)
        self._runtime = runtime
        self._connection: SmallWebRTCConnection | None = connection
        self._participant_id = participant_of(call)
        self._in_call_messages = in_call_messages
        self._connected = asyncio.Event()
        self._restarted = asyncio.Event()
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()

    def reconnecting(self) -> None:
        """Note that the peer connection is being made anew: again media must flow in time."""
        self._connected.clear()
        self._restarted.set()

    def end(self, end: CallEnd) -> None:
        """Ask the call to end; the first reason counts."""
        if not self._end.done():
            self._end.set_result(end)

    async def run(self) -> CallEnd:
        """Guard the call until it ends.

        Returns:
            Why it ended.

        Raises:
            RuntimeError: It was run before.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("a call runs once")
        log = logger.bind(call=self.call.id)
        log.info("Call {} of {} begins", self.call.id, self._participant_id)
        end = FAILED
        try:
            await self.guard.start()
            end = await self._run_pipeline(connection)
        except Exception:  # noqa: BLE001 - one call's failure is this call's end, and nobody else's
            log.opt(exception=True).error("Call {} failed", self.call.id)
        finally:
            if self._end.done():
                end = self._end.result()
            try:
                await self.guard.stop(end.reason, end.text)
            finally:
                self._runtime.forget(self.call.id)
                self.over = True
                # Nothing here holds it, or its pipeline, any longer: the guard is kept for those who look at the end.
                await connection.disconnect()
            log.info("Call {} ended: {}", self.call.id, end.text)
        return end

    async def _run_pipeline(self, connection: SmallWebRTCConnection) -> CallEnd:
        transport = new_transport(connection)
        path = self._new_path(connection)
        self._listen(connection, transport, path)
        worker = new_worker(transport)
        runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run(), name=f"deepguard-pipeline-{self.call.id}")
        watching = asyncio.create_task(self._watch_connecting(), name=f"deepguard-connect-{self.call.id}")
        owned: list[asyncio.Task[Any]] = [running, watching]
        if self._in_call_messages:
            messages = send_in_call_messages(self.guard, worker.queue_frame)
            owned.append(asyncio.create_task(messages, name=f"deepguard-messages-{self.call.id}"))
        try:
            await asyncio.wait({running, self._end}, return_when=asyncio.FIRST_COMPLETED)
            if self._end.done():
                return self._end.result()
            running.result()  # raises what the pipeline failed with
            return FAILED
        finally:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PIPELINE_STOP_SECONDS):
                        await runner.cancel()
                        await asyncio.wait({running})
            finally:
                await path.close()
                await end_tasks(owned)

    def _new_path(self, connection: SmallWebRTCConnection) -> ReceivePath:
        config = self._runtime.config
        return ReceivePath(
            self.guard,
            self._participant_id,
            connection,
            sources={Source.CAMERA, Source.MICROPHONE} | ({Source.SCREEN} if config.video.screen else set()),
            counts=self._runtime.receive_counts,
            decode_all=config.video.decode == "all",
            media_timeout=config.coverage.media_timeout,
        )

    def _listen(self, connection: SmallWebRTCConnection, transport: SmallWebRTCTransport, path: ReceivePath) -> None:
        @transport.event_handler("on_client_connected")
        async def on_client_connected(_transport: SmallWebRTCTransport, _client: SmallWebRTCConnection) -> None:
            self._connected.set()
            await stop_senders(connection.pc)
            await path.attach()

        @transport.event_handler("on_client_disconnected")
        async def on_client_disconnected(_transport: SmallWebRTCTransport, _client: SmallWebRTCConnection) -> None:
            self.end(LEFT)

        @connection.event_handler("track-status")
        async def on_track_status(_connection: SmallWebRTCConnection, index: int, enabled: bool) -> None:
            source = {0: Source.MICROPHONE, 1: Source.CAMERA, 2: Source.SCREEN}.get(index)
            if source is not None:
                self.guard.media.set_enabled(self._participant_id, source, enabled)

    async def _watch_connecting(self) -> None:
        try:
            while True:
                self._restarted.clear()
                async with asyncio.timeout(self._runtime.config.server.connect_timeout):
                    await self._connected.wait()
                await self._restarted.wait()
        except TimeoutError:
            self.end(NEVER_CONNECTED)
