"""docs/explain.md: its example is what the command prints, its fields are those of its JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import sqlalchemy as sa
from typer.main import get_command

from deepguard.cli import app
from deepguard.config.loading import load_config
from deepguard.config.snapshot import snapshot_of
from deepguard.model import (
    BlindReason,
    Call,
    Coverage,
    CoverageChanged,
    Judgement,
    Notification,
    Source,
)
from deepguard.plugins import PluginHost
from deepguard.policy.engine import Engine
from deepguard.policy.machine import ThresholdPolicy
from deepguard.policy.notifications import incident_notification
from deepguard.store import configurations, tables
from deepguard.store.codec import encode
from deepguard.store.entry import CallBegan, Entry, PolicyUsed
from deepguard.store.history import write_history
from deepguard.story.settings import From
from deepguard.testing import make_verdict
from deepguard.thresholds import Thresholds, as_plain
from support.alerts import alerts_in
from support.commands import command
from support.pages import ROOT, code, snippets, table

PAGE = ROOT / "docs" / "explain.md"
BEGAN = 1795388520.0  # 23:02:00 UTC
THRESHOLDS = Thresholds(alert_after=2)
SAID = [(3.0 + 5 * n, Judgement.CLEAR, 0.02 + n / 100) for n in range(9)]
SAID += [(48.0, Judgement.ALERT, 0.91), (49.0, Judgement.ALERT, 0.97), (61.0, Judgement.CLEAR, 0.08)]
DESK = "desk.example answered 400: it does not take this notification"


def happened() -> Iterator[Entry]:
    """The call of the example: the engine decides, as in a live call."""
    call = Call("5f1c2ab09d3e", BEGAN)
    used = PolicyUsed("built in", as_plain(THRESHOLDS))
    yield Entry(call_id=call.id, began=CallBegan(call, "dataspike", simulated=False, policy=used, config_hash="HASH"))
    engine = Engine(call.id, ThresholdPolicy(THRESHOLDS))
    for at, judgement, score in SAID:
        verdict = make_verdict(
            participant_id="agent-7", judgement=judgement, score=score, detector="dataspike", received_at=BEGAN + at
        )
        decision = engine.advance(verdict, verdict.received_at)
        told: tuple[Notification, ...] = ()
        if decision.incident is not None and decision.kind is not None:
            incident = replace(decision.incident, id="inc_0f3a5d1c7b2e4c99a1d8e6f054b3c217")
            told = (
                incident_notification(
                    incident, decision.kind, detector="dataspike", make_id=lambda p, at=at: f"{p}{at}"
                ),
            )
        yield Entry(call_id=call.id, verdict=verdict, transitions=decision.changes, notifications=told)
        if at == 49.0:
            for offset, before, after in (
                (4.0, Coverage(), Coverage(BlindReason.NO_MEDIA)),
                (12.0, Coverage(BlindReason.NO_MEDIA), Coverage()),
            ):
                change = CoverageChanged(call.id, "agent-7", Source.CAMERA, before, after, BEGAN + at + offset)
                yield Entry(call_id=call.id, transitions=(change,))


def delivered(db: sa.Connection, told: Notification) -> None:
    """What the dispatcher leaves, at times that the example can name."""
    db.execute(sa.insert(tables.notifications).values(id=told.id, created_at=told.at, body=encode(told)))
    ways = [("pager", "delivered", 1, ""), ("desk", "dead", 1, DESK), ("soc", "delivered", 1, "")]
    if told.kind.value == "incident.resolved":
        ways.append(("archive", "delivered", 2, ""))
    for notifier, status, attempts, detail in ways:
        db.execute(
            sa.insert(tables.deliveries).values(
                notification_id=told.id,
                notifier=notifier,
                dedupe_key=told.id,
                kind=told.kind.value,
                call_id=told.call_id,
                incident_id=told.incident.id if told.incident else None,
                status=status,
                created_at=told.at,
                due_at=told.at,
                expires_at=told.at,
                attempts=attempts,
                faults=0,
                unsure=False,
                ended_at=told.at + 0.25 * attempts,
                detail=detail,
                thread="",
            )
        )


@pytest.fixture
async def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's configuration, and the store of the example."""
    monkeypatch.chdir(tmp_path)
    (settings,) = [one.text for one in snippets(PAGE) if one.language == "yaml"]
    Path("deepguard.yaml").write_text(settings)
    kept = snapshot_of(load_config("deepguard.yaml", PluginHost(), {}))
    async with alerts_in(f"sqlite:///{tmp_path / 'deepguard.db'}") as alerts:
        entries = list(happened())

        def work(db: sa.Connection) -> None:
            write_history(db, entries, "a process")
            configurations.keep(db, kept)
            db.execute(sa.update(tables.calls).values(config_hash=kept.hash, ended_at=BEGAN + 75, reason="ended"))
            for entry in entries:
                for told in entry.notifications:
                    delivered(db, told)
            soc = tables.deliveries.c.notifier == "soc"
            db.execute(sa.update(tables.deliveries).where(soc).values(status="silenced", detail="silence 'nights'"))

        await alerts.write(work)
    return tmp_path


def without_hash(text: str) -> str:
    return re.sub(r"(deepguard\.yaml, )[0-9a-f]{12}", r"\1…", text)


async def test_the_example_is_what_the_command_prints(example: Path) -> None:
    status, out, err = await command("explain", "inc_0f3a5d1c", cwd=example, env={"COLUMNS": "100", "TZ": "UTC"})
    assert (status, err) == (0, "")
    shown = next(one.text for one in snippets(PAGE) if one.text.startswith("deepguard explain"))
    first, rest = shown.split("\n", 1)
    assert first == "deepguard explain inc_0f3a5d1c"
    assert without_hash(rest) == without_hash("\n".join(line.rstrip() for line in out.splitlines()) + "\n")


async def test_the_fields_are_those_of_json(example: Path) -> None:
    await command("label", "inc_0f3a5d1c", "confirmed", cwd=example)
    _, out, _ = await command("explain", "inc_0f3a5d1c", "--json", cwd=example)
    story: dict[str, Any] = json.loads(out)
    told = {code(row[0])[0]: code(row[1]) for row in table(PAGE, "field")}
    assert list(story) == list(told)
    for name in ("call", "policy", "configuration"):
        assert list(story[name]) == told[name]
    moments = {code(row[0])[0]: code(row[1]) for row in table(PAGE, "what")}
    for one in story["timeline"]:
        names = [name for name in one if name not in ("at", "seconds", "what")]
        shown = moments[one["what"]]
        if one["what"] == "told":
            assert shown == [*names, *one["notifiers"][0]]
        else:
            assert shown == names, one["what"]
    assert {one["what"] for one in story["timeline"]} == set(moments) - {"sample", "disagreement", "other"}
    (origins,) = re.findall(r"`origin` \((.*?)\)", PAGE.read_text())
    assert set(code(origins)) == set(get_args(From))


def test_its_commands_are_understood() -> None:
    lines = [line for one in snippets(PAGE) for line in one.text.splitlines() if line.startswith("deepguard ")]
    assert len(lines) == 5
    for line in lines:
        name, *arguments = shlex.split(line)[1:]
        root: Any = get_command(app)
        found = root.get_command(click.Context(root), name)
        found.make_context(line, arguments)
