"""Checks of a notifier that speaks HTTP, against an endpoint that answers badly."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate

import pytest

from deepguard.errors import NotifyError
from deepguard.testing.contract.base import BLOCKED, PATIENCE, ContractBase, fail
from deepguard.testing.endpoint import Answer, Answering
from deepguard.testing.factories import make_notification
from deepguard.testing.outcomes import MEANING, Outcome
from deepguard.testing.secrets import SecretWatch

_MOVED = "/moved-by-a-redirect"
_RETRY_AFTER = {"7": 7.0, "a date": 120.0, "soon": None, "-5": None, "9" * 400: None}


class HttpChecks(ContractBase):
    """It says of every answer what becomes of the notification, and makes one attempt."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One check for each status of the author's own table."""
        if "status" in metafunc.fixturenames:
            metafunc.parametrize("status", list(type(self).statuses))

    @pytest.mark.asyncio
    async def test_says_what_a_status_means(self, status: int) -> None:
        """The answer's status decides whether core tries again, gives up, or keeps what waits."""
        async with self._started() as notifier:
            expected = self.statuses[status]
            self.endpoint.default = self._answer(status)
            asked = len(self.endpoint.requests)
            _, error = await self._send(notifier, make_notification())
            if len(self.endpoint.requests) == asked:
                fail("send asked the service nothing: `settings` has to lead it to `url`")
            got = Outcome.of(error)
            if got is not expected:
                fail(
                    f"the service answered {status}, and send ended with {got.value}; expected: {expected.value}, "
                    f"since {MEANING[expected]}. NotifyError.for_status knows this table; where the service "
                    f"means something else by {status}, say so in `statuses`"
                )

    @pytest.mark.asyncio
    @pytest.mark.parametrize("header", _RETRY_AFTER, ids=lambda header: header[:10])
    async def test_passes_retry_after_on(self, header: str) -> None:
        """How long the service asks to wait reaches core, whether in seconds or as a date; nonsense is passed over."""
        value = formatdate(time.time() + 120, usegmt=True) if header == "a date" else header
        async with self._started() as notifier:
            answer = self.answer(429)
            self.endpoint.default = replace(answer, headers={**answer.headers, "Retry-After": value})
            _, error = await self._send(notifier, make_notification())
        if error is None:
            fail("the service answered 429, and send ended with no error")
        got, expected = error.retry_after, _RETRY_AFTER[header]
        if expected is None:
            if got is not None and not (math.isfinite(got) and got >= 0):
                fail(f"`Retry-After: {value[:20]}` made retry_after={got}; due is None, or a finite number of seconds")
        elif got is None or not (got == expected or (header == "a date" and 0 < got <= expected)):
            fail(
                f"the service answered 429 with `Retry-After: {value}`, and the NotifyError has retry_after={got}; "
                f"pass it on, and core waits. NotifyError.for_status reads the header"
            )

    @pytest.mark.asyncio
    async def test_a_lost_connection_is_tried_again(self) -> None:
        """A connection that is reset, or not taken at all, passes."""
        async with self._started() as notifier:
            self.endpoint.default = Answer.reset()
            _, error = await self._send(notifier, make_notification())
        self._see_tried_again(error, "the service reset the connection")
        with _nobody_listens() as url:
            error = await self._fail_to_reach(url)
        self._see_tried_again(error, "nobody listened at the service's address")

    @pytest.mark.asyncio
    async def test_follows_no_redirect(self) -> None:
        """A redirect is a wrong address: whoever follows it hands the notification, and the token, to somebody else."""
        async with self._started() as notifier:
            for status in (301, 302, 307, 308):
                self.endpoint.default = _but_for(_MOVED, Answer.redirect(_MOVED, status), Answer())
                await self._send(notifier, make_notification())
                if any(request.path == _MOVED for request in self.endpoint.requests):
                    fail(f"send followed a redirect ({status}); with aiohttp: post(…, allow_redirects=False)")

    @pytest.mark.asyncio
    async def test_makes_one_attempt(self) -> None:
        """Trying again is core's: it keeps the rate, and knows when to stop."""
        for answer in (self.answer(503), Answer.reset()):
            async with self._started() as notifier:
                asked = len(self.endpoint.requests)
                self.endpoint.default = answer
                await self._send(notifier, make_notification())
                calls = Counter((request.method, request.path) for request in self.endpoint.requests[asked:])
                for (method, path), count in calls.items():
                    if count > 1:
                        fail(
                            f"one send made {count} requests {method} {path} after the first had failed: make one "
                            f"attempt, and raise NotifyError; core tries again"
                        )

    @pytest.mark.asyncio
    @pytest.mark.parametrize("manner", ["hang", "drip"])
    async def test_can_be_cancelled(self, manner: str) -> None:
        """Core cancels a ``send`` that takes too long: it ends at once, its connection too, and the next one works."""
        async with self.destination() as url, self._leaving_nothing():
            notifier = self._made(url)
            await self._start(notifier)
            asked = len(self.endpoint.requests)
            # A status whose body a notifier may want to read.
            self.endpoint.default = Answer.hang() if manner == "hang" else Answer.drip(400)
            sending = asyncio.create_task(notifier.send(make_notification()))
            await self._cancel(sending, asked, manner)
            self.endpoint.default = self.accepts
            await self._deliver(notifier, make_notification(), "a notification after one that was cancelled")
            await notifier.close()
            del notifier
            await self._see_connections_end()

    @pytest.mark.asyncio
    async def test_starts_again_after_a_failure(self) -> None:
        """A ``start`` that failed is called again: what it had opened until then is not opened twice."""
        async with self.destination() as url, self._leaving_nothing():
            notifier = self._made(url)
            for answer in (self.answer(503), Answer.reset()):
                self.endpoint.default = answer
                if await self._start(notifier) is None:
                    break
            else:
                self.endpoint.default = self.accepts
                if error := await self._start(notifier):
                    fail("start failed again, though the service was well by then", error)
            self.endpoint.default = self.accepts
            await self._deliver(notifier, make_notification(), "a notification after a start that had failed")
            await notifier.close()
            del notifier
            await self._see_connections_end()

    @pytest.mark.asyncio
    @pytest.mark.parametrize("failure", ["401", "404", "422", "500", "redirect", "reset", "nobody listens"])
    async def test_keeps_secrets_out_of_errors(self, failure: str) -> None:
        """No secret is in an error, in what led to it, or in any log line, whatever the service answers."""
        with SecretWatch(self.secrets) as watch:
            if failure == "nobody listens":
                with _nobody_listens() as url:
                    error = await self._fail_to_reach(url)
            else:
                async with self._started() as notifier:
                    self.endpoint.default = self._failing(failure)
                    _, error = await self._send(notifier, make_notification())
            if error:
                watch.look_at_error(error)
        if watch.leaks:
            fail(
                f"a secret is in {watch.leaks[0]}. Errors of HTTP clients hold the address, services repeat what they "
                f"were sent: use words of your own, and the status"
            )

    def _answer(self, status: int) -> Answering:
        if not 200 <= status < 300:
            return self.answer(status)
        return lambda request: self.accepts(request).with_status(status)

    def _failing(self, failure: str) -> Answering:
        if failure == "reset":
            return Answer.reset()
        if failure == "redirect":
            return Answer.redirect(f"/{'/'.join(self.secrets)}")
        return self.answer(int(failure))

    async def _fail_to_reach(self, url: str) -> NotifyError | None:
        notifier = self._made(url)
        try:
            return await self._start(notifier) or (await self._send(notifier, make_notification()))[1]
        finally:
            await notifier.close()

    def _see_tried_again(self, error: NotifyError | None, what: str) -> None:
        got, due = Outcome.of(error), Outcome.AGAIN
        if got is not due:
            fail(f"{what}, and send ended with {got.value}; expected: {due.value}, since {MEANING[due]}")

    async def _cancel(self, sending: asyncio.Task[str | None], asked: int, manner: str) -> None:
        asking = asyncio.create_task(self.endpoint.wait_for(asked + 1, PATIENCE))
        await asyncio.wait({sending, asking}, return_when=asyncio.FIRST_COMPLETED)
        if len(self.endpoint.requests) == asked:
            for task in (asking, sending):
                task.cancel()
            fail("send asked the service nothing: `settings` has to lead it to `url`")
        await asking
        if self.endpoint.blocked:
            fail(BLOCKED)
        sending.cancel()
        await asyncio.wait({sending}, timeout=PATIENCE)
        if not sending.done():
            fail(f"send went on for {PATIENCE:g} s after it was cancelled: let asyncio.CancelledError through")
        # One that reads no body has ended by itself, which is as good.
        if not sending.cancelled() and manner == "hang":
            fail("send swallowed its cancellation: catch aiohttp.ClientError and OSError, never asyncio.CancelledError")


@contextmanager
def _nobody_listens() -> Iterator[str]:
    with socket.socket() as taken:
        # Bound, and not listening: whoever connects is refused, and nobody else can take the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def _but_for(path: str, answer: Answer, other: Answer) -> Answering:
    return lambda request: other if request.path == path else answer


__all__ = ["HttpChecks"]
