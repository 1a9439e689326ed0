"""The page in a real call with a shadow, a policy that fails, and detectors that disagree; its alerts are labelled."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from deepguard.model import Label, Labelled
from deepguard.runtime import Runtime
from deepguard.store import incidents, labels
from support.browser import page_of
from support.serving import serving

pytestmark = pytest.mark.browser

SECONDS = 30_000
CONFIG = """
video: {burst_fps: 5, normal_fps: 2}
detector:
  - type: scenario
    name: first
    timeline: [{at: 0, all: clear}, {at: 2, camera: alert}]
  - type: scenario
    name: second
    timeline: [{at: 0, all: clear}]
policy:
  plugin: ./failing.py
  thresholds: {alert_after: 2}
  shadow:
    - {name: eager, thresholds: {alert_after: 1}}
    - {name: broken, plugin: ./failing.py}
"""
FAILING = """from deepguard import hookimpl


class Failing:
    def initial(self):
        return None

    def advance(self, state, verdict, now):
        raise ValueError("it does not know what to do")


@hookimpl
def deepguard_policy(call, thresholds):
    return Failing()
"""


async def stored(runtime: Runtime) -> Labelled | None:
    (found,) = await runtime.store.read(incidents.find)
    return await runtime.store.read(lambda db: labels.of_incident(db, found.incident.id))


async def press(page: Page, label: Label) -> None:
    await page.get_by_test_id(f"label-{label}").click()
    await expect(page.get_by_test_id(f"label-{label}")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_test_id("labels")).to_contain_text("Saved.")


async def test_policies_are_shown_and_an_alert_is_labelled_during_and_after_the_call(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    async with serving(tmp_path, CONFIG) as (runtime, url), page_of(url) as page:
        expect.set_options(timeout=SECONDS)
        await page.get_by_test_id("start").click()
        failure = page.get_by_test_id("policy-failure")
        await expect(failure).to_contain_text("The built-in one decides until the call ends")
        await expect(failure).to_contain_text("ValueError: it does not know what to do")
        await expect(page.get_by_test_id("policy-live")).to_contain_text("failing.py")
        await expect(page.get_by_test_id("track-camera")).to_contain_text("first: alert, second: clear")
        eager, broken = (page.get_by_test_id("policy-shadow").filter(has_text=name) for name in ("eager", "Ended"))
        await expect(eager).to_contain_text("Would have opened 1")
        await expect(eager.locator(".chip")).to_have_text("Alert")
        await expect(broken).to_contain_text("ValueError: it does not know what to do")
        await expect(page.get_by_test_id("policy-live")).to_contain_text("1 opened")

        group = page.get_by_role("group", name="Was this alert right?")
        await expect(group.get_by_role("button", name="False positive")).to_have_attribute("aria-pressed", "false")
        await press(page, Label.FALSE_POSITIVE)
        labelled = await stored(runtime)
        assert labelled
        assert (labelled.label, labelled.by) == (Label.FALSE_POSITIVE, "page")

        await page.get_by_test_id("end").click()
        await expect(page.get_by_test_id("ended")).to_be_visible()
        assert await failure.is_hidden()
        await page.get_by_test_id("label-confirmed").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("label-confirmed")).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_test_id("label-false-positive")).to_have_attribute("aria-pressed", "false")
        changed = await stored(runtime)
        assert changed
        assert changed.label is Label.CONFIRMED


async def test_a_label_that_was_not_saved_says_so(tmp_path: Path) -> None:
    config = "detector: {type: scenario, timeline: [{at: 0, camera: alert}]}\n"
    async with serving(tmp_path, config) as (runtime, url), page_of(url, server_ends=True) as page:
        expect.set_options(timeout=SECONDS)
        await page.get_by_test_id("start").click()
        await expect(page.get_by_test_id("labels")).to_be_visible()
        await page.context.set_offline(True)
        await page.get_by_test_id("label-confirmed").click()
        await expect(page.get_by_test_id("labels")).to_contain_text("The server does not answer.")
        await expect(page.get_by_test_id("label-confirmed")).to_have_attribute("aria-pressed", "false")
        await page.context.set_offline(False)
        await press(page, Label.CONFIRMED)
        assert await stored(runtime)
