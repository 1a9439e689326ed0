"""Checks of every notifier, whatever it talks to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepguard.model import Notification, NotificationKind, Picture, SampleFormat
from deepguard.testing.contract.base import ContractBase, fail
from deepguard.testing.factories import make_notification
from deepguard.testing.hostile import HOSTILE_NAMES, INJECTED_HEADER
from deepguard.testing.secrets import SecretWatch

_SECOND_KINDS = [kind for kind in NotificationKind if kind.value.startswith("incident.")]
_ACK_URL = "https://guard.example/ack/whoever-has-this-may-acknowledge"
_PICTURE = b"\xff\xd8\xff\xe0picture-that-nobody-may-log\xff\xd9"


class DeliveryChecks(ContractBase):
    """It takes whatever core hands it, and leaves nothing behind."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize("kind", NotificationKind, ids=str)
    async def test_takes_every_kind(self, kind: NotificationKind) -> None:
        """Every kind of notification is taken, also the digest and the test."""
        async with self._started() as notifier:
            await self._deliver(notifier, make_notification(kind=kind), f"a notification of kind {kind.name}")

    @pytest.mark.asyncio
    async def test_takes_the_story_of_an_incident(self) -> None:
        """What ``send`` returned comes back as ``thread``, and each later kind is taken with it."""
        opened = make_notification()
        async with self._started() as notifier:
            thread = await self._deliver(notifier, opened, "an incident that opens")
            for kind in _SECOND_KINDS:
                later = make_notification(kind=kind, thread=thread, call_id=opened.call_id)
                if later.incident and opened.incident:
                    later = replace(later, incident=replace(later.incident, id=opened.incident.id))
                await self._deliver(notifier, later, f"a notification of kind {kind.name} with a thread")

    @pytest.mark.asyncio
    async def test_takes_a_digest_of_a_hundred(self) -> None:
        """A digest may stand for many; what is sent of it stays bounded, whatever the names in it."""
        names = list(HOSTILE_NAMES.values())
        items = tuple(make_notification(participant_id=names[number % len(names)]) for number in range(100))
        async with self._started() as notifier:
            await self._deliver(notifier, make_notification(kind=NotificationKind.DIGEST, items=items), "a digest")
            self._see_requests("a digest of a hundred", self.largest_digest)

    @pytest.mark.asyncio
    async def test_takes_a_picture(self) -> None:
        """A notification may carry the picture that the incident rests on."""
        async with self._started() as notifier:
            await self._deliver(notifier, _with_picture(make_notification()), "a notification with a picture")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("hostile", HOSTILE_NAMES)
    async def test_takes_hostile_names(self, hostile: str) -> None:
        """Whatever somebody calls themselves, the notification is delivered and stays bounded."""
        name = HOSTILE_NAMES[hostile]
        for kind in (NotificationKind.ACKNOWLEDGED, NotificationKind.COVERAGE_LOST):
            async with self._started() as notifier:
                await self._deliver(notifier, _hostile(kind, name), f"a hostile name ({hostile})")
                self._see_requests(f"a hostile name ({hostile})", self.largest_request)

    @pytest.mark.asyncio
    async def test_can_be_closed_at_any_time(self) -> None:
        """``close`` is safe without a ``start``, and twice."""
        async with self.destination() as url:
            for start in (False, True):
                notifier = self._made(url)
                if start:
                    await self._start(notifier)
                for times in ("once", "twice"):
                    try:
                        await notifier.close()
                    except Exception as error:  # noqa: BLE001 - the author's code may raise anything
                        when = "after" if start else "without"
                        fail(f"close raised {type(error).__name__} when called {times} {when} start", error)

    @pytest.mark.asyncio
    async def test_leaves_nothing_behind(self) -> None:
        """After ``close`` no task runs, no session is open, and no connection is held."""
        async with self.destination() as url, self._leaving_nothing():
            notifier = self._made(url)
            await self._start(notifier)
            await self._deliver(notifier, make_notification(), "a notification")
            await notifier.close()
            del notifier
            if self.speaks_http:
                await self._see_connections_end()

    @pytest.mark.asyncio
    async def test_keeps_secrets_to_itself(self) -> None:
        """Neither a secret, nor the address that acknowledges, nor a picture is in any log line, of any library."""
        with SecretWatch([*self.secrets, _ACK_URL, "picture-that-nobody-may-log"]) as watch:
            async with self._started() as notifier:
                for kind in NotificationKind:
                    notification = _with_picture(make_notification(kind=kind, ack_url=_ACK_URL))
                    await self._deliver(notifier, notification, f"a notification of kind {kind.name}")
                watch.look_at(repr(notifier), "the repr of the notifier")
        if watch.leaks:
            fail(f"a secret, the address that acknowledges, or a picture is in {watch.leaks[0]}")

    def _see_requests(self, what: str, largest: int) -> None:
        if not self.speaks_http:
            return
        size = sum(len(request.body) for request in self.endpoint.requests)
        if size > largest:
            fail(
                f"{what} made requests of {size} bytes; at most {largest} are allowed (`largest_request`, "
                f"`largest_digest`). Cut texts that come from outside"
            )
        for request in self.endpoint.requests:
            if INJECTED_HEADER in request.headers:
                fail(f"{what} put a header of its own into the request: keep names out of headers, or encode them")
            self.inspect(request)


def _with_picture(notification: Notification) -> Notification:
    return replace(notification, picture=Picture(_PICTURE, SampleFormat.JPEG, notification.at, 640, 480))


def _hostile(kind: NotificationKind, name: str) -> Notification:
    made = make_notification(kind=kind, participant_id=name, call_id=name[:200], detector=name[:200])
    if made.incident is None:
        return made
    incident = replace(made.incident, acknowledged_by=name, detail=name, context={name: name})
    return replace(made, incident=incident)


__all__ = ["DeliveryChecks"]
