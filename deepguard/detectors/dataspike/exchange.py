"""What happens on an open connection: samples go out, results come in, silence and nonsense end it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NoReturn

from deepguard.detectors.dataspike.allowance import Allowance
from deepguard.detectors.dataspike.config import DataspikeConfig
from deepguard.detectors.dataspike.connection import (
    Connection,
    ConnectionLostError,
    MessageTooBigError,
    NotAMessageError,
)
from deepguard.detectors.dataspike.counters import Counters
from deepguard.detectors.dataspike.samples import OpenSamples
from deepguard.detectors.dataspike.watchdog import Watchdog
from deepguard.detectors.dataspike.wire import WireError, decode_result, encode_frame

GARBAGE_IN_A_ROW = 5
"""Messages that are no verdict, one after the other, until the connection is given up."""

NOISE_BURST = 1000
NOISE_PER_SECOND = 50.0
"""Ignored verdicts, at once and in the long run, until the connection is given up."""


class Exchange:
    """Uses one connection until it ends."""

    def __init__(
        self,
        connection: Connection,
        samples: OpenSamples,
        config: DataspikeConfig,
        counters: Counters,
        on_result: Callable[[], None],
    ) -> None:
        """Prepare; needs a running event loop.

        Args:
            connection: The connection, which is closed in the end.
            samples: Where samples come from and results go to.
            config: Time limits.
            counters: Where to count.
            on_result: Called for each result, before it is passed on.
        """
        self._connection = connection
        self._samples = samples
        self._config = config
        self._counters = counters
        self._on_result = on_result
        self._noise = Allowance(NOISE_BURST, NOISE_PER_SECOND)
        self._watchdog = Watchdog(config.answer_timeout)

    async def run(self) -> NoReturn:
        """Send and receive until the connection ends, or until cancelled; close it then.

        Raises:
            ConnectionLostError: It ended; says why.
        """
        reader = asyncio.create_task(self._read(), name="dataspike read")
        writer = asyncio.create_task(self._write(), name="dataspike write")
        try:
            await asyncio.wait({reader, writer, self._watchdog.silent}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done() and not reader.done():
                # Why the peer closed, where it said so, explains more than that nothing can be sent any more.
                await asyncio.wait({reader}, timeout=self._config.close_timeout)
            for task in (reader, writer):
                # While a peer takes nothing, aiohttp's senders (pings and pongs too) wait on one future between them:
                # one that gives up cancels the others.
                if task.cancelled():
                    raise ConnectionLostError("the service takes nothing any more")
                if task.done():
                    task.result()
            raise ConnectionLostError(f"connected, but nothing was answered for {self._config.answer_timeout:g} s")
        finally:
            self._watchdog.stop()
            writer.cancel()
            # The reader is left alone until then: cancelling it would cut the closing handshake short.
            await self._connection.close()
            reader.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            self._samples.recall()

    async def _write(self) -> NoReturn:
        while True:
            held = await self._samples.next()
            try:
                payload = encode_frame(held.sample)
            except WireError as error:
                self._samples.discard(held, str(error))
                continue
            await self._connection.send(payload)
            held.sends += 1
            self._counters.sent += 1
            self._watchdog.expect()

    async def _read(self) -> NoReturn:
        garbage = 0
        while True:
            try:
                result = decode_result(await self._connection.receive())
            except MessageTooBigError:
                self._counters.garbage += 1
                raise
            except (NotAMessageError, WireError):
                self._counters.garbage += 1
                garbage += 1
                if garbage >= GARBAGE_IN_A_ROW:
                    raise ConnectionLostError(f"the service sent {garbage} messages in a row that are none") from None
            else:
                garbage = 0
                self._on_result()
                if not self._samples.take_result(result) and not self._noise.take(time.monotonic()):
                    raise ConnectionLostError("the service floods the connection with verdicts that nobody asked for")
            self._watchdog.heard(more_due=self._samples.in_flight > 0)


__all__ = ["GARBAGE_IN_A_ROW", "NOISE_BURST", "Exchange"]
