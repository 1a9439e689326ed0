"""Every hook at work: a call that is guarded as a YAML says, with a plugin that implements one hook, and without it.

``AT_WORK`` has one entry for each hook; tests/test_hookspecs.py fails for a hook that has none, and
tests/plugins/test_hooks_at_work.py plays each.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepguard import Call, ConfigError, LevelChanged, Notification, NotificationKind, Runtime, Source
from support.packages import SitePackages

PICTURE = bytes(16 * 16 * 3)
KEEPER = """
TOLD = []

class Keeper(Notifier):
    async def send(self, notification):
        TOLD.append(notification)

@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("keeper", PluginConfig, lambda config: Keeper())]
"""
YAML = """
detector: {detector}
policy: {{thresholds: {{alert_after: 1}}}}
notifiers: [{{type: {notifier}}}]
plugins: [mine]
store: {{url: "sqlite:///{store}"}}
"""
SCENARIO = "{type: scenario, timeline: [{at: 0, all: alert}]}"


@dataclass
class Story:
    """What became of one call, in which a detector said alert of one picture.

    Attributes:
        refused: Why the configuration could not be loaded.
        levels: The levels that the live stream told, of the participant.
        told: What the notifier was handed.
        detectors: Who gave the verdicts.
        seen: What the plugin wrote down for itself.
    """

    refused: str = ""
    levels: list[str] = field(default_factory=list)
    told: list[Notification] = field(default_factory=list)
    detectors: list[str] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class AtWork:
    """One hook.

    Attributes:
        source: Its implementation; it may write down into ``SEEN``.
        shows: Whether a story shows that it was asked, with the right arguments, and that its answer counted.
        detector: What ``detector:`` says.
        notifier: What ``type:`` says of the notifier.
    """

    source: str
    shows: Callable[[Story], bool]
    detector: str = SCENARIO
    notifier: str = "keeper"


def seen_call(story: Story, *more: Any) -> bool:
    (seen,) = story.seen or [()]
    return bool(seen) and isinstance(seen[0], Call) and seen[0].id == "call-1" and seen[1:] == more


AT_WORK = {
    "deepguard_register_notifiers": AtWork(
        """
class Mine(Notifier):
    async def send(self, notification):
        SEEN.append(notification.kind)

@hookimpl
def deepguard_register_notifiers():
    return [NotifierType("mine", PluginConfig, lambda config: Mine())]
""",
        lambda story: not story.refused and NotificationKind.OPENED in story.seen,
        notifier="mine",
    ),
    "deepguard_register_detectors": AtWork(
        """
import time
from deepguard import Detector, DetectorHealth, HealthState, Judgement, SampleEnded, SampleOutcome, Verdict

class Mine(Detector):
    name = "mine"

    async def open(self, call):
        self.emit(DetectorHealth(HealthState.UP))

    def submit(self, sample):
        about = (sample.participant_id, sample.track_id, sample.source)
        self.emit(Verdict(*about, Judgement.ALERT, time.time(), "mine", sample_id=sample.id))
        self.emit(SampleEnded(sample.id, SampleOutcome.JUDGED))

    async def close(self):
        self.finish()

@hookimpl
def deepguard_register_detectors():
    return [DetectorType("mine", PluginConfig, lambda config: Mine())]
""",
        lambda story: story.detectors == ["mine"],
        detector="{type: mine}",
    ),
    "deepguard_thresholds": AtWork(
        """
from dataclasses import replace

@hookimpl
def deepguard_thresholds(call, defaults):
    assert (call.id, defaults.alert_after) == ("call-1", 1)
    return replace(defaults, alert_after=2)
""",
        lambda story: story.levels == ["suspicious"],
    ),
    "deepguard_policy": AtWork(
        """
from deepguard import Level, PolicyStep

class Mine:
    def initial(self):
        return None

    def advance(self, state, verdict, now):
        return PolicyStep(None, {verdict.source: Level.SUSPICIOUS}, Level.SUSPICIOUS, "mine says so")

@hookimpl
def deepguard_policy(call, thresholds):
    assert (call.id, thresholds.alert_after) == ("call-1", 1)
    return Mine()
""",
        lambda story: story.levels == ["suspicious"],
    ),
    "deepguard_should_notify": AtWork(
        """
@hookimpl
def deepguard_should_notify(notification, notifier):
    SEEN.append((notification.kind.value, notifier))
    return False if notification.kind.value == "incident.opened" else None
""",
        lambda story: (
            ("incident.opened", "keeper") in story.seen
            and [one.kind for one in story.told] == [NotificationKind.RESOLVED]
        ),
    ),
    "deepguard_enrich": AtWork(
        """
@hookimpl
def deepguard_enrich(incident):
    return {"customer": f"of {incident.participant_id}"}
""",
        lambda story: any(
            one.incident is not None and one.incident.context == {"customer": "of Ada"} for one in story.told
        ),
    ),
    "deepguard_call_started": AtWork(
        """
@hookimpl
async def deepguard_call_started(call):
    SEEN.append((call,))
""",
        seen_call,
    ),
    "deepguard_transition": AtWork(
        """
@hookimpl
async def deepguard_transition(transition):
    SEEN.append(transition)
""",
        lambda story: (
            [(one.source, str(one.after)) for one in story.seen if isinstance(one, LevelChanged)]
            == [(Source.CAMERA, "alert"), (None, "alert")]
        ),
    ),
    "deepguard_call_ended": AtWork(
        """
@hookimpl
def deepguard_call_ended(call, reason):
    SEEN.append((call, reason))
""",
        lambda story: seen_call(story, "ended"),
    ),
}


async def story_of(folder: Path, packages: SitePackages, work: AtWork, *, with_it: bool) -> Story:
    """Guard a call with the plugin, or with one that implements nothing."""
    packages.install("acme-keeper", {"keeper": "acme_keeper"}, {"acme_keeper": KEEPER})
    packages.install("acme-mine", {"mine": "acme_mine"}, {"acme_mine": "SEEN = []\n" + work.source * with_it})
    config = folder / "deepguard.yaml"
    config.write_text(YAML.format(detector=work.detector, notifier=work.notifier, store=folder / "deepguard.db"))
    story = Story()
    try:
        runtime = Runtime.load(config, {})
    except ConfigError as error:
        return Story(refused=str(error))
    await runtime.start()
    try:
        guard = runtime.new_guard(Call("call-1", 1.0))

        async def read() -> None:
            with guard.live.reader() as reader:
                async for event in reader.events():
                    if event["type"] == "verdict":
                        story.detectors.append(event["detector"])
                        judged.set()
                    if event["type"] == "level" and event["source"] is None:
                        story.levels.append(event["after"])

        judged = asyncio.Event()
        reading = asyncio.create_task(read())
        await guard.start()
        guard.media.offer_picture("Ada", Source.CAMERA, PICTURE, (16, 16), "RGB", "track-1")
        async with asyncio.timeout(20):
            await judged.wait()
            await guard.stop()
            await reading
        runtime.forget("call-1")
    finally:
        await runtime.close()
    # A module that no setting made the host load has seen nothing.
    story.told = getattr(sys.modules.get("acme_keeper"), "TOLD", [])
    story.seen = sys.modules["acme_mine"].SEEN
    return story


__all__ = ["AT_WORK", "AtWork", "Story", "story_of"]
