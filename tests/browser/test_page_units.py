"""The playground's modules in a real browser, fed by hand: what the page claims and keeps.

The page on a real server, in a real call, is tried elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from deepguard.model import DeliveryStatus
from deepguard.server.app import PLAYGROUND
from support.playground import (
    ALL_WELL,
    BLIND,
    HERE,
    WATCHED,
    Served,
    coverage,
    delivery,
    level,
    notification,
    state,
    track,
    verdict,
)


def test_loads_nothing_from_elsewhere() -> None:
    for file in PLAYGROUND.rglob("*"):
        if file.is_file():
            text = file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
            text = text.replace('"http://www.w3.org/2000/svg"', "")
            assert not re.search(r"(?:src|href|import|from|url)\s*[=(]?\s*[\"']?(?:https?:)?//", text), file
    markup = (PLAYGROUND / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", markup)


@pytest.fixture
def modules(page: Page) -> Page:
    """The page with its modules at hand as globals."""
    page.goto(HERE)
    page.evaluate(
        """async () => {
            const names = ["state", "watch", "words", "signals", "store", "views/timeline-layout", "views/transitions",
                "views/notifications", "views/participants", "views/timeline", "views/sampling", "views/messages",
                "views/alerts", "announce"];
            for (const name of names) Object.assign(globalThis, await import(`./js/${name}.js`));
            globalThis.play = (events, from = NOTHING) =>
                events.reduce((state, event) => advance(state, event, event.at + 0.1), from);
        }"""
    )
    return page


SOURCES = st.sampled_from(["camera", "microphone"])
LEVELS = st.sampled_from(["clear", "suspicious", "alert"])
EVENTS = st.one_of(
    st.builds(verdict, st.just(0), SOURCES, st.sampled_from(["clear", "suspicious", "alert", "error", "unknown"])),
    st.builds(coverage, st.just(0), st.sampled_from([WATCHED, BLIND]), SOURCES),
    st.builds(level, st.just(0), LEVELS, LEVELS, st.one_of(st.none(), SOURCES)),
)


@pytest.mark.browser
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(EVENTS, max_size=40),
    link=st.sampled_from(["connecting", "connected", "interrupted", "lost"]),
    stream=st.sampled_from(["open", "lost"]),
)
def test_only_a_watched_track_is_ever_called_clear(
    modules: Page, events: list[dict[str, Any]], link: str, stream: str
) -> None:
    told = [{**event, "at": 1000 + index} for index, event in enumerate(events)]
    shown = modules.evaluate(
        """([events, link, stream]) => {
            const root = document.createElement("div");
            mountParticipants(root)({ ...IDLE, phase: "call", link, stream, guard: play(events) });
            const read = (node, name) =>
                ({ covered: node.dataset.covered, text: node.querySelector(name).textContent });
            return {
                tracks: [...root.querySelectorAll(".track")].map((node) =>
                    ({ source: node.dataset.testid.slice(6), ...read(node, ".chip") })),
                callers: [...root.querySelectorAll(".level")].map((node) => read(node, ".level-name")),
            };
        }""",
        [told, link, stream],
    )
    fresh = link == "connected" and stream == "open"
    covered = {event["source"]: fresh and event["coverage"]["covered"] for event in told if event["type"] == "coverage"}
    for one in shown["tracks"]:
        watched = covered.get(one["source"], False)
        assert one["covered"] == str(watched).lower()
        assert (one["text"] == "Not watched") is not watched
    for caller in shown["callers"]:
        of_all = [covered.get(one["source"], False) for one in shown["tracks"]]
        expected = "true" if of_all and all(of_all) else "partial" if any(of_all) else "false"
        assert caller["covered"] == expected
        assert (caller["text"] == "Not watched") is (expected == "false")


@pytest.mark.browser
def test_a_long_call_does_not_grow_the_page(modules: Page) -> None:
    sizes = modules.evaluate(
        """() => {
            const mounts = { transitions: mountTransitions, notifications: mountNotifications,
                participants: mountParticipants, timeline: mountTimeline, messages: mountMessages };
            const roots = Object.fromEntries(Object.keys(mounts).map((name) => [name, document.createElement("div")]));
            document.body.append(...Object.values(roots));
            const views = Object.entries(mounts).map(([name, mount]) => mount(roots[name]));
            let guard = NOTHING;
            const sizes = [];
            for (let at = 0; at < 6000; at += 1) {
                const time = 1000 + at / 20;
                const event = { at: time, participant: "p", source: "camera" };
                const told = [
                    { ...event, type: "verdict", judgement: "clear", score: 1, signals: { [`s${at % 7}`]: 1 } },
                    { ...event, type: "level", before: "clear", after: at % 2 ? "clear" : "alert", cause: "" },
                    { ...event, type: "coverage", coverage: { covered: at % 2 === 1, reason: null, text: "" } },
                    { ...event, type: "notification", id: `n${at}`, kind: "coverage.lost", title: "", detail: "" },
                    { ...event, type: "delivery", notification_id: `n${at}`, notifier: "log", status: "pending",
                        attempts: at, seconds: 1, detail: "" },
                ];
                guard = told.reduce((state, one) => advance(state, one, time), guard);
                if (at % 1500 === 1499) {
                    for (const view of views) view({ ...IDLE, phase: "ended", guard });
                    views[2]({ ...IDLE, phase: "call", link: "connected", stream: "open", guard });
                    sizes.push({ elements: document.querySelectorAll("*").length, state: JSON.stringify(
                        guard, (_, value) => (value instanceof Map ? [...value] : value)).length });
                }
            }
            return sizes;
        }"""
    )
    assert sizes[-1]["elements"] <= sizes[0]["elements"] + 20
    assert sizes[-1]["state"] <= sizes[0]["state"] * 1.2
    assert sizes[-1]["elements"] < 6000


@pytest.mark.browser
def test_a_new_state_repeats_nothing_and_forgets_nothing(modules: Page) -> None:
    early = [
        coverage(100, WATCHED),
        verdict(101),
        level(102, "clear", "alert"),
        level(102, "clear", "alert", None),
        notification(103, "a"),
    ]
    late = [level(120, "alert", "clear"), level(120, "alert", "clear", None), notification(121, "b"), verdict(122)]
    now = state(130, [*early[2:], *late], [track("camera", coverage=BLIND), track("screen", level="suspicious")])
    told = modules.evaluate(
        """([first, again]) => {
            const { transitions, notifications, participants } = play([again], play(first));
            const { level, tracks } = participants.get("p");
            const camera = tracks.get("camera");
            return { transitions: transitions.map(({ at, kind }) => [at, kind]), level,
                notifications: notifications.map(({ id }) => id), dots: camera.dots.map(({ at }) => at),
                levels: camera.levels.map(({ at, level }) => [at, level]), covered: camera.coverage.covered,
                since: camera.coverages.at(-1).at, screen: tracks.get("screen").level };
        }""",
        [early, now],
    )
    assert told == {
        "transitions": [[100, "coverage"], [102, "level"], [102, "level"], [120, "level"], [120, "level"]],
        "level": "clear",
        "notifications": ["a", "b"],
        "dots": [101, 122],
        "levels": [[100, "clear"], [102, "alert"], [120, "clear"]],
        "covered": False,
        "since": 102,
        "screen": "suspicious",
    }


@pytest.mark.browser
def test_each_notifier_s_last_attempt_is_shown_in_words(modules: Page) -> None:
    events = [
        notification(100, "a"),
        delivery(101, "a", status="pending", notifier="desk", attempts=1, detail="answered 503"),
        delivery(101, "a", notifier="log"),
        delivery(103, "a", status="pending", notifier="desk", attempts=2, detail="answered 503"),
        delivery(103, "a", status="dead", notifier="mail", attempts=3, detail="refused"),
        delivery(104, "a", notifier="desk", attempts=3),
        delivery(104, "unknown"),
    ]
    shown = modules.evaluate(
        """(events) => {
            const root = document.createElement("div");
            const update = mountNotifications(root);
            const read = () => [...root.querySelectorAll(".deliveries li")].map((node) =>
                [node.dataset.status, node.textContent, node.querySelector("[data-icon]").dataset.icon]);
            return [4, events.length].map((count) => {
                update({ ...IDLE, guard: play(events.slice(0, count)) });
                return read();
            });
        }""",
        events,
    )
    assert shown == [
        [
            ["pending", "desk: not delivered yet, 2 attempts (answered 503)", "waiting"],
            ["delivered", "log: delivered", "delivered"],
        ],
        [
            ["delivered", "desk: delivered, 3 attempts", "delivered"],
            ["delivered", "log: delivered", "delivered"],
            ["dead", "mail: could not be delivered, 3 attempts (refused)", "failed"],
        ],
    ]
    words = modules.evaluate("(names) => names.map(deliveryName)", [one.value for one in DeliveryStatus])
    assert not [word for word, one in zip(words, DeliveryStatus, strict=True) if word == one.value.capitalize()]


@pytest.mark.browser
def test_who_took_an_alert_over_is_shown_until_it_is_over(modules: Page) -> None:
    taken = {"type": "acknowledged", "at": 110, "incident_id": "i", "by": "Bo"}
    events = [
        coverage(100, WATCHED),
        level(101, "clear", "alert", None),
        notification(101, "a"),
        taken,
        notification(112, "b", kind="incident.updated"),
        taken | {"at": 113, "incident_id": "another call's"},
    ]
    over = notification(120, "c", kind="incident.resolved")
    again = notification(130, "d", incident_id="j")
    told = {"id": "p", "level": "alert", "incident_id": "i", "acknowledged": {"at": 110, "by": "Bo"}}
    shown = modules.evaluate(
        """([events, over, again, late]) => {
            const tags = (guard) => {
                const root = document.createElement("div");
                mountParticipants(root)({ ...IDLE, phase: "call", link: "connected", stream: "open", guard });
                const tags = root.querySelector(".tags").textContent.split(" · ");
                return tags.filter((tag) => tag.startsWith("An alert")).join();
            };
            const guard = play(events);
            const changes = document.createElement("div");
            mountTransitions(changes)({ ...IDLE, guard });
            const { marks } = layOut(guard, { now: 130, seconds: 60, width: 600 });
            return {
                tags: [[], [over], [over, again], [late]].map((more) => tags(play(more, guard))),
                late: tags(play([late])),
                changes: [...changes.querySelectorAll("[data-state=acknowledged] > div")].map((one) => one.textContent),
                marks: marks.map(({ at, kind }) => [at, kind]),
            };
        }""",
        [events, over, again, state(125, [], [track("camera")], participants=[{**told, "tracks": [track("camera")]}])],
    )
    acknowledged = "An alert is open, acknowledged by Bo"
    assert shown["tags"] == [acknowledged, "", "An alert is open", acknowledged]
    assert shown["late"] == acknowledged
    assert shown["changes"] == ["Alert acknowledgedBy Bo."]
    assert [110, "acknowledged"] in shown["marks"]


@pytest.mark.browser
def test_what_alerts_suffer_from_is_said_across_the_page(modules: Page) -> None:
    def notifier(name: str, **over: Any) -> dict[str, Any]:
        return {"name": name, "waiting": 0, "dead": 0, "blocked": False, "detail": ""} | over

    well = {"store": {"ok": True, "detail": "", "waiting": 0}, "notifiers": [notifier("log")]}
    dead = well | {"notifiers": [notifier("desk", dead=2), notifier("log"), notifier("mail", dead=1)]}
    one = well | {"notifiers": [notifier("desk", dead=1, blocked=True, waiting=3, detail="it answered 401")]}
    several = well | {"notifiers": [notifier(name, blocked=True, waiting=2) for name in ("desk", "mail", "soc")]}
    down = well | {"store": {"ok": False, "detail": "store x.db: the disk is full", "waiting": 1}}
    shown = modules.evaluate(
        """(told) => {
            const root = document.createElement("aside");
            const update = mountAlerts(root);
            return told.map((alerts) => {
                update({ ...IDLE, alerts });
                return root.hidden ? null : [...root.querySelectorAll("li p")].map((line) => line.textContent);
            });
        }""",
        [None, well, dead, one, several, down, well],
    )
    command = "deepguard deliveries list --dead shows why."
    assert shown == [
        None,
        None,
        [f"3 notifications could not be delivered: desk (2) and mail (1). {command}"],
        [
            f"1 notification could not be delivered: desk (1). {command}",
            "desk takes nothing now; 3 notifications wait. It answered 401.",
        ],
        ["desk, mail, and soc take nothing now; 6 notifications wait. deepguard deliveries list shows why."],
        [
            "Alerts wait in memory (1 entry): Store x.db: the disk is full. "
            "They are told all the same. What is still untold when the server ends is lost."
        ],
        None,
    ]


@pytest.mark.browser
def test_alerts_are_asked_for_before_any_call(page: Page, served: Served) -> None:
    served.answers["/api/alerts"] = (
        200,
        ALL_WELL | {"notifiers": [{"name": "desk", "waiting": 0, "dead": 4, "blocked": False, "detail": ""}]},
    )
    page.goto(HERE)
    banner = page.get_by_test_id("alerts-banner")
    expect(banner).to_contain_text("4 notifications could not be delivered: desk (4).")
    served.answers["/api/alerts"] = (200, ALL_WELL)
    expect(banner).to_be_hidden(timeout=10_000)


@pytest.mark.browser
def test_times_follow_the_servers_clock(modules: Page) -> None:
    ahead = modules.evaluate(
        """(event) => {
            const slow = advance(NOTHING, event, event.at - 3600 + 5);
            const quick = advance(slow, { ...event, at: event.at + 10 }, event.at + 10 - 3600 + 0.05);
            return serverNow(quick, event.at + 10 - 3600 + 1) - (event.at + 10);
        }""",
        verdict(5000),
    )
    assert ahead == pytest.approx(0.95)


@pytest.mark.browser
def test_signals_are_shown_in_plain_words(modules: Page) -> None:
    signals = {
        "face": True,
        "face_width": 120,
        "face_height": 150,
        "sharpness": 0.6214,
        "width": 640,
        "height": 480,
        "peak_dbfs": -3.4,
        "speech_level_dbfs": -0.2,
        "clipping": 0.0042,
        "constructor": "odd",
        "eye_blink_rate": 0.25,
        "lone_width": 3,
    }
    shown = modules.evaluate("(signals) => measurements(signals).map(({ label, value }) => [label, value])", signals)
    assert shown == [
        ["Face found", "Yes"],
        ["Face size", "120 \u00d7 150"],
        ["Sharpness", "62\u00a0%"],
        ["Picture size", "640 \u00d7 480"],
        ["Loudest sound", "\u22123\u00a0dB"],
        ["Speech level", "0\u00a0dB"],
        ["Distortion", "0.4\u00a0%"],
        ["Constructor", "odd"],
        ["Eye blink rate", "0.25"],
        ["Lone width", "3"],
    ]


@pytest.mark.browser
def test_what_is_not_seen_is_hatched_on_the_time_line(modules: Page) -> None:
    events = [coverage(100, WATCHED), level(110, "clear", "alert"), coverage(150, BLIND), coverage(160, WATCHED)]
    lanes = modules.evaluate(
        "([events, unseenSince]) => layOut(play(events), { now: 200, seconds: 100, width: 1000, unseenSince }).lanes",
        [events, 190],
    )
    assert [(band["x"], band["width"], band["level"]) for band in lanes[0]["bands"]] == [
        (0, 100, "clear"),
        (100, 900, "alert"),
    ]
    assert [(blind["x"], blind["width"]) for blind in lanes[0]["blinds"]] == [(500, 100), (900, 100)]


@pytest.mark.browser
def test_the_time_line_has_no_clear_where_nobody_watches(modules: Page) -> None:
    events = [
        coverage(100, WATCHED),
        coverage(120, BLIND),
        level(130, "clear", "alert"),
        level(140, "alert", "clear"),
        coverage(150, WATCHED),
        coverage(160, BLIND),
    ]
    (lane,) = modules.evaluate(
        "(events) => layOut(play(events), { now: 200, seconds: 100, width: 1000 }).lanes", events
    )
    assert [(band["x"], band["width"], band["level"]) for band in lane["bands"]] == [
        (0, 200, "clear"),
        (300, 100, "alert"),
        (500, 100, "clear"),
    ]


@pytest.mark.browser
@pytest.mark.parametrize("covered", [True, False])
def test_who_is_not_watched_is_called_clear_by_no_list(modules: Page, covered: bool) -> None:
    events = [
        coverage(100, WATCHED if covered else BLIND),
        level(101, "alert", "clear") | {"covered": covered},
        level(101, "alert", "clear", None) | {"covered": covered},
        notification(102, "a", kind="incident.resolved", title="Over", level="clear", covered=covered),
    ]
    shown = modules.evaluate(
        """(events) => {
            const root = document.createElement("div");
            document.body.append(root);
            const state = { ...IDLE, phase: "call", link: "connected", stream: "open", guard: play(events) };
            mountTransitions(root)(state);
            mountNotifications(root)(state);
            const announced = ["p", "p"].map(() => document.createElement("p"));
            const announce = createAnnouncer(...announced);
            events.filter(({ type }) => type === "level").forEach(announce);
            return {
                states: [...root.querySelectorAll("li[data-state]")].map((node) => node.dataset.state),
                words: [...root.querySelectorAll("strong"), ...announced].map((node) => node.textContent),
            };
        }""",
        events,
    )
    assert ("clear" in shown["states"]) is covered
    assert any(re.search("clear", words, re.IGNORECASE) for words in shown["words"]) is covered
    assert any("not watched" in words.lower() for words in shown["words"]) is not covered


@pytest.mark.browser
def test_the_worst_of_crowded_checks_is_drawn(modules: Page) -> None:
    events = [verdict(100 + index / 100, judgement="alert" if index == 50 else "clear") for index in range(100)]
    dots = modules.evaluate(
        "(events) => layOut(play(events), { now: 120, seconds: 120, width: 600 }).lanes[0].dots", events
    )
    assert len(dots) <= 3
    assert "alert" in [dot["judgement"] for dot in dots]


@pytest.mark.browser
def test_names_and_messages_from_outside_stay_text(modules: Page) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    events = [
        verdict(100, message=evil, signals={evil: evil}) | {"participant": evil},
        notification(101, "a", title=evil, detail=evil),
        delivery(102, "a", status=evil, notifier=evil, detail=evil),
        {"type": "acknowledged", "at": 102, "incident_id": "i", "by": evil},
        level(103, evil, evil) | {"cause": evil},
    ]
    seen = modules.evaluate(
        """(events) => {
            const root = document.createElement("div");
            document.body.append(root);
            const alerts = { store: { ok: false, detail: events[0].message, waiting: 1 }, notifiers: [
                { name: events[0].message, waiting: 1, dead: 1, blocked: true, detail: events[0].message }] };
            const state = { ...IDLE, phase: "call", link: "connected", stream: "open", guard: play(events), alerts,
                messages: { count: 1, latest: [{ number: 1, at: 1, message: events[0] }] } };
            for (const mount of [mountParticipants, mountTransitions, mountNotifications, mountMessages,
                mountAlerts]) {
                const part = document.createElement("div");
                root.append(part);
                mount(part)(state);
            }
            return { images: root.querySelectorAll("img").length, text: root.textContent };
        }""",
        events,
    )
    assert seen["images"] == 0
    assert seen["text"].count("onerror") >= 14


@pytest.mark.browser
@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, {"detail": [{"loc": ["video", "burst_fps"], "msg": "Input should be at most 30"}]}, "at most 30"),
        (404, {"detail": "There is no such call."}, "There is no such call."),
    ],
)
def test_a_refused_sampling_change_is_told_at_its_field(modules: Page, status: int, body: Any, words: str) -> None:
    told = modules.evaluate(
        """async ([status, body]) => {
            const { ApiError } = await import("./js/api.js");
            const root = document.createElement("div");
            document.body.append(root);
            const sampling = { video: { burst_fps: 1, normal_fps: 0.2 }, audio: { interval: 60 }, burst: false };
            const fields = Array.isArray(body.detail) ? body.detail : [];
            const refusal = new ApiError(fields.length ? "" : body.detail, status, fields);
            const update = mountSampling(root, { changeSampling: () => Promise.reject(refusal) });
            update({ ...IDLE, phase: "call", guard: { ...NOTHING, sampling, call: { id: "c" } }, info: null });
            const input = root.querySelector("[data-testid=sampling-burst-fps]");
            input.value = "99";
            input.dispatchEvent(new Event("input"));
            input.dispatchEvent(new Event("change"));
            await new Promise((resolve) => setTimeout(resolve));
            const described = input.getAttribute("aria-describedby").split(" ");
            return { invalid: input.getAttribute("aria-invalid"), value: input.value,
                error: described.map((id) => root.querySelector(`#${id}`).textContent).join(" "),
                status: root.querySelector("[data-testid=sampling-status]").textContent };
        }""",
        [status, body],
    )
    assert told["invalid"] == "true"
    assert told["value"] == "99"
    assert words in told["error"]
    assert "Not changed" in told["status"]
