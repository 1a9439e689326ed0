"""An incident from its verdicts to its notifiers, guarded and told for real; then `deepguard explain` says why."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deepguard.guard.guard import Guard
from deepguard.model import DeliveryStatus, Judgement, Sample, Source
from deepguard.runtime import Runtime
from deepguard.store import letters
from deepguard.testing import Answer, ScriptedEndpoint
from support.commands import command
from support.detectors import AnsweringDetector
from support.webhook import SECRET

CONFIG = """\
detector: {{type: embedded}}
store: {{url: {url}}}

policy:
  thresholds:
    alert_after: 2
    clear_after: 3

notifiers:
  - {{type: log, name: pager, path: alerts.jsonl}}
  - {{type: log, name: night}}
  - type: log
    name: archive
    on: [resolved, coverage_lost]
  - {{type: webhook, name: soc, url: "{desk}", secret: {secret}, allow_networks: [127.0.0.0/8]}}
  - {{type: log, name: calm, min_level: alert}}

silences:
  - {{name: always, notifiers: [night], start: "00:00", end: "00:00"}}
"""

CLEAR, SUSPICIOUS, ALERT = Judgement.CLEAR, Judgement.SUSPICIOUS, Judgement.ALERT
PICTURE = bytes(range(256)) * 3


@contextlib.asynccontextmanager
async def working(folder: Path, config: str) -> AsyncIterator[Runtime]:
    (folder / "deepguard.yaml").write_text(config)
    runtime = Runtime.load(Path("deepguard.yaml"), {})
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.close()


@contextlib.asynccontextmanager
async def guarded(runtime: Runtime, *said: Judgement) -> AsyncIterator[Guard]:
    """A call whose camera is judged so; over when the block is left."""
    taken = asyncio.Event()
    detector = AnsweringDetector(lambda _sample: taken.set())
    runtime.new_detector = lambda: detector  # a test's own, where the configuration names one that looks
    guard = runtime.new_guard("call-of-ada")
    await guard.start()
    judged: asyncio.Queue[Any] = asyncio.Queue()
    guard._on_judged = lambda verdict, _judged: judged.put_nowait(verdict)
    guard.media.offer_picture("Ada", Source.CAMERA, PICTURE, (16, 16), "RGB", "track-1")
    async with asyncio.timeout(20):
        await taken.wait()
        sample: Sample = detector.samples[0]
        for judgement in said:
            detector.say(sample, judgement)
            await judged.get()
    yield guard
    await guard.stop()
    runtime.forget(guard.call.id)


async def ended(runtime: Runtime, count: int) -> None:
    """Wait until so many deliveries have ended."""
    async with asyncio.timeout(20):
        while True:
            await runtime.dispatcher.drain(5)
            found = await runtime.store.read(letters.find)
            if sum(one.ended_at is not None for one in found) >= count:
                return


@pytest.mark.slow
async def test_each_step_from_a_verdict_to_a_notifier_is_explained(
    tmp_path: Path, tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with ScriptedEndpoint(Answer(400)) as desk:
        config = CONFIG.format(url=tables_url, desk=desk.url, secret=SECRET)
        async with working(tmp_path, config) as runtime:
            said = [CLEAR] * 14 + [ALERT, CLEAR, ALERT, ALERT, SUSPICIOUS, SUSPICIOUS, SUSPICIOUS]
            async with guarded(runtime, *said):
                await ended(runtime, 7)
            await ended(runtime, 12)
            found = await runtime.store.read(letters.find)
    incident_id = next(one.incident_id for one in found if one.incident_id)
    dead = [one for one in found if one.status == DeliveryStatus.DEAD]
    assert incident_id

    code, out, err = await command("explain", incident_id[:12], cwd=tmp_path)
    assert (code, err) == (0, "")
    lines = [re.sub(r"^ *[\d:]+ [\d:]{8} [* ] ", "", line).strip() for line in out.splitlines()]
    text = "\n".join(lines)

    assert f"Incident       {incident_id}" in out
    assert "Thresholds     suspicious_after 1, alert_after 2, clear_after 3" in out
    assert f"Configuration  deepguard.yaml, {runtime.snapshot.hash[:12]}" in out
    assert "… 13 clear verdicts on the camera (answering), until 00:0" in text
    # One alert is not enough, nor are two with a clear between.
    assert "LEVEL of camera: clear -> SUSPICIOUS\nbecause: an alert verdict on the camera\n" in text
    assert (
        "LEVEL of camera: suspicious -> ALERT\nbecause: 2 alert verdicts in a row on the camera\n"
        "deepguard.yaml:6:18: policy.thresholds.alert_after: 2\n"
    ) in text
    assert "policy.thresholds.suspicious_after: 1, the default" in text
    assert "deepguard.yaml:7:18: policy.thresholds.clear_after: 3" in text
    opened = text[text.index("INCIDENT OPENED") :].splitlines()
    assert opened[0] == "INCIDENT OPENED: Ada may be a deepfake"
    assert opened[1].startswith("pager: delivered after 1 attempt, ")
    assert opened[2] == "night: kept back by silence 'always' (deepguard.yaml:19:12: silences[0].name)"
    assert opened[3] == "archive: not told: `on` does not name alert (deepguard.yaml:14:5: notifiers[2].on)"
    assert opened[4].startswith("soc: DEAD after 1 attempt, ")
    assert "answered 400: it does not take this notification" in opened[4]
    assert any(opened[4].endswith(f"`deepguard deliveries replay {one.id}` tries again") for one in dead)
    assert opened[5].startswith("calm: delivered after 1 attempt, ")
    updated = text[text.index("incident updated") :].splitlines()
    assert (
        "calm: not told: `min_level` is alert, and this is at suspicious (deepguard.yaml:16:40: notifiers[4].min_level)"
        in updated
    )
    resolved = text[text.index("INCIDENT RESOLVED") :].splitlines()
    assert resolved[0].startswith("INCIDENT RESOLVED: Ada: the call ended")
    assert resolved[3].startswith("archive: delivered after 1 attempt, ")
    # The two verdicts that the alert rests on are marked, and none of the clear ones.
    marked = [line for line in out.splitlines() if " * " in line[:24]]
    assert [line.split("camera: ")[1] for line in marked] == [
        "alert (answering)",
        "alert (answering)",
        "alert (answering)",
        *["suspicious (answering)"] * 3,
    ]
    assert all(line.isprintable() for line in out.splitlines())
    assert SECRET not in out

    (_, narrow, _), (_, whole, _), (_, told, _) = await asyncio.gather(
        command("explain", incident_id, cwd=tmp_path, env={"COLUMNS": "44", "PYTHONIOENCODING": "ascii"}),
        command("explain", incident_id, "--all", cwd=tmp_path),
        command("explain", incident_id, "--json", cwd=tmp_path),
    )
    assert max(map(len, narrow.splitlines())) <= 44 + 5  # an ellipsis is written out in ASCII
    assert "deepguard.yaml:6:18:" in narrow
    assert whole.count("camera: clear (answering)") == 15
    story = json.loads(told)
    assert told.isascii()
    assert story["configuration"] == {"hash": runtime.snapshot.hash, "file": "deepguard.yaml", "known": True}
    (rise,) = [one for one in story["timeline"] if one["what"] == "level" and one["source"] and one["after"] == "alert"]
    assert rise["setting"] == {
        "path": "policy.thresholds.alert_after",
        "value": 2,
        "origin": "file",
        "where": "deepguard.yaml:6:18",
    }
    judged = {one["number"]: one for one in story["timeline"] if one["what"] == "verdict"}
    assert [judged[number]["judgement"] for number in rise["verdicts"]] == ["alert", "alert"]
    results = {
        one["kind"]: {way["notifier"]: way["result"] for way in one["notifiers"]}
        for one in story["timeline"]
        if one["what"] == "told"
    }
    assert results["incident.opened"] == {
        "pager": "delivered",
        "night": "silenced",
        "archive": "not_told",
        "soc": "dead",
        "calm": "delivered",
    }


HOOKS = """\
from deepguard import Thresholds, hookimpl


@hookimpl
def deepguard_thresholds(call, participant_id, defaults):
    return Thresholds(alert_after=3)


@hookimpl
def deepguard_should_notify(notification, notifier):
    return False if notifier == "night" else None
"""

CAREFUL = """\
from deepguard import Level, PolicyStep, Source, hookimpl


class Careful:
    def initial(self):
        return 0

    def advance(self, state, verdict, now):
        level = Level.ALERT if verdict.judgement == "alert" else Level.CLEAR
        return PolicyStep(state, {verdict.source: level}, level, "I saw it", "a feeling", 1)


@hookimpl
def deepguard_policy(call, thresholds):
    return Careful()
"""

OVERRIDDEN = """\
detector: {type: embedded}
policy: {plugin: ./mine.py, thresholds: {alert_after: 2}}
notifiers: [{type: log, name: pager}, {type: log, name: night}]
"""


async def test_a_hook_that_overrides_the_file_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = []
    for source, said in ((HOOKS, [ALERT] * 3), (CAREFUL, [ALERT])):
        (tmp_path / "mine.py").write_text(source)
        (tmp_path / "deepguard.db").unlink(missing_ok=True)
        async with working(tmp_path, OVERRIDDEN) as runtime, guarded(runtime, *said):
            await ended(runtime, 2)
            (incident_id, *_) = [one.incident_id for one in await runtime.store.read(letters.find)]
            assert incident_id
            # While the store is in use.
            code, out, err = await command("explain", incident_id, cwd=tmp_path)
        assert (code, err) == (0, "")
        shown.append(out)
    hooked, careful = shown
    assert "built in, thresholds of mine.py:4" in hooked
    assert "mine.py:4: policy.thresholds.alert_after: 3, by a deepguard_thresholds hook\n" in hooked
    assert "night: kept back by a deepguard_should_notify hook\n" in hooked
    assert "Careful of mine.py:13" in careful
    assert "because: I saw it\n" in careful
    assert "decided by Careful, mine.py:13 by its rule a feeling\n" in careful
    assert "deepguard.yaml:2" not in hooked + careful


async def test_an_imported_call_is_explained_without_those_who_were_told_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "detector: {type: embedded}\npolicy: {thresholds: {alert_after: 2}}\nnotifiers: [{type: log}]\n"
    async with working(tmp_path, text) as runtime, guarded(runtime, ALERT, ALERT):
        await ended(runtime, 1)
        (letter, *_) = await runtime.store.read(letters.find)
    incident_id = letter.incident_id
    assert incident_id
    assert (await command("export", "--all", "--output", "calls.jsonl", cwd=tmp_path))[0] == 0
    (tmp_path / "other.yaml").write_text("store: {url: 'sqlite:///other.db'}\n")
    assert (await command("import", "calls.jsonl", "-c", "other.yaml", cwd=tmp_path))[0] == 0

    code, out, err = await command("explain", incident_id, "-c", "other.yaml", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert ", imported 20" in out
    assert f"Configuration  {runtime.snapshot.hash[:12]}, which is not in the store" in out
    assert "because: 2 alert verdicts in a row on the camera\n" in out
    assert "policy.thresholds.alert_after: 2 (its configuration is not in the store)" in out
    assert "INCIDENT OPENED: Ada may be a deepfake" in out
    assert "log:" not in out
    assert "nobody was told" not in out
    assert "The call was imported: who was told of it is not known here." in out
