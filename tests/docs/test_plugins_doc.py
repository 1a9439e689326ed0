"""docs/plugins.md: what it shows is built, loaded and run; what it lists is what there is."""

import sys

import pytest

from deepguard import Call, Judgement, Level, LevelChanged, Source, Thresholds
from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.testing import make_notification, make_verdict
from support.pages import ROOT, files, module_of, snippets

PAGE = ROOT / "docs" / "plugins.md"
REFERENCE = PAGE.with_name("hooks_reference.py")


@pytest.fixture
def folder(tmp_path):
    """The page's files."""
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
    return tmp_path


def load(folder, name):
    host = PluginHost()
    return load_config(folder / name, host, {"DATASPIKE_API_KEY": "key-for-the-test"}), host


@pytest.fixture
def policy(folder):
    config, host = load(folder, "deepguard.policy.yaml")
    assert config.policy.plugin == "./my_policy.py"
    yield host
    for name in [name for name in sys.modules if name.startswith("_deepguard_file_my_policy")]:
        del sys.modules[name]


def test_the_policy_file_overrides_thresholds_where_it_wants(policy):
    defaults = Thresholds(2, 2, 2)

    def decided(**metadata):
        return policy.first("deepguard_thresholds", call=Call("c", 0.0, metadata), participant_id="", defaults=defaults)

    assert decided() == defaults
    assert decided(desk="payments") == Thresholds(1, 1, 2, dwell=300.0)
    several = Thresholds(2, "3 of 5", "4 of 5", dwell=900.0)
    payments = policy.first("deepguard_thresholds", call=Call("c", 0.0, {"desk": "payments"}), defaults=several)
    assert payments == Thresholds(1, 1, "4 of 5", dwell=900.0)


def test_the_policy_file_replaces_the_policy_where_it_wants(policy):
    def decided(**metadata):
        return policy.first("deepguard_policy", call=Call("c", 0.0, metadata), thresholds=Thresholds())

    assert type(decided()).__name__ == "ThresholdPolicy"
    own = decided(policy="two-tracks")
    step = own.advance(own.initial(), make_verdict(judgement=Judgement.SUSPICIOUS), 0.0)
    assert step.participant is Level.SUSPICIOUS
    heard = make_verdict(judgement=Judgement.SUSPICIOUS, source=Source.MICROPHONE)
    step = own.advance(step.state, heard, 1.0)
    assert (step.participant, step.cause) == (Level.ALERT, "two tracks are suspicious together")
    unknown = own.advance(step.state, make_verdict(judgement=Judgement.UNKNOWN), 2.0)
    assert unknown.tracks == step.tracks


async def test_the_policy_file_decides_enriches_and_observes(policy):
    def told(**over):
        name = over.pop("name", "pager")
        return policy.first("deepguard_should_notify", notification=make_notification(**over), notifier=name)

    assert (told(), told(simulated=True), told(simulated=True, name="log")) == (None, False, None)
    incident = make_notification().incident
    assert policy.collect("deepguard_enrich", incident=incident) == [{"runbook": "https://wiki.example/deepfake"}]
    change = LevelChanged("c", "p", None, Level.CLEAR, Level.ALERT, 0.0, "cause")
    await policy.observe("deepguard_transition", transition=change)
    (name,) = (name for name in sys.modules if name.startswith("_deepguard_file_my_policy"))
    seen = sys.modules[name].TRANSITIONS
    assert seen == [change]


def test_every_snippet_with_a_name_is_one_that_a_test_here_uses():
    assert set(files(PAGE)) == {"deepguard.policy.yaml", "my_policy.py"}
    assert len(snippets(PAGE)) == len(files(PAGE))


def test_the_list_of_hooks_is_up_to_date():
    writer = module_of(REFERENCE)
    page = PAGE.read_text()
    assert writer.page_with(writer.reference(), page) == page, "run: python docs/hooks_reference.py"
    for name in writer.hooks():
        assert f"### `{name}(" in page
