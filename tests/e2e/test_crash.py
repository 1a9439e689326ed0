"""The program is killed at random moments and loses nothing: a short run of `python -m bench crash`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.crash.campaign import Plan, run

KILLS = 8


@pytest.mark.slow
async def test_what_is_committed_is_received_whenever_the_program_is_killed(store_url: str, tmp_path: Path) -> None:
    log = tmp_path / "children.log"
    plan = Plan(url=store_url, kills=KILLS, takeovers=1, seed=20, to_the_end=False, log=log, longest_life=0.7)
    outcome = await run(plan)
    assert outcome.findings.problems == [], log.read_text()
    assert outcome.kills == KILLS
    assert len(outcome.tried_again) == 1
    assert {"incident.opened", "incident.resolved"} <= set(outcome.types)
    # A kill leaves one attempt at each notifier of which nobody knows how it went, and so does a hang.
    assert outcome.findings.duplicates <= 2 * KILLS + outcome.manners["hang"]
