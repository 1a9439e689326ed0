"""Policies on the page, fed by hand: when they are shown, and that nobody is called clear whom nobody watches."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from support.playground import BLIND, HERE, WATCHED, coverage, notification, state, track

BUILT_IN = {"origin": "built in", "failed": False, "reason": ""}


def shadow(**more: Any) -> dict[str, Any]:
    told = {"name": "eager", "origin": "built in", "failed": False, "reason": "", "opened": 0, "participants": []}
    return told | more


def told(*, covered: bool = True, **more: Any) -> dict[str, Any]:
    camera = track("camera", coverage=WATCHED if covered else BLIND)
    return state(100, [], [camera], policy=BUILT_IN, shadows=[]) | more


@pytest.fixture
def seen(page: Page) -> Any:
    """Shows events in the panel, the banner and the tracks; gives what is to be seen of them."""
    page.goto(HERE)

    def show(events: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return page.evaluate(
            """async ([events, more]) => {
                const { NOTHING, advance } = await import("./js/state.js");
                const { IDLE } = await import("./js/store.js");
                const { mountPolicies, mountPolicyFailure } = await import("./js/views/policies.js");
                const { mountParticipants } = await import("./js/views/participants.js");
                const [panel, banner, tracks] = ["p", "b", "t"].map(() => document.createElement("div"));
                document.body.append(panel, banner, tracks);
                const views = [mountPolicies(panel), mountPolicyFailure(banner), mountParticipants(tracks)];
                let guard = NOTHING;
                for (const event of events) {
                    guard = advance(guard, event, event.at + 0.1);
                    const known = { ...IDLE, phase: "call", link: "connected", stream: "open", guard, ...more };
                    for (const view of views) view(known);
                }
                const rows = [...panel.querySelectorAll("tbody tr")].map((row) => ({
                    text: row.innerText,
                    levels: [...row.querySelectorAll(".policy-levels .chip")].map((chip) => chip.innerText),
                }));
                const shown = (node) => (node.hidden ? "" : node.innerText);
                return { panel: !panel.hidden, rows, banner: shown(banner), tracks: tracks.innerText,
                    images: document.querySelectorAll("[data-testid] img[src=x], tbody img").length };
            }""",
            [events, more],
        )

    return show


@pytest.mark.browser
def test_the_built_in_policy_alone_needs_no_panel(seen: Any) -> None:
    assert not seen([told()])["panel"]
    assert not seen([state(100, [], [track("camera")])])["panel"]
    named = seen([told(policy=BUILT_IN | {"origin": "Mine of mine.py:3"})])
    assert named["panel"]
    assert "Mine of mine.py:3" in named["rows"][0]["text"]
    assert named["banner"] == ""


@pytest.mark.browser
@pytest.mark.parametrize("covered", [True, False])
def test_no_shadow_calls_somebody_clear_whom_nobody_watches(seen: Any, covered: bool) -> None:
    known = shadow(name="known", participants=[{"id": "p", "level": "clear", "is_open": False}])
    shown = seen([told(covered=covered, shadows=[shadow(), known])])
    for row in shown["rows"]:
        assert row["levels"] == ["Clear" if covered else "Not watched"]
    lost = seen([told(shadows=[shadow()])], stream="lost")
    assert [row["levels"] for row in lost["rows"]] == [["Not watched"], ["Not watched"]]
    blind = seen([told(shadows=[shadow()]), coverage(101, BLIND)])
    assert [row["levels"] for row in blind["rows"]] == [["Not watched"], ["Not watched"]]


@pytest.mark.browser
def test_what_a_shadow_would_have_opened_stands_beside_what_was_opened(seen: Any) -> None:
    ahead = shadow(opened=2, participants=[{"id": "p", "level": "alert", "is_open": True}])
    opened = notification(101, "a")
    # An event that is told again, after a break, is the same incident.
    shown = seen([told(shadows=[shadow()]), opened, opened, {"type": "shadow", "at": 102, "shadow": ahead}])
    live, eager = shown["rows"]
    assert "1 opened" in live["text"]
    assert "1 open now" in live["text"]
    assert "Would have opened 2" in eager["text"]
    assert "1 would be open now" in eager["text"]
    assert eager["levels"] == ["Alert"]


@pytest.mark.browser
def test_a_shadow_that_ended_says_why_and_claims_no_level(seen: Any) -> None:
    ended = shadow(failed=True, reason="Mine of mine.py:3: ValueError: <img src=x>", opened=1)
    shown = seen([told(shadows=[shadow()]), {"type": "shadow", "at": 101, "shadow": ended}])
    row = shown["rows"][1]
    assert "Ended: Mine of mine.py:3: ValueError: <img src=x>" in row["text"]
    assert "1 alert until then" in row["text"]
    assert "Clear" not in row["text"]
    assert shown["images"] == 0


@pytest.mark.browser
def test_a_policy_that_failed_is_told_until_the_call_is_over(seen: Any) -> None:
    failed = {"origin": "Mine of mine.py:3", "failed": True, "reason": "Mine of mine.py:3: ValueError: no"}
    events = [told(), {"type": "policy", "at": 101, "policy": failed}]
    shown = seen(events)
    assert "failed" in shown["banner"]
    assert "ValueError: no" in shown["banner"]
    assert "Built in, in the place of Mine of mine.py:3" in shown["rows"][0]["text"]
    assert seen(events, phase="ended")["banner"] == ""


@pytest.mark.browser
def test_detectors_that_disagree_are_told_at_their_track(seen: Any) -> None:
    def differ(text: str, at: float = 101) -> dict[str, Any]:
        return {"type": "disagreement", "at": at, "participant": "p", "source": "camera", "text": text}

    words = "first: alert, second: clear"
    assert words in seen([told(), differ(words)])["tracks"]
    assert words in seen([state(100, [], [track("camera", disagreement=words)])])["tracks"]
    assert words not in seen([told(), differ(words), differ("", 102)])["tracks"]
    # What was said of a track that is not watched any more may call it clear.
    assert words not in seen([told(), differ(words), coverage(102, BLIND)])["tracks"]
