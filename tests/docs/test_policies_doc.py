"""docs/policies.md: its settings are those that there are, and its examples do what it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepguard import After, Call, Judgement, Level, LevelChanged, Scores, Source, Thresholds
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.policy.choosing import Chosen, choose
from deepguard.policy.engine import Engine
from deepguard.testing import make_verdict
from support.pages import ROOT, code, files, module_of, table

PAGE = ROOT / "docs" / "policies.md"


def test_the_tables_of_settings_are_up_to_date() -> None:
    writer = module_of(PAGE.with_name("settings_reference.py"))
    page = PAGE.read_text()
    assert writer.page_with_tables(page) == page, "run: python docs/settings_reference.py"
    for name, model in next(models for path, models in writer.PAGES.items() if path.name == PAGE.name).items():
        assert f"<!-- {name}: " in page
        assert all(f"| `{setting}` |" in page for setting in model.model_fields)


def test_every_way_to_write_a_rule_is_read() -> None:
    rows = table(PAGE, "written")
    read = [After.parse(text) for row in rows for text in code(row[0])]
    assert read == [After(3), After(3, of=5), After(seconds=10), After(seconds=120), After(seconds=3600)]


def test_the_example_loads(tmp_path: Path) -> None:
    file = tmp_path / "deepguard.yaml"
    file.write_text(files(PAGE)["deepguard.steady.yaml"])
    thresholds = load_config(file, PluginHost(), {"DATASPIKE_API_KEY": "k"}).policy.thresholds.thresholds()
    assert thresholds.alert_after == After(3, of=5)
    assert thresholds.clear_after == After(seconds=20)
    assert thresholds.scores == Scores(half_life=5)
    assert thresholds.tracks.weights == {Source.CAMERA: 2, Source.MICROPHONE: 1}
    assert thresholds.detectors.combine == "quorum"


@pytest.fixture
def chosen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chosen]:
    """What one of the page's files chooses."""
    file = tmp_path / request.param
    file.write_text(files(PAGE)[file.name])
    host = PluginHost()
    host.load_file(file)
    yield choose(host, Call("c", 0.0), Thresholds(alert_after=2))
    for name in [name for name in sys.modules if name.startswith(f"_deepguard_file_{file.stem}")]:
        del sys.modules[name]


@pytest.mark.parametrize("chosen", ["two_suspicions.py"], indirect=True)
def test_the_default_policy_may_be_asked_by_another(chosen: Chosen) -> None:
    assert chosen.origin.startswith("TwoSuspicions of ")
    engine, changes = Engine("c", chosen.policy), ()
    for at, source in enumerate((Source.CAMERA, Source.MICROPHONE)):
        verdict = make_verdict(source=source, judgement=Judgement.SUSPICIOUS, received_at=float(at))
        changes = engine.advance(verdict, float(at)).changes
    assert [(one.source, one.after, one.cause) for one in changes if isinstance(one, LevelChanged)] == [
        (Source.MICROPHONE, Level.SUSPICIOUS, "a suspicious verdict on the microphone"),
        (None, Level.ALERT, "two tracks are suspicious together"),
    ]


@pytest.mark.parametrize("chosen", ["per_participant.py"], indirect=True)
def test_participants_may_have_thresholds_of_their_own(chosen: Chosen) -> None:
    assert chosen.thresholds == Thresholds(alert_after=2)
    assert not chosen.problems
    engine = Engine("c", chosen.policy)
    for participant_id, level in (("staff-1", Level.SUSPICIOUS), ("stranger", Level.ALERT)):
        verdict = make_verdict(participant_id=participant_id, judgement=Judgement.ALERT, received_at=1.0)
        engine.advance(verdict, 1.0)
        assert engine.cases[participant_id].level is level
