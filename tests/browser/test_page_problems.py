"""What stands in the way of a call, as the page tells it: devices, addresses, servers that refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.playground import HERE, INFO, Served


def deny(page: Page, error: str, *, only: str | None = None) -> None:
    """Let the browser refuse devices: all of them, or whenever `only` ("video", "audio") is asked for."""
    page.add_init_script(
        f"""navigator.mediaDevices.getUserMedia = (wanted) => {{
            (globalThis.asked ??= []).push(Object.keys(wanted).sort().join("+"));
            if ({json.dumps(only)} && !wanted[{json.dumps(only)}]) return new Promise(() => {{}});
            return Promise.reject(new DOMException("", "{error}"));
        }};"""
    )


@pytest.mark.browser
@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "site settings"),
        ("NotFoundError", "Connect the device"),
        ("NotReadableError", "Close other programs"),
        ("TypeError", "Reload the page"),
    ],
)
def test_a_refused_camera_says_what_to_do(page: Page, served: Served, error: str, words: str) -> None:
    deny(page, error)
    page.goto(HERE)
    page.get_by_test_id("start").click()
    problem = page.get_by_test_id("error")
    problem.wait_for()
    assert words in problem.inner_text()
    assert page.get_by_test_id("retry").is_visible()
    assert "/start" not in served.asked


@pytest.mark.browser
def test_one_device_alone_can_be_chosen(page: Page) -> None:
    deny(page, "NotReadableError", only="video")
    page.goto(HERE)
    page.get_by_test_id("start").click()
    page.get_by_test_id("only-microphone").click()
    page.get_by_text("Waiting for permission to use the microphone").wait_for()
    assert page.evaluate("asked") == ["audio+video", "audio"]


@pytest.mark.browser
def test_an_unencrypted_address_is_explained(page: Page, served: Served) -> None:
    page.goto("http://guard.example:7860/")
    page.get_by_test_id("start").click()
    problem = page.get_by_test_id("error")
    problem.wait_for()
    assert "http://localhost:7860" in problem.inner_text()
    assert "https" in problem.inner_text()
    assert "/start" not in served.asked


OPEN_DEVICES = """navigator.mediaDevices.getUserMedia = async () => {
    const stream = document.createElement("canvas").captureStream();
    globalThis.devices = [...(globalThis.devices ?? []), ...stream.getTracks()];
    return stream;
};"""


@pytest.mark.browser
@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "takes no further call"), (409, "already taken"), (403, "trust"), (500, "could not start")],
)
def test_a_server_that_refuses_is_explained_and_the_camera_is_let_go(
    page: Page, served: Served, status: int, words: str
) -> None:
    served.answers["/start"] = (status, {"detail": "Because <b>so</b>."})
    page.add_init_script(OPEN_DEVICES)
    page.goto(HERE)
    page.get_by_test_id("start").click()
    problem = page.get_by_test_id("error")
    problem.wait_for()
    assert words in problem.inner_text()
    assert "Because <b>so</b>." in problem.inner_text()
    assert page.evaluate("devices.map((track) => track.readyState)") == ["ended"]
    served.answers["/start"] = (200, {"sessionId": "s"})
    served.answers["/sessions/s/api/offer"] = (404, {"detail": "There is no such call."})
    page.get_by_test_id("retry").click()
    page.get_by_text("There is no such call.").wait_for()
    assert page.evaluate("devices.map((track) => track.readyState)") == ["ended", "ended"]


@pytest.mark.browser
def test_a_server_that_is_gone_is_explained(page: Page, served: Served) -> None:
    served.answers["/api/info"] = (502, None)
    page.goto(HERE)
    page.get_by_test_id("retry").wait_for()
    served.answers["/api/info"] = (200, INFO)
    page.get_by_test_id("retry").click()
    page.get_by_test_id("start").wait_for()
    assert page.get_by_test_id("error").is_hidden()
    assert page.get_by_test_id("detector-banner").is_hidden()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("detector", "promises"),
    [({}, True), ({"simulated": True}, False), ({"assesses_deepfakes": False}, False)],
)
def test_only_a_detector_that_assesses_deepfakes_is_said_to_check_who_is_genuine(
    page: Page, served: Served, detector: dict[str, Any], promises: bool
) -> None:
    served.answers["/api/info"] = (200, INFO | {"detector": INFO["detector"] | detector})
    page.goto(HERE)
    expect(page.get_by_test_id("start")).to_be_enabled()
    assert ("genuine" in page.inner_text("#start")) is promises


@pytest.mark.browser
@pytest.mark.parametrize(
    ("detector", "words"),
    [
        ({"simulated": True, "advisory": "Scripted."}, "Scripted."),
        ({"assesses_deepfakes": False, "advisory": ""}, "Deepfake: not assessed."),
    ],
)
def test_the_banner_says_what_the_detector_is_not(
    page: Page, served: Served, detector: dict[str, Any], words: str
) -> None:
    served.answers["/api/info"] = (200, INFO | {"detector": INFO["detector"] | detector})
    page.goto(HERE)
    banner = page.get_by_test_id("detector-banner")
    banner.wait_for()
    assert words in banner.inner_text()


@pytest.mark.browser
def test_a_keyboard_alone_starts_a_call(page: Page) -> None:
    deny(page, "NotAllowedError")
    page.goto(HERE)
    page.get_by_test_id("start").wait_for()
    expect(page.get_by_test_id("start")).to_be_enabled()
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.testid") == "start":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.get_by_test_id("error").wait_for()
