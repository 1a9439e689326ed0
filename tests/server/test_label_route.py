"""The page's buttons: only alerts of the own call are labelled, what was said last counts, and the store has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deepguard.model import Label, Labelled
from deepguard.runtime import Runtime
from deepguard.store import labels
from deepguard.store.entry import Entry
from deepguard.testing import make_notification
from support.caller import Caller, calling
from support.serving import serving

CONFIG = """
video: {burst_fps: 8, normal_fps: 4}
detector: {type: scenario, timeline: [{at: 0, camera: alert}]}
"""
HOSTILE = "<script>alert(1)</script>"


class Alerted:
    """A call in which an alert is open.

    Attributes:
        runtime: What serves it.
        caller: Who calls.
        incident_id: The alert's incident.
    """

    def __init__(self, runtime: Runtime, url: str, http: aiohttp.ClientSession, caller: Caller, incident: str) -> None:
        self.runtime = runtime
        self.caller = caller
        self.incident_id = incident
        self._url = url
        self._http = http

    async def label(
        self, body: Any, *, session: str | None = None, incident: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Ask for it; gives the status and the answer."""
        session, incident = session or self.caller.session_id, incident or self.incident_id
        path = f"{self._url}/sessions/{session}/incidents/{incident}/label"
        async with self._http.post(path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def stored(self) -> Labelled | None:
        return await self.runtime.store.read(lambda db: labels.of_incident(db, self.incident_id))


@pytest.fixture
async def alerted(tmp_path: Path) -> AsyncIterator[Alerted]:
    async with (
        serving(tmp_path, CONFIG) as (runtime, url),
        aiohttp.ClientSession() as http,
        calling(url, {"participant_id": "Ada"}) as caller,
    ):
        opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
        yield Alerted(runtime, url, http, caller, opened["incident_id"])


async def test_a_label_is_in_the_store_and_a_changed_mind_replaces_it(alerted: Alerted) -> None:
    assert await alerted.label({"label": "false-positive"}) == (200, {"label": "false-positive"})
    first = await alerted.stored()
    assert first
    assert (first.label, first.participant_id, first.by) == (Label.FALSE_POSITIVE, "Ada", "page")
    assert await alerted.label({"label": "confirmed"}) == (200, {"label": "confirmed"})
    changed = await alerted.stored()
    assert changed
    assert (changed.label, changed.by) == (Label.CONFIRMED, "page")
    assert await alerted.runtime.store.read(lambda db: labels.labels_of(db, [changed.call_id])) == [changed]


async def test_an_alert_can_be_labelled_after_the_call(alerted: Alerted) -> None:
    await alerted.caller.hang_up()
    await alerted.caller.until(lambda event: event["type"] == "ended")
    assert (await alerted.label({"label": "confirmed"}))[0] == 200
    stored = await alerted.stored()
    assert stored
    assert stored.label is Label.CONFIRMED


async def test_only_incidents_of_the_own_call_can_be_labelled(alerted: Alerted) -> None:
    other = make_notification()
    assert other.incident
    assert other.incident.call_id == other.call_id
    alerted.runtime.dispatcher.record(Entry(call_id=other.call_id, notifications=(other,)))
    async with asyncio.timeout(10):
        await alerted.runtime.dispatcher.journal.flushed()
    for more in ({"incident": other.incident.id}, {"incident": "inc_nothing"}, {"session": "nobody"}):
        status, answer = await alerted.label({"label": "confirmed"}, **more)
        assert status == 404
        assert "There is no such" in answer["detail"]
    for incident in (other.incident.id, alerted.incident_id):
        assert await alerted.runtime.store.read(lambda db, one=incident: labels.of_incident(db, one)) is None


async def test_an_alert_that_is_not_written_down_yet_is_waited_for(tmp_path: Path) -> None:
    # Without a notifier nothing is urgent: entries linger before they are written.
    config = f"{CONFIG}notifiers: []\n"
    async with serving(tmp_path, config) as (runtime, url), aiohttp.ClientSession() as http, calling(url) as caller:
        opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
        call_id = caller.events[0]["call"]["id"]
        alerted = Alerted(runtime, url, http, caller, opened["incident_id"])
        later = make_notification(call_id=call_id)
        assert later.incident
        runtime.dispatcher.record(Entry(call_id=call_id, notifications=(later,)))
        assert runtime.dispatcher.journal.waiting
        assert (await alerted.label({"label": "confirmed"}, incident=later.incident.id))[0] == 200
        alerted.incident_id = later.incident.id
        stored = await alerted.stored()
        assert stored
        assert stored.call_id == call_id


@pytest.mark.parametrize("body", [{"label": HOSTILE}, {"label": "missed"}, {"label": None}, {}, [HOSTILE]])
async def test_an_unknown_label_is_refused_and_not_repeated(alerted: Alerted, body: Any) -> None:
    status, answer = await alerted.label(body)
    assert status == 422
    assert HOSTILE not in str(answer)
    assert await alerted.stored() is None


async def test_pages_of_elsewhere_cannot_label(alerted: Alerted) -> None:
    status, _ = await alerted.label({"label": "confirmed"}, Origin="https://elsewhere.example")
    assert status == 403
    assert await alerted.stored() is None


async def test_a_store_that_takes_nothing_is_told_and_says_so(alerted: Alerted) -> None:
    await alerted.caller.hang_up()
    await alerted.caller.until(lambda event: event["type"] == "ended")
    async with asyncio.timeout(10):
        await alerted.runtime.dispatcher.journal.flushed()
    await alerted.runtime.store.close()
    status, answer = await alerted.label({"label": "confirmed"})
    assert status == 503
    assert "nothing was saved" in answer["detail"]
