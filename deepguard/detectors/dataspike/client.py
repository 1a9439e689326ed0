"""The detector that asks the Dataspike service."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import ClassVar, NoReturn
from urllib.parse import urlsplit

import aiohttp
from loguru import logger

from deepguard.contracts import Detector
from deepguard.detectors.dataspike.backoff import Backoff
from deepguard.detectors.dataspike.circuit import circuit_for
from deepguard.detectors.dataspike.config import API_KEY_VARIABLE, DataspikeConfig
from deepguard.detectors.dataspike.connection import (
    Connection,
    ConnectionLostError,
    KeyRefusedError,
    ServiceBusyError,
)
from deepguard.detectors.dataspike.counters import Counters
from deepguard.detectors.dataspike.exchange import Exchange
from deepguard.detectors.dataspike.samples import OpenSamples
from deepguard.errors import DetectorError
from deepguard.model import Call, DetectorHealth, HealthState, Sample

KEY_REFUSED = "the service refuses the key"


class DataspikeDetector(Detector):
    """Keeps one WebSocket to the service, and a small window of samples for each track.

    The wire has no sample id: an answer is taken for the oldest sample of its participant and track that is in flight.
    An answer to none is passed on as a verdict of its own, three at once and one a second for each track, as the
    service may judge again; more are counted and ignored, and a flood ends the connection.

    A sample without an answer ``answer_timeout`` seconds after it was submitted ends: expired when it was sent, dropped
    when it was not. One that is in flight when the connection breaks is sent again on the next one.

    Attributes:
        counters: What happened so far.
    """

    name: ClassVar[str] = "dataspike"
    label: ClassVar[str] = "Dataspike"

    def __init__(
        self, config: DataspikeConfig, session: aiohttp.ClientSession | None = None, *, backoff: Backoff | None = None
    ) -> None:
        """Prepare; nothing is connected before ``open``.

        Args:
            config: How the service is reached.
            session: Whose connector to use; it stays its owner's and is never closed here. Default: an own one.
            backoff: How long to wait between attempts. Default: as ``config`` says.
        """
        super().__init__()
        self.counters = Counters()
        self._config = config
        self._session = session
        self._owned_session: aiohttp.ClientSession | None = None
        self._samples = OpenSamples(self.name, config, self.counters, self.emit)
        self._backoff = backoff or Backoff(config.backoff_base, config.backoff_cap)
        self._circuit = circuit_for(config.url, config.api_key.get_secret_value(), config.probe_after, time.monotonic())
        self._circuit_changed = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._disconnected.set()
        self._runner: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None

    async def open(self, call: Call) -> None:
        """Begin to connect, in the background.

        Raises:
            DetectorError: It was opened before; each call has a detector of its own.
        """
        if self._runner is not None or self._closer is not None:
            raise DetectorError("a Dataspike detector serves one call and cannot be opened again")
        self._circuit.listen(self._circuit_changed.set)
        self._runner = asyncio.create_task(self._run(), name=f"dataspike {call.id}")

    def submit(self, sample: Sample) -> None:
        """Put a sample into its track's window; the newest displaces the oldest that was not sent."""
        if self._closer is not None:
            self._samples.reject(sample, "the detector is closed")
        elif self.health.state is HealthState.REFUSED:
            self._samples.reject(sample, KEY_REFUSED)
        else:
            self._samples.submit(sample)

    async def close(self) -> None:
        """Wait up to ``drain_timeout`` for verdicts that are on their way, end every sample, close the connection."""
        if self._closer is None:
            self._closer = asyncio.create_task(self._close(), name="dataspike close")
        # Whoever stops waiting for the end does not stop the end.
        await asyncio.shield(self._closer)

    async def _close(self) -> None:
        try:
            await self._drain()
        finally:
            self._circuit.unlisten(self._circuit_changed.set)
            if self._runner is not None:
                self._runner.cancel()
                await asyncio.wait([self._runner])
            self._samples.end_all("the call ended before an answer came")
            if self._owned_session is not None:
                await self._owned_session.close()
            self.finish()

    async def _drain(self) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._samples.settled, self._disconnected)]
        try:
            await asyncio.wait(waits, timeout=self._config.drain_timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _run(self) -> None:
        try:
            while True:
                await self._wait_for_admission()
                await asyncio.sleep(await self._connect_and_serve())
        except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on, and shows as blind
            # No traceback: loguru writes the values of variables with it, and one of them is the key.
            logger.error("The Dataspike client stopped on an unexpected {}", type(error).__name__)
            self.emit(DetectorHealth(HealthState.DOWN, f"stopped on an unexpected {type(error).__name__}"))
        finally:
            self._circuit.give_up(self, time.monotonic())

    async def _wait_for_admission(self) -> None:
        while delay := self._circuit.admit(self, time.monotonic()):
            if self._circuit.refusal:
                self._refuse()
            elif self.health.state is not HealthState.DOWN:
                self.emit(DetectorHealth(HealthState.DOWN, "the service asked to wait; connecting goes on after that"))
            self._circuit_changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(delay) else delay):
                    await self._circuit_changed.wait()
        if self.health.state is HealthState.REFUSED and not self._circuit.refusal:
            self.emit(DetectorHealth(HealthState.CONNECTING, "the key is accepted again"))

    async def _connect_and_serve(self) -> float:
        """Make one attempt to connect and, when it works, use the connection until it ends.

        Returns:
            Seconds to wait before the next one.
        """
        connected_at: float | None = None
        try:
            connection = await Connection.connect(self._get_session(), self._config)
            connected_at = time.monotonic()
            await self._serve(connection)
        except ConnectionLostError as error:
            now = time.monotonic()
            self.counters.failures += 1
            if connected_at is not None and now - connected_at >= self._config.stable_after:
                self._backoff.reset()
            return self._on_failure(error, now)

    async def _serve(self, connection: Connection) -> NoReturn:
        self.counters.connects += 1
        self._disconnected.clear()
        if self._circuit.refusal:
            # Some services take every handshake, and close the connection of a bad key right after it.
            self.emit(DetectorHealth(HealthState.CONNECTING, "connected; the key is being tried once more"))
        else:
            self._accept()
        stable = asyncio.get_running_loop().call_later(self._config.stable_after, self._accept)
        try:
            await Exchange(connection, self._samples, self._config, self.counters, self._accept).run()
        finally:
            stable.cancel()
            self._disconnected.set()

    def _accept(self) -> None:
        self._circuit.accepted(self)
        self.emit(DetectorHealth(HealthState.UP, f"connected to {urlsplit(self._config.url).netloc}"))

    def _on_failure(self, error: ConnectionLostError, now: float) -> float:
        if isinstance(error, KeyRefusedError):
            self._circuit.refused(
                f"{error}: the key is refused. Set the right {API_KEY_VARIABLE} (or api_key) and start again; "
                f"this key is tried once more after {_duration(self._config.probe_after)}.",
                now,
            )
        self._circuit.give_up(self, now)
        if self._circuit.refusal:
            self._refuse()
            return 0.0
        self.emit(DetectorHealth(HealthState.DOWN, str(error)))
        if not isinstance(error, ServiceBusyError):
            return self._backoff.wait()
        if error.retry_after is None:
            return self._backoff.wait(busy=True)
        self._circuit.hold(error.retry_after, now)
        # Not all at the very moment at which the pause is over.
        return error.retry_after + self._backoff.wait()

    def _refuse(self) -> None:
        self.emit(DetectorHealth(HealthState.REFUSED, self._circuit.refusal))
        self._samples.end_all(KEY_REFUSED)

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is not None:
            return self._session
        if self._owned_session is None:
            # No cookies: nobody needs them, and a peer could pile them up. No time limit: Connection sets its own.
            self._owned_session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
            )
        return self._owned_session


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"


__all__ = ["DataspikeDetector"]
