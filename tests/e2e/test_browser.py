"""The real page in a real browser against `deepguard run`."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import expect

from deepguard.testing import Answer, ScriptedEndpoint
from support.browser import page_of
from support.program import running
from support.webhook import SECRET

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)

SCENARIO = """
video: {burst_fps: 5, normal_fps: 2}
audio: {interval: 2, burst_interval: 2}
detector:
  type: scenario
  timeline:
    - {at: 0, all: clear}
    - {at: 3, camera: suspicious}
    - {at: 5, camera: alert, message: "the mouth does not follow the words"}
    - {at: 9, camera: clear}
notifiers:
  - {type: log, path: alerts.jsonl}
"""


async def test_the_page_shows_a_call_from_clear_to_alert_and_back(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO)
    async with running(cwd=tmp_path) as program, page_of(program.url) as page:
        await expect(page.get_by_test_id("detector-banner")).to_contain_text("simulation", ignore_case=True)
        await page.get_by_test_id("start").click()
        level = page.get_by_test_id("participant-level")
        await expect(level).to_have_attribute("data-level", "clear")
        await expect(page.get_by_test_id("track-camera")).to_have_attribute("data-covered", "true")
        await expect(level).to_have_attribute("data-level", "suspicious")
        await expect(level).to_have_attribute("data-level", "alert")
        await expect(page.get_by_test_id("track-camera")).to_contain_text("the mouth does not follow the words")
        await expect(page.get_by_test_id("notifications")).to_contain_text("may be a deepfake")
        await expect(level).to_have_attribute("data-level", "clear")
        await expect(page.get_by_test_id("notifications")).to_contain_text("no longer suspected")
        # The voice was heard, cut, and judged too.
        await expect(page.get_by_test_id("track-microphone")).to_have_attribute("data-covered", "true")

        rate = page.get_by_test_id("sampling-normal-fps")
        await rate.fill("1")
        await rate.press("Tab")
        await expect(page.get_by_test_id("sampling-status")).to_contain_text("saved", ignore_case=True)
        await rate.fill("99")
        await rate.press("Tab")
        await expect(page.get_by_test_id("sampling-status")).not_to_contain_text("saved", ignore_case=True)

        await page.get_by_test_id("end").click()
        await expect(page.get_by_test_id("ended")).to_be_visible()
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert kinds[0] == "incident.opened"
    assert kinds.count("incident.opened") == kinds.count("incident.resolved") == 1


# One after the other, so that the page shows each one's check for a while.
SEVERAL = """
video: {burst_fps: 5, normal_fps: 2}
detector:
  - type: scenario
    timeline:
      - {at: 0, all: clear, message: "as it should be"}
      - {at: 5, all: silence}
  - type: scenario
    name: second
    timeline:
      - {at: 0, all: silence}
      - {at: 5, camera: alert, message: "the face is swapped"}
notifiers:
  - {type: log, path: alerts.jsonl}
"""


async def test_the_page_names_each_of_several_detectors(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SEVERAL)
    async with running(cwd=tmp_path) as program, page_of(program.url) as page:
        async with aiohttp.ClientSession(program.url) as http, http.get("/readyz") as response:
            assert (await response.json())["detector"] == "scenario + second"
        ready = next(line for line in program.lines if line.get("message") == "deepguard is ready")
        assert (ready["detector"], ready["simulated"]) == ("scenario + second", True)
        await page.get_by_test_id("start").click()
        camera = page.get_by_test_id("track-camera")
        await expect(page.locator("header")).to_contain_text("Scenario (simulation) + second")
        for name, message in {"scenario": "as it should be", "second": "the face is swapped"}.items():
            await expect(camera).to_contain_text(f"Last check by {name}:")
            await expect(camera).to_contain_text(message)
            await expect(camera).to_have_attribute("data-covered", "true")
        await expect(page.get_by_test_id("notifications")).to_contain_text("may be a deepfake")
        await page.get_by_test_id("end").click()
        await expect(page.get_by_test_id("ended")).to_be_visible()
    told = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    opened = next(each for each in told if each["kind"] == "incident.opened")
    assert (opened["detector"], opened["simulated"]) == ("scenario + second", True)


async def test_the_page_says_what_could_not_be_delivered_and_why_alerts_wait(tmp_path: Path) -> None:
    async with ScriptedEndpoint(Answer(400)) as desk:
        (tmp_path / "deepguard.yaml").write_text(
            SCENARIO.replace("at: 9,", "at: 900,")
            + f"  - {{type: webhook, name: desk, url: '{desk.url}', secret: {SECRET}, allow_networks: [127.0.0.0/8]}}\n"
            + "server: {public_url: 'https://guard.example'}\n"
        )
        async with running(cwd=tmp_path) as program, page_of(program.url) as page:
            alerts = page.get_by_test_id("alerts-banner")
            await expect(alerts).to_be_hidden()
            await page.get_by_test_id("start").click()
            await expect(page.get_by_test_id("notifications")).to_contain_text("desk: could not be delivered")
            await expect(alerts).to_contain_text("1 notification could not be delivered: desk (1).")
            link = urlsplit((await desk.wait_for(1))[0].json()["data"]["ack_url"])
            acknowledging = f"{link.path}?{link.query}"
            async with (
                aiohttp.ClientSession(program.url) as http,
                http.post(acknowledging, data={"name": "Bo"}) as answer,
            ):
                assert answer.status == 200
            await expect(page.get_by_test_id("participant-level")).to_contain_text("acknowledged by Bo")
            await expect(page.get_by_test_id("transitions")).to_contain_text("By Bo.")

            (tmp_path / "deepguard.db").rename(tmp_path / "away.db")
            await expect(alerts).to_contain_text("Alerts wait in memory")
            (tmp_path / "away.db").rename(tmp_path / "deepguard.db")
            await expect(alerts).not_to_contain_text("Alerts wait in memory")
            await page.get_by_test_id("end").click()
            await expect(page.get_by_test_id("ended")).to_be_visible()
            # Also when the call is over.
            await expect(alerts).to_contain_text("could not be delivered")


async def test_with_the_embedded_detector_the_page_never_says_clear(tmp_path: Path) -> None:
    async with running(cwd=tmp_path) as program, page_of(program.url) as page:
        await expect(page.get_by_test_id("detector-banner")).to_contain_text("not assessed")
        await page.get_by_test_id("start").click()
        camera = page.get_by_test_id("track-camera")
        await expect(camera).to_have_attribute("data-covered", "false")
        await expect(camera).to_contain_text("sharp", ignore_case=True)
        await expect(page.get_by_test_id("participant-level")).to_contain_text("Not watched", ignore_case=True)
        assert "clear" not in (await page.get_by_test_id("participant-level").inner_text()).lower()


async def test_turning_the_camera_off_shows_as_not_watched_at_once(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(
        SCENARIO.replace("at: 3,", "at: 300,").replace("at: 5,", "at: 400,").replace("at: 9,", "at: 500,")
    )
    async with running(cwd=tmp_path) as program, page_of(program.url) as page:
        await page.get_by_test_id("start").click()
        camera = page.get_by_test_id("track-camera")
        await expect(camera).to_have_attribute("data-covered", "true")
        await page.get_by_test_id("mute-camera").click()
        await expect(camera).to_have_attribute("data-covered", "false")
        await page.get_by_test_id("mute-camera").click()
        await expect(camera).to_have_attribute("data-covered", "true")


async def test_without_permission_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with running(cwd=tmp_path) as program, page_of(program.url, allow=False) as page:
        await page.get_by_test_id("start").click()
        await expect(page.get_by_test_id("error")).to_contain_text("allow", ignore_case=True)


async def test_when_the_server_goes_away_the_page_says_so(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(SCENARIO)
    async with running(cwd=tmp_path) as program, page_of(program.url, server_ends=True) as page:
        await page.get_by_test_id("start").click()
        await expect(page.get_by_test_id("participant-level")).to_have_attribute("data-level", "clear")
        assert await program.stop() == 0
        await expect(page.get_by_test_id("ended")).to_contain_text("server", ignore_case=True)
