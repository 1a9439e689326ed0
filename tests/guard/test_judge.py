"""Policies and hooks at work; each comes from a file, as a policy author's does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from deepguard import Call, Judgement, Level, NotificationKind, Thresholds
from deepguard.guard.judge import Judge
from deepguard.plugins import PluginHost
from deepguard.testing import make_verdict

RAISES = """
    from deepguard import Level, PolicyStep, hookimpl

    class Policy:
        calls = 0

        def initial(self):
            return None

        def advance(self, state, verdict, now):
            self.calls += 1
            if self.calls == 1:
                return PolicyStep(None, {verdict.source: Level.ALERT}, Level.ALERT, "mine")
            raise RuntimeError("a fault in somebody's policy")

    @hookimpl
    def deepguard_policy(call, thresholds):
        return Policy()
"""


@pytest.fixture
def judge_with(tmp_path: Path) -> Iterator[Any]:
    judges: list[Judge] = []

    def make(*plugins: str) -> Judge:
        host = PluginHost()
        for number, source in enumerate(plugins):
            file = tmp_path / f"mine_{number}.py"
            file.write_text(dedent(source))
            host.load_file(file)
        judges.append(Judge(Call("call", 0.0), thresholds=Thresholds(), hooks=host, detector="test", simulated=False))
        return judges[-1]

    yield make
    for judge in judges:
        judge.end(9.0)  # or its policy's thread stays


def alert() -> Any:
    return make_verdict(participant_id="Ada", judgement=Judgement.ALERT)


async def test_a_policy_that_raises_is_replaced_and_the_alert_it_raised_stays(judge_with: Any) -> None:
    judge = judge_with(RAISES)
    opened = await judge.advance(alert(), 1.0)
    assert [one.kind for one in opened.notifications] == [NotificationKind.OPENED]
    assert judge.failure == ""
    after = await judge.advance(make_verdict(participant_id="Ada", judgement=Judgement.ERROR), 2.0)
    assert judge.failure
    assert (after.changes, after.notifications) == ((), [])
    cleared = await judge.advance(make_verdict(participant_id="Ada", judgement=Judgement.CLEAR), 3.0)
    assert [one.kind for one in cleared.notifications] == [NotificationKind.RESOLVED]


async def test_a_policy_that_returns_nonsense_is_replaced(judge_with: Any) -> None:
    judge = judge_with(RAISES.replace('raise RuntimeError("a fault in somebody\'s policy")', 'return "ALERT"'))
    await judge.advance(alert(), 1.0)
    await judge.advance(alert(), 2.0)
    assert judge.failure
    assert judge.open_incident("Ada") is not None


@pytest.mark.parametrize(
    "step", ["{}, 2", "{verdict.source: 2}, Level.CLEAR", "None, Level.CLEAR", "{}, Level.CLEAR, 3"]
)
async def test_a_policy_whose_step_makes_no_sense_is_replaced(judge_with: Any, step: str) -> None:
    source = RAISES.replace('raise RuntimeError("a fault in somebody\'s policy")', f"return PolicyStep(None, {step})")
    judge = judge_with(source)
    await judge.advance(alert(), 1.0)
    await judge.advance(alert(), 2.0)
    assert judge.failure
    assert judge.open_incident("Ada") is not None


async def test_thresholds_may_be_overridden_for_a_call(judge_with: Any) -> None:
    judge = judge_with("""
        from deepguard import Thresholds, hookimpl

        @hookimpl
        def deepguard_thresholds(call, defaults):
            assert (call.id, defaults) == ("call", Thresholds())
            return Thresholds(alert_after=2, suspicious_after=2)
    """)
    assert (await judge.advance(alert(), 1.0)).changes == ()
    assert (await judge.advance(alert(), 2.0)).changes[-1].after is Level.ALERT


async def test_enrichment_is_merged_and_the_plugin_named_last_wins(judge_with: Any) -> None:
    plugin = """
        from deepguard import hookimpl

        @hookimpl
        def deepguard_enrich(incident):
            return {}
    """
    judge = judge_with(
        plugin.replace("{}", '{"customer": "1", "branch": "north"}'), plugin.replace("{}", '{"customer": "2"}')
    )
    incident = (await judge.advance(alert(), 1.0)).notifications[0].incident
    assert incident.context == {"customer": "2", "branch": "north"}


async def test_the_end_of_a_call_resolves_what_is_open_once(judge_with: Any) -> None:
    judge = judge_with()
    await judge.advance(alert(), 1.0)
    assert judge.open_incident("Ada") is not None
    assert [one.kind for one in judge.end(2.0)] == [NotificationKind.RESOLVED]
    assert judge.end(3.0) == []
    assert judge.open_incident("Ada") is None
