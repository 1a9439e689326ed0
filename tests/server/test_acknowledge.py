"""Acknowledging by link: who has the link may, nobody else learns anything, and looking changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deepguard.model import Incident, Labelled, Level, Notification, NotificationKind, Resolution
from deepguard.runtime import Runtime
from deepguard.store import incidents, labels
from deepguard.store.entry import Entry
from deepguard.testing import ScriptedEndpoint, make_notification
from support.browser import page_of
from support.caller import calling
from support.program import running
from support.serving import serving
from support.webhook import SECRET

PUBLIC = "https://guard.example"
CONFIG = f"detector: {{type: embedded}}\nserver: {{public_url: {PUBLIC}}}\n"
BUTTON = "<button>Acknowledge</button>"
HOSTILE = "<script>alert(1)</script>‮&amp;\"'" + "W" * 10_000


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Runtime, aiohttp.ClientSession]]:
    async with serving(tmp_path, CONFIG) as (runtime, url), aiohttp.ClientSession(url) as http:
        yield runtime, http


async def happened(runtime: Runtime, *told: Notification) -> None:
    runtime.dispatcher.record(Entry(call_id=told[0].call_id, notifications=told))
    async with asyncio.timeout(10):
        await runtime.dispatcher.journal.flushed()


async def opened(runtime: Runtime, **over: Any) -> tuple[Incident, str]:
    """An incident that is open, and its link without the host."""
    told = make_notification(**over)
    await happened(runtime, told)
    assert told.incident
    url = runtime.links.url(told)
    assert url.startswith(f"{PUBLIC}/ack/{told.incident.id}?t=")
    return told.incident, url.removeprefix(PUBLIC)


async def stored(runtime: Runtime, incident: Incident) -> Incident:
    (found,) = await runtime.store.read(lambda db: incidents.find(db, ids=[incident.id]))
    return found.incident


async def asked(http: aiohttp.ClientSession, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
    async with http.request(method, path, **more) as response:
        return response.status, await response.text()


def words(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


async def test_an_alert_s_link_acknowledges_it_and_everybody_is_told(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as desk:
        (tmp_path / "deepguard.yaml").write_text(f"""
video: {{burst_fps: 8, normal_fps: 4}}
detector: {{type: scenario, timeline: [{{at: 0, camera: clear}}, {{at: 1, camera: alert}}]}}
notifiers:
  - {{type: webhook, url: "{desk.url}", secret: {SECRET}, allow_networks: [127.0.0.0/8], on: [alert, acknowledged]}}
server: {{public_url: {PUBLIC}/}}
""")
        async with (
            running(cwd=tmp_path) as program,
            aiohttp.ClientSession(program.url, headers={"Host": "guard.example"}) as http,
            calling(program.url, {"participant_id": "Ada"}) as caller,
        ):
            (request,) = await desk.wait_for(1, 20)
            alert = request.json()["data"]
            assert alert["ack_url"].startswith(f"{PUBLIC}/ack/{alert['incident']['id']}?t=")
            link = alert["ack_url"].removeprefix(PUBLIC)
            # A mail scanner opens every link, some of them twice.
            for _ in range(2):
                status, page = await asked(http, link)
                assert status == 200
                assert "Ada" in page
                assert "Simulation" in page
                assert BUTTON in page
            # What a browser sends from a page that passes no referrer on.
            status, page = await asked(http, link, "POST", data={"name": "Bo  Li"}, headers={"Origin": "null"})
            assert status == 200
            assert "By Bo Li , " in words(page)
            live = await caller.until(lambda event: event["type"] == "acknowledged")
            assert (live["incident_id"], live["by"]) == (alert["incident"]["id"], "Bo Li")
            told = (await desk.wait_for(2, 20))[1].json()
            assert told["type"] == "incident.acknowledged"
            assert told["data"].get("ack_url") is None
            # Whoever comes second is told who was first.
            for method in ("POST", "GET"):
                status, page = await asked(http, link, method)
                assert status == 200
                assert "By Bo Li , " in words(page)
                assert BUTTON not in page
            assert link.rpartition("=")[2] not in program.log


async def test_looking_acknowledges_nothing(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    incident, link = await opened(runtime)
    assert (await asked(http, link))[0] == 200
    assert (await asked(http, link, "HEAD"))[0] in (404, 405)
    assert (await stored(runtime, incident)).acknowledged_at is None


async def test_nothing_of_the_page_is_kept_or_passed_on(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    _, link = await opened(runtime)
    async with http.get(link) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers.getall("Content-Security-Policy") == [policy]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert "noindex" in response.headers["X-Robots-Tag"]
        page = await response.text()
        assert not re.search(r"(src|href)=\"(?!data:,)", page)
        assert "<script" not in page


async def test_a_wrong_link_and_an_unknown_incident_look_the_same(
    served: tuple[Runtime, aiohttp.ClientSession],
) -> None:
    runtime, http = served
    incident, link = await opened(runtime)
    path, _, token = link.partition("?t=")
    never = make_notification()
    wrong = [
        path,
        f"{path}?t=",
        f"{path}?t={token[:-1]}",
        f"{path}?t={token}A",
        f"{path}?t=%ff%00é",
        f"{path}?t={'A' * 5000}",
        f"{path}x?t={token}",
        f"/ack/inc_unknown?t={token}",
        f"/ack/%00%ed%a0%80?t={token}",
        runtime.links.url(never).removeprefix(PUBLIC),  # a right token of an incident that is not there
        f"{path}?t={token[:-1]}&t={token[:-2]}",
    ]
    pages = {await asked(http, one, method) for one in wrong for method in ("GET", "POST")}
    ((status, page),) = pages
    assert status == 404
    assert "There is no such alert" in page
    assert (await stored(runtime, incident)).acknowledged_at is None


async def test_what_is_over_is_said_to_be_over(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    incident, link = await opened(runtime)
    over = replace(incident, resolved_at=incident.opened_at + 60, resolution=Resolution.CALL_ENDED, level=Level.CLEAR)
    await happened(runtime, make_notification(kind=NotificationKind.RESOLVED, incident=over))
    for method in ("GET", "POST"):
        status, page = await asked(http, link, method)
        assert status == 200
        assert "This alert is over Nothing is left to acknowledge: the call ended." in words(page)
        # Whether anybody watches the caller now is not known here.
        assert "Highest level ALERT" in words(page)
        assert "clear" not in words(page).lower()
        assert BUTTON not in page
    assert (await stored(runtime, incident)).acknowledged_at is None


async def test_who_has_the_link_may_say_what_was_found_out(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    incident, link = await opened(runtime, participant_id=HOSTILE)

    async def found_out() -> Labelled | None:
        return await runtime.store.read(lambda db: labels.of_incident(db, incident.id))

    status, page = await asked(http, link)
    assert "checked" not in page
    assert (status, await found_out()) == (200, None)
    for said, by, shown in (("false-positive", "Bo  Li", "false positive, says Bo Li"), ("confirmed", "", "somebody")):
        status, page = await asked(http, link, "POST", data={"label": said, "name": by})
        assert status == 200
        assert shown in words(page)
        assert f'value="{said}" required checked' in page
        told = await found_out()
        assert told is not None
        assert (told.label, told.by, told.call_id) == (said, " ".join(by.split()) or "somebody", incident.call_id)
    # It is no acknowledgement; and what it cannot be is left alone.
    for said in ("missed", "", "x" * 1000, "\x00"):
        status, page = await asked(http, link, "POST", data={"label": said, "name": "Eve"})
        assert (status, BUTTON in page) == (200, True)
    assert (await found_out()) == told
    assert (await stored(runtime, incident)).acknowledged_at is None
    assert (await asked(http, link[:-1], "POST", data={"label": "confirmed"}))[0] == 404
    # Also when it is over.
    over = replace(incident, resolved_at=incident.opened_at + 60, resolution=Resolution.CLEARED, level=Level.CLEAR)
    await happened(runtime, make_notification(kind=NotificationKind.RESOLVED, incident=over))
    status, page = await asked(http, link, "POST", data={"label": "false-positive", "name": HOSTILE[:2000]})
    assert "This alert is over" in words(page)
    assert "<script" not in page
    told = await found_out()
    assert told is not None
    assert (told.label, len(told.by) <= 80) == ("false-positive", True)


async def test_names_from_outside_stay_text_and_short(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    incident, link = await opened(runtime, participant_id=HOSTILE)
    for page in ((await asked(http, link))[1], (await asked(http, link, "POST", data={"name": HOSTILE[:3000]}))[1]):
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp;" in page
        assert "‮" not in page
        assert "W" * 300 not in page
    assert len((await stored(runtime, incident)).acknowledged_by) <= 80


@pytest.mark.parametrize(
    ("body", "by"),
    [
        (b"", "somebody"),
        (b"name=", "somebody"),
        (b"name=%F0%9F%90%B1+%C3%84", "\N{CAT FACE} Ä"),
        (b"name=%ff%00%0a", "�"),
        (b"other=1&name=Ann", "Ann"),
        (b"&".join([b"name=x"] * 100), "somebody"),
        ("name=\u00e4".encode("latin-1"), "�"),
        (b'{"name": "Ann"}', "somebody"),
    ],
)
async def test_a_name_may_be_anything(served: tuple[Runtime, aiohttp.ClientSession], body: bytes, by: str) -> None:
    runtime, http = served
    incident, link = await opened(runtime)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await asked(http, link, "POST", data=body, headers=headers))[0] == 200
    assert (await stored(runtime, incident)).acknowledged_by == by


async def test_a_form_is_bounded_whatever_its_head_says(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    incident, link = await opened(runtime)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"name=" + b"x" * 1000

    assert (await asked(http, link, "POST", data=b"x" * 5000))[0] == 413
    assert (await asked(http, link, "POST", data=b"x" * 300_000))[0] == 413
    # The answer may be lost when the server hangs up on what is still being sent.
    with contextlib.suppress(aiohttp.ClientConnectionError):
        assert (await asked(http, link, "POST", data=endless()))[0] == 413
    assert (await stored(runtime, incident)).acknowledged_at is None


async def test_only_the_pages_answer_to_the_public_name(served: tuple[Runtime, aiohttp.ClientSession]) -> None:
    runtime, http = served
    _, link = await opened(runtime)
    for host, status in {
        "guard.example": 200,
        "GUARD.example:8443": 200,
        "localhost:1": 200,
        "127.0.0.1": 200,
        "evil.example": 421,
        "guard.example.evil.example": 421,
        "guard.example.": 421,
        "": 400,
    }.items():
        assert (await asked(http, link, headers={"Host": host}))[0] in (status, 421 if not host else status), host
    for path in ("/", "/readyz", "/api/info", "/ack", "/acknowledge", "/start"):
        assert (await asked(http, path, headers={"Host": "guard.example"}))[0] == 421, path
    # Elsewhere the origin counts as before.
    for origin in ("null", "https://guard.example", "https://evil.example"):
        assert (await asked(http, "/start", "POST", json={}, headers={"Origin": origin}))[0] == 403, origin


async def test_while_the_store_is_away_the_page_says_so(
    served: tuple[Runtime, aiohttp.ClientSession], tmp_path: Path
) -> None:
    runtime, http = served
    incident, link = await opened(runtime)
    (tmp_path / "deepguard.db").rename(tmp_path / "away.db")
    for method in ("GET", "POST"):
        status, page = await asked(http, link, method)
        assert status == 503
        assert "Nothing was changed" in page
        assert str(tmp_path) not in page
    assert (await asked(http, link[:-1]))[0] == 404
    (tmp_path / "away.db").rename(tmp_path / "deepguard.db")
    assert (await asked(http, link, "POST"))[0] == 200
    assert (await stored(runtime, incident)).acknowledged_by == "somebody"


async def test_without_an_address_there_are_no_links_and_no_pages(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, "detector: {type: embedded}\n") as (runtime, url),
        aiohttp.ClientSession(url) as http,
    ):
        told = make_notification()
        await happened(runtime, told)
        assert runtime.links.url(told) == ""
        assert not runtime.links.is_right("inc_1", "")
        assert (await asked(http, "/ack/inc_1?t="))[0] == 404
        assert (await asked(http, "/ack/inc_1", headers={"Host": "guard.example"}))[0] == 421


@pytest.mark.browser
async def test_a_browser_acknowledges_by_keyboard(tmp_path: Path) -> None:
    async with serving(tmp_path, CONFIG) as (runtime, url):
        incident, link = await opened(runtime, participant_id="Ada")
        async with page_of(url + link) as page:
            await page.get_by_label("Your name").first.focus()
            await page.keyboard.type("Bo")
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name="This alert is acknowledged").wait_for()
            assert await page.get_by_text("By Bo").is_visible()
            await page.get_by_label("It was a false alarm").check()
            await page.keyboard.press("Enter")
            await page.get_by_text("false positive, says somebody").wait_for()
        assert (await stored(runtime, incident)).acknowledged_by == "Bo"
