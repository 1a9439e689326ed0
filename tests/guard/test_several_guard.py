"""A real guard whose call is judged by several detectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deepguard.config.loading import load_config
from deepguard.config.models import CoverageParams, VideoParams
from deepguard.contracts import Detector
from deepguard.detectors.embedded.detector import EmbeddedDetector
from deepguard.detectors.scenario import ScenarioConfig
from deepguard.detectors.scenario.detector import ScenarioDetector
from deepguard.detectors.several import SeveralDetector
from deepguard.errors import DetectorError
from deepguard.guard.guard import Guard
from deepguard.guard.live import LiveEvent
from deepguard.model import DetectorHealth, HealthState, Judgement, Notification, NotificationKind, Source
from deepguard.plugins import PluginHost
from deepguard.runtime import Runtime
from support.detectors import new_guard
from support.puppets import Puppet

OFTEN = VideoParams(burst_fps=30, normal_fps=30)


class Watcher:
    """Shows pictures to a guard and reads its live stream, all along."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.events: list[LiveEvent] = []
        self._new = asyncio.Condition()

    async def show(self) -> None:
        """A new picture thirty times a second, as a camera gives them."""
        for number in range(100_000):
            self.guard.media.offer_picture(
                "Ada", Source.CAMERA, bytes([60 + 40 * (number % 4)]) * 768, (16, 16), "RGB", "t"
            )
            await asyncio.sleep(1 / 30)

    async def read(self) -> None:
        with self.guard.live.reader() as reader:
            async for event in reader.events():
                async with self._new:
                    self.events += [*event.get("recent", []), event]
                    self._new.notify_all()

    async def until(self, wanted: Callable[[list[LiveEvent]], bool]) -> None:
        """Wait until the events so far are ``wanted``."""
        async with asyncio.timeout(20), self._new:
            await self._new.wait_for(lambda: wanted(self.events))

    def of(self, kind: str) -> list[LiveEvent]:
        return [event for event in self.events if event["type"] == kind]

    def verdicts_of(self, detector: str) -> int:
        return sum(event["detector"] == detector for event in self.of("verdict"))


@asynccontextmanager
async def watching(members: dict[str, Detector], **options: Any) -> AsyncIterator[Watcher]:
    """A call with a camera, judged by these."""
    guard = new_guard(SeveralDetector(members, needed=options.pop("needed", 1)), video=OFTEN, **options)
    await guard.start()
    watcher = Watcher(guard)
    tasks = [asyncio.create_task(watcher.show()), asyncio.create_task(watcher.read())]
    try:
        yield watcher
        tasks[0].cancel()
        await guard.stop()
        await tasks[1]
    finally:
        for task in tasks:
            task.cancel()


def script(*timeline: dict[str, Any], **over: Any) -> ScenarioDetector:
    return ScenarioDetector(ScenarioConfig.model_validate({"timeline": list(timeline), "delay": 0.01} | over))


def coverages(watcher: Watcher) -> list[str | None]:
    return [event["coverage"]["reason"] for event in watcher.of("coverage")]


async def test_both_are_heard_and_either_can_raise_the_level() -> None:
    told: list[Notification] = []
    first, second = script({"at": 0, "all": "clear"}), script({"at": 0.3, "camera": "alert"})
    async with watching({"first": first, "second": second}, notifications=told) as watcher:
        await watcher.until(lambda events: any(event.get("kind") == "incident.opened" for event in events))
        assert watcher.verdicts_of("first")
        assert watcher.verdicts_of("second")
    opened = next(each for each in told if each.kind is NotificationKind.OPENED)
    assert (opened.detector, opened.simulated) == ("first + second", True)
    [counts] = [track["samples"] for track in watcher.guard.live.snapshot()["participants"][0]["tracks"]]
    assert counts["waiting"] == 0
    assert counts["taken"] == counts["judged"] + counts["dropped"]


async def test_coverage_does_not_flap_between_one_that_covers_and_one_that_does_not() -> None:
    judges, measures = script({"at": 0, "all": "clear"}), EmbeddedDetector()
    errs = script({"at": 0, "all": "error"})
    async with watching({"errs": errs, "judges": judges, "measures": measures}) as watcher:
        await watcher.until(lambda _: None in coverages(watcher))
        covered = len(coverages(watcher))
        before = watcher.verdicts_of("measures")
        await watcher.until(lambda _: watcher.verdicts_of("measures") >= before + 5)
        assert coverages(watcher)[covered:] == []


async def test_with_two_needed_one_is_not_enough() -> None:
    first = script({"at": 0, "all": "clear"})
    second = script({"at": 0, "all": "clear"}, {"at": 0.5, "all": "error"})
    async with watching({"first": first, "second": second}, needed=2) as watcher:
        await watcher.until(lambda _: None in coverages(watcher))
        await watcher.until(lambda _: coverages(watcher)[-1] == "detector_error")
        before = watcher.verdicts_of("first")
        await watcher.until(lambda _: watcher.verdicts_of("first") >= before + 5)
        assert coverages(watcher)[-1] == "detector_error"


async def test_one_that_cannot_be_opened_and_one_that_dies_leave_a_call_that_is_watched() -> None:
    broken, dying = Puppet(), Puppet()
    broken.refuses = DetectorError("no key")
    works = script({"at": 0, "all": "clear"})
    async with watching({"broken": broken, "dying": dying, "works": works}) as watcher:
        await watcher.until(lambda _: None in coverages(watcher))
        await dying.handed.wait()
        dying.break_off(RuntimeError("x"))
        told = "broken is down: no key; dying is down: failed (RuntimeError)"
        await watcher.until(
            lambda _: any(event["health"] == {"state": "up", "detail": told} for event in watcher.of("detector"))
        )
        before = watcher.verdicts_of("works")
        await watcher.until(lambda _: watcher.verdicts_of("works") >= before + 5)
        assert coverages(watcher)[-1] is None
    samples = watcher.guard.live.snapshot()["participants"][0]["tracks"][0]["samples"]
    assert samples["waiting"] == 0
    assert samples["judged"] >= before


async def test_the_last_that_works_going_down_shows_at_once() -> None:
    gone, last = Puppet(), Puppet()
    async with watching({"gone": gone, "last": last}, coverage=CoverageParams(answer_timeout=300)) as watcher:
        await last.handed.wait()
        last.say(last.samples[0])
        await watcher.until(lambda _: None in coverages(watcher))
        last.emit(DetectorHealth(HealthState.DOWN, "no route"))
        # The other is up, and has not answered: what the first said before does not vouch for now.
        await watcher.until(lambda _: coverages(watcher)[-1] == "starting")
        gone.break_off()
        await watcher.until(lambda _: coverages(watcher)[-1] == "detector_down")
        texts = [event["coverage"]["text"] for event in watcher.of("coverage")]
        assert "gone is down: ended before the call; last is down: no route" in texts[-1]


async def test_what_the_configuration_lists_judges_a_call(tmp_path: Path) -> None:
    path = tmp_path / "deepguard.yaml"
    path.write_text(
        f"""
store: {{url: "sqlite:///{tmp_path / "deepguard.db"}"}}
video: {{normal_fps: 30, burst_fps: 30}}
detector:
  - {{type: scenario, timeline: [{{at: 0, all: clear}}]}}
  - {{type: scenario, name: second, timeline: [{{at: 0, all: suspicious}}]}}
  - {{type: auto}}
""",
        encoding="utf-8",
    )
    host = PluginHost()
    runtime = Runtime(load_config(path, host, {}), host)
    info = runtime.detector_info
    assert (info["type"], info["simulated"], info["local"]) == ("scenario + second + embedded", True, True)
    assert info["label"] == "Scenario (simulation) + second + Built-in (advisory)"
    assert info["advisory"] == (
        "A part of this is a simulation. Scripted in the configuration are the verdicts of: scenario, second."
    )
    await runtime.start()
    try:
        guard = runtime.new_guard("call")
        await guard.start()
        watcher = Watcher(guard)
        tasks = [asyncio.create_task(watcher.show()), asyncio.create_task(watcher.read())]
        names = ("scenario", "second", "embedded")
        await watcher.until(lambda _: all(map(watcher.verdicts_of, names)))
        tasks[0].cancel()
        await guard.stop()
        await asyncio.wait(tasks)
    finally:
        await runtime.close()
    said = {event["detector"]: event["judgement"] for event in watcher.of("verdict")}
    assert said == {"scenario": Judgement.CLEAR, "second": Judgement.SUSPICIOUS, "embedded": Judgement.UNKNOWN}


def test_as_many_must_watch_as_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "deepguard.yaml"
    several = "detector: [{type: embedded}, {type: scenario, timeline: [{at: 0, all: clear}]}]\n"

    def needed(combine: str) -> int:
        path.write_text(f"{several}policy: {{thresholds: {{detectors: {{combine: {combine}, quorum: 2}}}}}}\n")
        host = PluginHost()
        detector = Runtime(load_config(path, host, {}), host).new_detector()
        assert isinstance(detector, SeveralDetector)
        return detector.needed

    assert [needed(combine) for combine in ("any", "quorum", "weighted")] == [1, 2, 1]
