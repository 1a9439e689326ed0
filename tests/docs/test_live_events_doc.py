"""docs/live-events.md: the fields that it lists are those of a real call's live stream."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from deepguard import BlindReason, HealthState, Judgement, Level, NotificationKind, Source
from deepguard.config.models import KIND_OF
from deepguard.model import DeliveryStatus
from deepguard.store import incidents
from deepguard.store.store import Store
from support.caller import calling
from support.pages import ROOT, code, table
from support.program import running

PAGE = ROOT / "docs" / "live-events.md"
BRACKETS = re.compile(r"[({\[][^(){}\[\]]*[)}\]]")
CONFIG = """
video: {burst_fps: 5, normal_fps: 5}
detector:
  type: scenario
  timeline:
    - {at: 0, camera: alert}
    - {at: 3, camera: clear}
"""


def fields(text: str) -> set[str]:
    """The names in a list such as ``id, `call` {at, reason or null}, tracks [{…}]``, those in brackets left out."""
    while BRACKETS.search(text):
        text = BRACKETS.sub("", text)
    return {found for part in text.split(",") if (found := (re.findall(r"\w+", part) or [""])[0])}


def inside(text: str, name: str) -> str:
    """What stands in the brackets behind a name."""
    found = re.search(rf"(?<!\w){name}`?:? \[?{{", text)
    assert found, f"{name} has no brackets in {text!r}"
    depth, begin = 0, found.end()
    for place in range(begin - 1, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin:place]
    raise AssertionError(f"the brackets behind {name} do not close")


def told() -> dict[str, str]:
    """What the page says of each type's fields."""
    return {code(row[0])[0]: row[1] for row in table(PAGE, "type")}


def nested(states: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects inside of states, each with its name."""
    for state in states:
        yield from ((name, state[name]) for name in ("call", "detector"))
        yield "health", state["detector"]["health"]
        for participant in state["participants"]:
            yield "participants", participant
            yield from (("tracks", track) for track in participant["tracks"])


async def acknowledge(folder: Path, incident_id: str) -> None:
    """Take an incident over, as another process does."""
    store = Store(f"sqlite:///{folder / 'deepguard.db'}")
    await store.open()
    try:
        async with asyncio.timeout(10):
            # It is shown before it is on disk.
            while await store.write(lambda db: incidents.acknowledge(db, incident_id, "Bo")) is None:
                pass
    finally:
        await store.close()


async def test_a_call_s_events_have_the_fields_that_the_page_lists(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(CONFIG)
    page = told()
    async with running(cwd=tmp_path) as program, calling(program.url) as caller:
        opened = await caller.until(lambda event: event.get("kind") == "incident.opened")
        await acknowledge(tmp_path, opened["incident_id"])
        await caller.until(lambda event: event["type"] == "acknowledged")
        await caller.until(lambda event: event["type"] == "delivery")
        url = f"{program.url}/sessions/{caller.session_id}"
        async with aiohttp.ClientSession() as http:
            async with http.patch(f"{url}/sampling", json={"video": {"burst_fps": 3}}) as answer:
                sampling = await answer.json()
            async with http.patch(f"{url}/sampling", json={"video": {"burst_fps": 99}}) as answer:
                assert answer.status == 422
                (refusal,) = (await answer.json())["detail"]
            async with http.get(f"{program.url}/api/info") as answer:
                info = await answer.json()
            async with http.get(f"{program.url}/api/alerts") as answer:
                alerts = await answer.json()
            async with http.get(f"{url}/events") as answer:
                second = json.loads((await answer.content.readline())[6:])
        await caller.until(lambda event: event.get("kind") == "incident.resolved")
        await caller.until(lambda event: event["type"] == "sampling")
        await caller.hang_up()
        await caller.until(lambda event: event["type"] == "ended")
    seen = {event["type"]: event for event in caller.events}
    # A detector that runs in the same process is up before anybody can follow: in `recent` it is seen all the same.
    seen |= {event["type"]: event for state in caller.events if state["type"] == "state" for event in state["recent"]}
    assert set(seen) == set(page)
    for kind, event in seen.items():
        assert set(event) == {"type", "at"} | fields(page[kind]), kind

    states = [event for event in caller.events if event["type"] == "state"]
    assert states[0] is caller.events[0]
    for name, value in nested(states):
        assert set(value) == fields(inside(page["state"], name)), name
    text = PAGE.read_text()
    assert set(seen["coverage"]["coverage"]) == fields(inside(text, "`coverage"))
    assert set(seen["samples"]["samples"]) == fields(inside(text, "`samples"))
    assert set(seen["sampling"]["sampling"]) == fields(inside(text, "`sampling")) == {*sampling, "burst"}
    assert {name: set(sampling[name]) for name in sampling} == {
        name: fields(inside(inside(text, "`sampling"), name)) for name in ("video", "audio")
    }
    assert refusal["loc"] == ["video", "burst_fps"]
    assert set(info) == fields(inside(text, "before any call"))
    faring = inside(text, "of all calls and hosts")
    assert set(alerts) == fields(faring)
    assert set(alerts["store"]) == fields(inside(faring, "store"))
    assert [set(one) for one in alerts["notifiers"]] == [fields(inside(faring, "notifiers"))]
    # Whoever begins to follow later is told who took the incident over.
    assert [one["incident_id"] for one in second["participants"]] == [opened["incident_id"]]
    taken = second["participants"][0]["acknowledged"]
    assert set(taken) == fields(inside(page["state"], "acknowledged"))
    assert taken["by"] == "Bo"


def test_the_words_are_those_of_the_vocabulary() -> None:
    text = PAGE.read_text()
    page = told()
    assert set(code(page["verdict"])) == {one.value for one in Judgement}
    assert set(code(page["level"])) == {str(one) for one in Level}
    # That somebody took it over is an event of its own.
    assert set(code(page["notification"])) == {*KIND_OF} - {NotificationKind.ACKNOWLEDGED}
    assert set(code(page["delivery"])) <= {one.value for one in DeliveryStatus}
    assert set(code(page["detector"])) == {one.value for one in HealthState}
    for listed, vocabulary in (("- `source`: ", Source), ("reasons: ", BlindReason)):
        found = re.search(rf"{listed}((?:`\w+`[,\s]*)+)", text)
        assert found, listed
        assert set(code(found[1])) == {one.value for one in vocabulary}
