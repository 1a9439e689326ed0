"""Policies that run beside the one that decides: seen, written down, and without any consequence."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepguard.guard.guard import Guard
from deepguard.guard.policy_counts import PolicyCounts
from deepguard.guard.shadows import ShadowSpec
from deepguard.model import Judgement, Level, LevelChanged, Notification, Sample, SampleFormat, Source
from deepguard.plugins import PluginHost
from deepguard.store.entry import Entry
from deepguard.thresholds import Thresholds
from support.detectors import AnsweringDetector, new_guard

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

    @hookimpl
    def deepguard_should_notify(notification, notifier):
        raise AssertionError("a shadow is not asked")

    @hookimpl
    def deepguard_enrich(incident):
        return {"by": "a shadow"}
"""


def picture(guard: Guard) -> None:
    guard.media.offer_picture("Ada", Source.CAMERA, bytes([128]) * 768, (16, 16), "RGB", "track-1")


async def until(guard: Guard, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(20):
        with guard.live.reader() as reader:
            async for event in reader.events():
                for one in [*event.get("recent", []), event]:
                    if wanted(one):
                        return one
    raise AssertionError("the stream ended")


def shadow_is(**over: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == "shadow" and over.items() <= event["shadow"].items()


class Scene:
    """A guarded call, and everything that was recorded of it."""

    def __init__(self, guard: Guard, entries: list[Entry], counts: PolicyCounts) -> None:
        self.guard = guard
        self.entries = entries
        self.counts = counts

    @property
    def told(self) -> list[Notification]:
        return [told for entry in self.entries for told in entry.notifications]

    def changes(self, shadow: str) -> list[tuple[Source | None, Level]]:
        changed = [one for entry in self.entries for one in entry.shadow_changes if one.shadow == shadow]
        return [(one.change.source, one.change.after) for one in changed]

    def failures(self) -> dict[str, str]:
        found = [entry.policy_failed for entry in self.entries if entry.policy_failed]
        return {one.shadow: one.reason for one in found}


Begin = Callable[..., Any]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    guards: list[Guard] = []

    async def start(
        answer: Callable[[Sample], Judgement], *specs: ShadowSpec | str, seconds: float = 20.0, **live: Any
    ) -> Scene:
        found = []
        for number, spec in enumerate(specs):
            if isinstance(spec, str):
                file = tmp_path / f"mine_{number}.py"
                file.write_text(dedent(spec))
                host = PluginHost()
                host.load_file(file)
                spec = ShadowSpec(f"mine {number}", Thresholds(), host)
            found.append(spec)
        entries: list[Entry] = []
        counts = PolicyCounts()
        guard = new_guard(
            AnsweringDetector(answer),
            record=entries.append,
            shadows=found,
            policy_seconds=seconds,
            policy_counts=counts,
            **live,
        )
        guards.append(guard)
        await guard.start()
        return Scene(guard, entries, counts)

    yield start
    for guard in guards:
        await guard.stop()


def alert(_sample: Sample) -> Judgement:
    return Judgement.ALERT


def strict(name: str = "strict", **thresholds: Any) -> ShadowSpec:
    return ShadowSpec(name, Thresholds(**thresholds), PluginHost())


async def test_it_sees_the_same_verdicts_and_tells_nobody(begin: Begin) -> None:
    scene = await begin(alert, strict(alert_after=1), thresholds=Thresholds(alert_after=5, suspicious_after=5))
    picture(scene.guard)
    told = await until(scene.guard, shadow_is(name="strict", opened=1))
    assert told["shadow"]["participants"] == [{"id": "Ada", "level": "alert", "is_open": True}]
    await scene.guard.stop()
    assert scene.changes("strict") == [(Source.CAMERA, Level.ALERT), (None, Level.ALERT)]
    assert not scene.told
    assert not [one for entry in scene.entries for one in entry.transitions if isinstance(one, LevelChanged)]
    assert (scene.counts.opened["strict"], scene.counts.opened[""]) == (1, 0)
    (began,) = [entry.began for entry in scene.entries if entry.began]
    assert [(one.name, one.origin, one.thresholds["alert_after"]) for one in began.shadows] == [
        ("strict", "built in", 1)
    ]


async def test_the_call_ends_after_its_last_verdict_was_heard(begin: Begin) -> None:
    scene = await begin(alert, strict())
    picture(scene.guard)
    await until(scene.guard, lambda event: event["type"] == "verdict")
    await scene.guard.stop()
    ended = [entry.ended is not None for entry in scene.entries]
    heard = [bool(entry.shadow_changes) for entry in scene.entries]
    assert heard.index(True) < ended.index(True)


async def test_a_plugin_s_policy_decides_for_the_shadow_and_no_other_hook_of_it_is_called(begin: Begin) -> None:
    source = POLICY.replace("WHAT", "return PolicyStep(None, {}, Level.SUSPICIOUS, 'mine')")
    scene = await begin(alert, source)
    picture(scene.guard)
    await until(scene.guard, shadow_is(name="mine 0", failed=False))
    await scene.guard.stop()
    assert scene.changes("mine 0") == [(None, Level.SUSPICIOUS)]
    assert [one.kind.value for one in scene.told] == ["incident.opened", "incident.resolved"]
    assert [one.incident.context for one in scene.told if one.incident] == [{}, {}]


@pytest.mark.parametrize(
    ("body", "seconds", "reason"),
    [
        ("raise KeyError('nothing')", 20.0, "KeyError: 'nothing'"),
        ("return 7", 20.0, "advance returned int, not PolicyStep"),
        ("while True: pass", 0.2, "too slow: it took more than 0.2 s"),
    ],
)
async def test_one_that_fails_ends_and_the_others_go_on(begin: Begin, body: str, seconds: float, reason: str) -> None:
    scene = await begin(alert, POLICY.replace("WHAT", body), strict(), seconds=seconds)
    picture(scene.guard)
    told = await until(scene.guard, shadow_is(name="mine 0", failed=True))
    assert reason in told["shadow"]["reason"]
    await until(scene.guard, shadow_is(name="strict", opened=1))
    picture(scene.guard)
    await scene.guard.stop()
    assert list(scene.failures()) == ["mine 0"]
    assert reason in scene.failures()["mine 0"]
    assert scene.counts.failed == {"mine 0": 1}
    async with asyncio.timeout(20):
        for one in [one for one in threading.enumerate() if one.name.startswith("deepguard-shadow")]:
            await asyncio.to_thread(one.join)


async def test_one_that_cannot_be_a_policy_is_not_compared_under_its_name(begin: Begin) -> None:
    scene = await begin(alert, POLICY.replace("return Mine()", "return Mine").replace("WHAT", "pass"))
    picture(scene.guard)
    await until(scene.guard, lambda event: event.get("kind") == "incident.opened")
    await scene.guard.stop()
    assert "returned the class Mine" in scene.failures()["mine 0"]
    assert not scene.changes("mine 0")


async def test_a_slow_one_holds_up_nothing_and_what_it_missed_is_counted(begin: Begin) -> None:
    scene = await begin(alert, POLICY.replace("WHAT", "time.sleep(3)"), seconds=30.0)
    detector = scene.guard.detector
    assert isinstance(detector, AnsweringDetector)
    picture(scene.guard)
    await until(scene.guard, lambda event: event.get("kind") == "incident.opened")
    (sample,) = detector.samples
    for _ in range(300):
        detector.say(sample, Judgement.ALERT)
    await until(scene.guard, lambda event: event["type"] == "verdict" and scene.counts.left_out["mine 0"] > 0)
    await scene.guard.stop()
    assert scene.failures()["mine 0"].startswith("incomplete: ")


verdicts = st.lists(st.sampled_from(list(Judgement)), max_size=12)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(verdicts, st.integers(1, 3), st.integers(1, 3))
async def test_what_the_live_policy_decides_is_the_same_with_shadows_and_without(
    judged: list[Judgement], alert_after: int, clear_after: int
) -> None:
    async def decided(*specs: ShadowSpec) -> list[Any]:
        entries: list[Entry] = []
        detector = AnsweringDetector()
        guard = new_guard(
            detector,
            record=entries.append,
            shadows=specs,
            thresholds=Thresholds(alert_after=alert_after, clear_after=clear_after),
        )
        await guard.start()
        guard.media.expect("Ada", Source.CAMERA, "track-1")
        sample = Sample("s", "call", "Ada", "track-1", Source.CAMERA, SampleFormat.JPEG, b"", time.time())
        for judgement in judged:
            detector.say(sample, judgement)
        await guard.stop()
        kinds = [told.kind for entry in entries for told in entry.notifications]
        changes = [
            (one.source, one.after, one.cause)
            for entry in entries
            if entry.verdict
            for one in entry.transitions
            if isinstance(one, LevelChanged)
        ]
        return [kinds, changes]

    alone = await decided()
    beside = await decided(strict(alert_after=1), strict("lax", alert_after=50))
    assert alone == beside
