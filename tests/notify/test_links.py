"""Links by which incidents are acknowledged: who gets one, and that every process knows every other's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from deepguard.model import NotificationKind
from deepguard.notify.links import AckLinks
from deepguard.store import secrets
from deepguard.store.store import Store
from deepguard.testing import RecordingNotifier, make_notification
from support.hosts import Fleet, route, telling

PUBLIC = "https://guard.example"


async def test_every_process_on_a_store_signs_with_the_same_key(store_url: str) -> None:
    stores = [Store(store_url) for _ in range(3)]
    links = [AckLinks(PUBLIC) for _ in stores]
    try:
        for store in stores:
            await store.open()
        await asyncio.gather(*(one.load(store) for one, store in zip(links, stores, strict=True)))
        told = make_notification()
        assert len({one.url(told) for one in links}) == 1
        key = await stores[0].write(lambda db: secrets.key(db, secrets.ACKNOWLEDGE))
        assert len(key) == 32
    finally:
        for store in stores:
            await store.close()


async def test_only_what_is_open_has_a_link(tmp_path: Path) -> None:
    store, links = Store(f"sqlite:///{tmp_path / 'deepguard.db'}"), AckLinks(PUBLIC)
    assert links.url(make_notification()) == ""  # no key yet
    await store.open()
    await links.load(store)
    await store.close()
    linked = {kind for kind in NotificationKind if links.url(make_notification(kind=kind))}
    assert linked == {NotificationKind.OPENED, NotificationKind.UPDATED, NotificationKind.REPEATED}
    told = make_notification()
    assert told.incident
    taken = replace(told, incident=replace(told.incident, acknowledged_at=told.at))
    assert links.url(taken) == ""
    odd = replace(told, incident=replace(told.incident, id="a/b?c#\ud800 ä"))
    assert urlsplit(links.url(odd)).path.startswith("/ack/a%2Fb%3Fc%23")


async def test_what_a_digest_names_has_its_links(fleet: Fleet) -> None:
    notifier = RecordingNotifier()
    host = await fleet(
        route("a", notifier, digest_after=2, rate=0.001, burst=1), ack_url=lambda told: f"{PUBLIC}/{told.id}"
    )
    first = make_notification()
    host.record(first)
    await host.ended(1, status="delivered")
    assert notifier.notifications[0].ack_url
    some = [make_notification() for _ in range(4)]
    host.dispatcher.record(telling(*some))
    await host.dispatcher.close()
    other = await fleet(
        route("a", again := RecordingNotifier(), digest_after=2), ack_url=lambda told: f"{PUBLIC}/{told.id}"
    )
    async with asyncio.timeout(10):
        (digest,) = await again.wait_for(1)
    assert other.dispatcher
    assert [item.ack_url for item in digest.items] == [f"{PUBLIC}/{one.id}" for one in some]
