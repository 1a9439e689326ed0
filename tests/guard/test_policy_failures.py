"""A call's own policy goes wrong: the call stays guarded, and everybody can see it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from deepguard.errors import PluginError
from deepguard.guard.guard import Guard
from deepguard.model import Judgement, Level, LevelChanged, Source
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry
from support.detectors import AnsweringDetector, new_guard

PICTURE = bytes([128]) * (16 * 16 * 3)

POLICY = """
    import time
    from deepguard import Level, PolicyStep, hookimpl

    class Mine:
        def initial(self):
            return None

        def advance(self, state, verdict, now):
            WHAT

    @hookimpl
    def deepguard_policy(call, thresholds):
        return Mine()
"""


class Scene:
    """A guarded call whose policy comes from a file."""

    def __init__(self, guard: Guard, entries: list[Entry]) -> None:
        self.guard = guard
        self.entries = entries

    async def verdict(self) -> dict[str, Any]:
        """Have an alert judged, and wait until the participant is at alert."""
        self.guard.media.offer_picture("Ada", Source.CAMERA, PICTURE, (16, 16), "RGB", "track-1")
        async with asyncio.timeout(20):
            with self.guard.live.reader() as reader:
                async for event in reader.events():
                    for one in [*event.get("recent", []), event]:
                        if one["type"] == "level" and one["source"] is None and one["after"] == "alert":
                            return one
        raise AssertionError("the stream ended")


Watch = Callable[..., Any]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watch]:
    guards: list[Guard] = []

    async def begin(source: str, seconds: float = 20.0) -> Scene:
        file = tmp_path / "mine.py"
        file.write_text(dedent(source))
        host = PluginHost()
        host.load_file(file)
        entries: list[Entry] = []
        detector = AnsweringDetector(lambda _sample: Judgement.ALERT)
        guard = new_guard(detector, host=host, record=entries.append, policy_seconds=seconds)
        guards.append(guard)
        await guard.start()
        return Scene(guard, entries)

    yield begin
    for guard in guards:
        await guard.stop()


def with_body(body: str) -> str:
    return POLICY.replace("WHAT", body)


def failures(scene: Scene) -> list[str]:
    return [entry.policy_failed.reason for entry in scene.entries if entry.policy_failed]


@pytest.mark.parametrize(
    ("body", "seconds", "reason"),
    [
        ("raise KeyError('nothing')", 20.0, "KeyError: 'nothing'"),
        ("return Level.ALERT", 20.0, "TypeError: advance returned Level, not PolicyStep"),
        ("return PolicyStep(None, {verdict.source: 7}, Level.CLEAR)", 20.0, "are not levels"),
        ("raise StopIteration", 20.0, "StopIteration"),
        ("while True: pass", 0.2, "too slow: it took more than 0.2 s"),
        ("time.sleep(1)", 0.2, "too slow: it took more than 0.2 s"),
    ],
)
async def test_one_that_fails_is_replaced_for_the_call_and_it_shows(
    watched: Watch, body: str, seconds: float, reason: str
) -> None:
    scene = await watched(with_body(body), seconds)
    event = await scene.verdict()
    assert event["cause"] == "an alert verdict on the camera"
    (told,) = failures(scene)
    assert told.startswith("Mine of ")
    assert reason in told
    state = scene.guard.live.snapshot()
    assert state["policy"]["failed"]
    assert state["policy"]["reason"] == told
    assert "mine.py:" in state["policy"]["origin"]
    assert [one["policy"]["reason"] for one in state["recent"] if one["type"] == "policy"] == [told]


async def test_one_that_never_returns_leaves_no_thread_behind(watched: Watch) -> None:
    scene = await watched(with_body("while True: pass"), 0.2)
    await scene.verdict()
    left = [one for one in threading.enumerate() if one.name.startswith("deepguard-policy")]
    async with asyncio.timeout(20):
        for one in left:
            await asyncio.to_thread(one.join)


async def test_a_slow_policy_holds_up_nothing_but_its_own_verdict(watched: Watch) -> None:
    scene = await watched(with_body("time.sleep(0.5)\n            return PolicyStep(None, {}, Level.ALERT)"))
    scene.guard.media.offer_picture("Ada", Source.CAMERA, PICTURE, (16, 16), "RGB", "track-1")
    turns = 0
    with scene.guard.live.reader() as reader:
        events = reader.events()
        following = asyncio.ensure_future(anext(events))
        while True:
            if following.done():
                event = following.result()
                if event["type"] == "level":
                    break
                following = asyncio.ensure_future(anext(events))
            turns += 1
            await asyncio.sleep(0)
    assert turns > 100
    assert failures(scene) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (POLICY.replace("return Mine()", "return Mine").replace("WHAT", "pass"), "returned the class Mine"),
        (
            POLICY.replace("def advance(self, state, verdict, now)", "async def advance(self, state, verdict, now)"),
            "mine.py:9: Mine.advance must not be 'async def'",
        ),
        (
            POLICY.replace("state, verdict, now", "state, verdict"),
            "mine.py:9: Mine.advance must take (self, state, ver",
        ),
        (POLICY.replace("def initial(self)", "def initial(self, call)"), "mine.py:6: Mine.initial must take (self)"),
        (POLICY.replace("def initial", "def begin"), "has no initial()"),
        (POLICY.replace("return Mine()", "raise ValueError('no')"), "deepguard_policy failed: ValueError: no"),
        (
            "from deepguard import hookimpl\n\n@hookimpl\ndef deepguard_thresholds(call, defaults):\n    return 3\n",
            "mine.py:3: deepguard_thresholds returned int, not Thresholds",
        ),
    ],
)
async def test_one_that_cannot_be_a_policy_is_not_used_and_it_shows(watched: Watch, source: str, reason: str) -> None:
    scene = await watched(source.replace("WHAT", "pass"))
    await scene.verdict()
    (told,) = failures(scene)
    assert reason in told
    assert scene.guard.live.snapshot()["policy"] == {
        "origin": "built in",
        "failed": True,
        "reason": told,
    }


async def test_a_policy_that_is_sound_decides_and_says_where_it_comes_from(watched: Watch) -> None:
    body = "return PolicyStep(None, {verdict.source: Level.ALERT}, Level.ALERT, 'mine', 'my.rule')"
    scene = await watched(with_body(body))
    event = await scene.verdict()
    assert (event["cause"], event["rule"]) == ("mine", "my.rule")
    changes = [one for entry in scene.entries for one in entry.transitions if isinstance(one, LevelChanged)]
    assert [(one.source, one.after, one.rule) for one in changes] == [
        (Source.CAMERA, Level.ALERT, "my.rule"),
        (None, Level.ALERT, "my.rule"),
    ]
    (began,) = [entry.began for entry in scene.entries if entry.began]
    assert began.policy.origin.startswith("Mine of ")
    assert began.policy.thresholds == {"suspicious_after": 1, "alert_after": 1, "clear_after": 1}
    assert not failures(scene)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def broken(:\n    pass\n", r"mine\.py cannot be loaded: SyntaxError: .*line 1"),
        ("from deepguard import hookimpl\n\n@hookimpl\nasync def deepguard_policy(call):\n    pass\n", "async def"),
        ("from deepguard import hookimpl\n\n@hookimpl\ndef deepguard_policy(cal):\n    pass\n", "no argument 'cal'"),
    ],
)
def test_a_file_that_cannot_be_a_plugin_is_refused_when_it_is_loaded(tmp_path: Path, source: str, reason: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(PluginError, match=reason):
        PluginHost().load_file(file)
