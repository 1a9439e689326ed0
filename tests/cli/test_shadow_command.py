"""`deepguard shadow`, on calls beside which policies ran."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deepguard.model import Call, Judgement, Label, Labelled, LevelChanged
from deepguard.policy.engine import Decision, Engine
from deepguard.policy.machine import ThresholdPolicy
from deepguard.store.entry import ShadowChanged
from deepguard.store.importing import write_recordings
from deepguard.store.incidents import StoredIncident
from deepguard.store.recording import RecordedPolicy, Recording
from deepguard.store.store import Store
from deepguard.testing import make_verdict
from deepguard.thresholds import Thresholds, as_plain
from support.commands import command
from support.program import deepguard

BEGAN = 1_795_000_000.0
HOSTILE = "Eve\x1b[31m\u202e [bold]"
EAGER, PATIENT = Thresholds(), Thresholds(alert_after=3)
A, C = Judgement.ALERT, Judgement.CLEAR


def recorded(
    number: int, judged: Sequence[Judgement], *, known: Label | None = None, failed: str = "", who: str = "Ada"
) -> Recording:
    """A call of a minute under PATIENT, with EAGER beside it, by the very code that decides live."""
    call = Call(f"call-{number}", BEGAN + 100 * number)
    verdicts = [
        make_verdict(participant_id=who, judgement=what, received_at=call.started_at + 5.0 * index)
        for index, what in enumerate(judged)
    ]

    def decided(thresholds: Thresholds) -> list[Decision]:
        engine = Engine(call.id, ThresholdPolicy(thresholds))
        return [engine.advance(one, one.received_at) for one in verdicts] + engine.end(call.started_at + 60.0)

    live, beside = decided(PATIENT), decided(EAGER)
    last = {one.incident.id: one.incident for one in live if one.incident}
    changes = [change for one in beside for change in one.changes if isinstance(change, LevelChanged)]
    return Recording(
        call=call,
        detector="test",
        ended_at=call.started_at + 60.0,
        reason="ended",
        policy=RecordedPolicy("built in", as_plain(PATIENT)),
        verdicts=tuple(verdicts),
        transitions=tuple(change for one in live for change in one.changes),
        incidents=tuple(StoredIncident(one, "test", False) for one in last.values()),
        labels=(Labelled(call.id, who, known, call.started_at, "Bo"),) if known else (),
        shadows=(RecordedPolicy("built in", as_plain(EAGER), failed, "eager"),),
        shadow_changes=() if failed else tuple(ShadowChanged("eager", change) for change in changes),
    )


async def stored(folder: Path, url: str, recordings: Sequence[Recording]) -> None:
    (folder / "deepguard.yaml").write_text(f"store: {{url: {json.dumps(url)}}}\n")
    store = Store(url)
    await store.open()
    try:
        await store.write(lambda db: write_recordings(db, recordings))
    finally:
        await store.close()


async def test_it_tells_what_both_saw_and_what_only_one_did(tmp_path: Path, store_url: str) -> None:
    calls = [
        recorded(0, [C, A, C, C], known=Label.FALSE_POSITIVE, who=HOSTILE),  # only the shadow, and wrongly
        recorded(1, [C, A, A, A, C], known=Label.CONFIRMED),  # both, the shadow ten seconds sooner
        recorded(2, [C, C]),
        recorded(3, [A, A, A], failed="Mine of mine.py:3: KeyError: 'x'"),
    ]
    await stored(tmp_path, store_url, calls)
    (code, told, err), (_, out, _), (_, one, _), (wrong, _, said) = await asyncio.gather(
        command("shadow", "--json", cwd=tmp_path),
        deepguard("shadow", cwd=tmp_path, env={"COLUMNS": "80"}),
        command("shadow", "eager", "--show", "0", cwd=tmp_path),
        command("shadow", "eagre", cwd=tmp_path),
    )
    assert (code, err) == (0, "")
    (shadow,) = json.loads(told)["shadows"]
    assert (shadow["name"], shadow["failed"]) == ("eager", 1)
    assert shadow["forms"] == [{"origin": "built in", "thresholds": as_plain(EAGER), "calls": 4}]
    before, after = shadow["before"], shadow["after"]
    assert (before["calls"], after["calls"]) == (3, 3)
    assert (before["incidents"], after["incidents"]) == (1, 2)
    assert (before["labels"]["precision"], after["labels"]["precision"]) == (1.0, 0.5)
    assert (before["labels"]["recall"], after["labels"]["recall"]) == (1.0, 1.0)
    assert shadow["participants"] == {"newly_alerted": 1, "no_longer_alerted": 0, "earlier": 1, "later": 0}
    assert sorted(shadow["changed_calls"]) == ["call-0", "call-1"]
    assert shadow["shown"][0]["what"] == ["new false alarm"]
    assert [(one["at"], one["level"]) for one in shadow["shown"][1]["participants"][0]["after"]] == [
        (5.0, "alert"),
        (20.0, "clear"),
    ]
    assert "alert 10.0 s earlier" in out
    assert "ended early or missed verdicts" in out
    assert "KeyError: 'x'" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "call-0" not in one
    assert (wrong, "did you mean 'eager'?" in said) == (1, True)


async def test_one_that_was_changed_meanwhile_is_said_to_be(tmp_path: Path) -> None:
    older = recorded(0, [C, A])
    newer = recorded(1, [C, A])
    changed = RecordedPolicy("built in", as_plain(Thresholds(alert_after=2)), "", "eager")
    await stored(tmp_path, f"sqlite:///{tmp_path / 'd.db'}", [older, replace(newer, shadows=(changed,))])
    _, out, _ = await command("shadow", "--since", "2026-01-01", cwd=tmp_path)
    assert "It was changed meanwhile" in out
    _, out, _ = await command("shadow", "--until", "2026-01-01", cwd=tmp_path)
    assert "No shadow policy ran in these calls." in out


async def test_no_call_no_store(tmp_path: Path) -> None:
    (tmp_path / "deepguard.yaml").write_text(f"store: {{url: 'sqlite:///{tmp_path / 'none.db'}'}}\n")
    code, _, err = await command("shadow", cwd=tmp_path)
    assert code == 1
    assert "there is no store yet" in err
