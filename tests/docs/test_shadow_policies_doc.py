"""docs/shadow-policies.md: its example loads, and its shadows are what it says."""

from __future__ import annotations

from pathlib import Path

from deepguard.config.loading import load_config
from deepguard.plugins import PluginHost
from deepguard.runtime import Runtime
from deepguard.thresholds import After
from support.pages import ROOT, files

PAGE = ROOT / "docs" / "shadow-policies.md"


def test_the_example_loads_and_its_plugin_is_kept_from_the_live_call(tmp_path: Path) -> None:
    file = tmp_path / "deepguard.yaml"
    file.write_text(files(PAGE)["deepguard.shadows.yaml"])
    (tmp_path / "my_policy.py").write_text(
        "from deepguard import hookimpl\n\n\n@hookimpl\ndef deepguard_enrich(incident):\n    return {'by': 'mine'}\n"
    )
    host = PluginHost()
    config = load_config(file, host, {})
    eager, patient, mine = config.policy.shadow
    assert (eager.thresholds, mine.thresholds) != (None, None)
    assert patient.thresholds is not None
    assert patient.thresholds.thresholds().alert_after == After(3, of=5)
    assert host.collect("deepguard_enrich", incident=None) == []
    assert host.apart("mine").collect("deepguard_enrich", incident=None) == [{"by": "mine"}]
    used = Runtime(config, host).new_guard("c").live.snapshot()["shadows"]
    assert [(one["name"], one["origin"]) for one in used] == [
        ("eager", "built in"),
        ("patient", "built in"),
        ("mine", "built in"),
    ]
