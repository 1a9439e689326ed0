"""What is kept of a configuration: the same hash for the same settings, and no secret, nor anything it is found by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepguard.config.loading import default_config, load_config
from deepguard.config.models import Config
from deepguard.config.snapshot import MASK, Snapshot, snapshot_of
from deepguard.plugins import PluginHost

SECRET = "c4n4ry-5ecret"
TEXT = """\
detector: {type: scenario, timeline: [{at: 0, camera: clear}]}
policy:
  thresholds:
    alert_after: 2
    scores: {alert: {rise: 0.9}}
notifiers:
  - type: log
    on: [alert]
  - {type: webhook, name: soc, url: "https://soc.example/c4n4ry-5ecret", participants: ["agent-*"]}
store: {url: "postgresql://guard:c4n4ry-5ecret@db.example/guard"}
server: {ice_servers: ["turn:guard:c4n4ry-5ecret@turn.example"], allowed_origins: ["https://a:c4n4ry-5ecret@b.example"]}
"""


@pytest.fixture
def taken(tmp_path: Path, host: PluginHost) -> Callable[..., Snapshot]:
    def taken(text: str, environ: dict[str, str] | None = None, version: str = "1") -> Snapshot:
        (tmp_path / "deepguard.yaml").write_text(text)
        return snapshot_of(load_config(tmp_path / "deepguard.yaml", host, environ or {}), version)

    return taken


def test_each_setting_has_its_line_and_column(taken: Callable[..., Snapshot], tmp_path: Path) -> None:
    kept = taken(TEXT)
    assert kept.file == str(tmp_path / "deepguard.yaml")
    assert kept.places["policy.thresholds.alert_after"] == (4, 18)
    assert kept.places["policy.thresholds.scores.alert.rise"] == (5, 28)
    assert kept.places["policy.thresholds.scores"] == (5, 5)
    assert kept.places["notifiers[0].on"] == (8, 5)
    assert kept.places["notifiers[1].participants[0]"][0] == 9
    assert "policy.thresholds.clear_after" not in kept.places
    assert kept.body["policy"]["thresholds"]["alert_after"] == 2
    assert kept.body["policy"]["thresholds"]["clear_after"] == 1
    assert kept.body["notifiers"][1]["participants"] == ["agent-*"]


def test_the_places_survive_a_copy_and_are_no_part_of_what_is_equal(taken: Callable[..., Snapshot], host: Any) -> None:
    defaults = default_config(host, {})
    assert snapshot_of(defaults).places == {}
    assert snapshot_of(defaults).file == ""
    changed = defaults.model_copy(update={"server": defaults.server.model_copy(update={"port": 1})})
    assert changed.origin == defaults.origin
    assert snapshot_of(changed).hash == snapshot_of(defaults).hash


def test_no_secret_is_kept(taken: Callable[..., Snapshot]) -> None:
    kept = taken(TEXT)
    shown = json.dumps([kept.body, kept.places])
    assert SECRET not in shown
    assert "options" not in json.dumps(kept.body)
    assert kept.body["store"]["url"] == MASK
    assert "https://b.example" in kept.body["server"]["allowed_origins"]
    assert json.loads(json.dumps(kept.body)) == kept.body
    # Nor can it be found by trying: another one gives the same hash.
    assert taken(TEXT.replace(SECRET, "an-0ther-secret")).hash == kept.hash


def test_what_a_plugin_keeps_in_a_plain_text_may_be_a_secret_too(taken: Callable[..., Snapshot]) -> None:
    text = "notifiers: [{type: acme, url: 'https://acme.example/%s', room: %s, headers: {%s: %s}, loud: %s}]\n"
    kept = taken(text % ("a", "lobby", "X-One", "b", "false"))
    assert taken(text % ("c", "cellar", "X-Two", "d", "false")).hash == kept.hash
    assert taken(text % ("a", "lobby", "X-One", "b", "true")).hash != kept.hash


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("alert_after: 2", "alert_after: 3"),
        ("alert_after: 2", "alert_after: 2 of 3"),
        ("rise: 0.9", "rise: 0.91"),
        ("on: [alert]", "on: [alert, updated]"),
        ("agent-*", "agent-1*"),
        ("camera: clear", "camera: alert"),
        ("name: soc", "name: sec"),
        ("at: 0", "at: 1"),
    ],
)
def test_another_setting_is_another_hash(taken: Callable[..., Snapshot], before: str, after: str) -> None:
    assert before in TEXT
    assert taken(TEXT.replace(before, after)).hash != taken(TEXT).hash
    assert taken(TEXT, version="2").hash != taken(TEXT).hash


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("alert_after: 2", "alert_after: 2   # in a row"),
        ("alert_after: 2", "alert_after: '2'"),
        ("alert_after: 2", "alert_after: ${TWO}"),
        ("    alert_after: 2", "    clear_after: 1\n    alert_after: 2"),
        ("rise: 0.9", "rise: 0.90"),
        ("policy:", "video: {burst_fps: 1}\npolicy:"),
    ],
)
def test_the_same_in_other_words_is_the_same_hash(taken: Callable[..., Snapshot], before: str, after: str) -> None:
    assert taken(TEXT.replace(before, after), {"TWO": "2"}).hash == taken(TEXT).hash


def test_each_of_several_detectors_counts(taken: Callable[..., Snapshot]) -> None:
    text = (
        "detector:\n  - {type: embedded}\n"
        "  - {type: dataspike, name: second, api_key: c4n4ry-5ecret-of-the-account, window: 8}\n"
    )
    kept = taken(text)
    members = kept.body["detector"]["options"]["members"]
    assert members == [{"type": "embedded", "name": "embedded"}, {"type": "dataspike", "name": "second"}]
    assert SECRET not in json.dumps(kept.body)
    assert taken(text.replace("window: 8", "window: 9")).hash != kept.hash
    assert taken(text.replace(SECRET, "an0ther")).hash == kept.hash


def test_what_a_policy_s_file_says_counts(taken: Callable[..., Snapshot], tmp_path: Path) -> None:
    text, policy = "policy: {plugin: ./mine.py}\n", tmp_path / "mine.py"
    policy.write_text("LIMIT = 1\n")
    first = taken(text)
    assert first.body["policy"]["plugin"] == "./mine.py"
    policy.write_text("LIMIT = 2\n")
    assert taken(text).hash != first.hash
    policy.write_text("LIMIT = 1\n")
    assert taken(text).hash == first.hash


def test_the_hash_is_the_same_in_every_process(taken: Callable[..., Snapshot], tmp_path: Path) -> None:
    kept = taken(TEXT + "plugins: [embedded]\n")
    code = (
        "from deepguard.config.loading import load_config\n"
        "from deepguard.config.snapshot import snapshot_of\n"
        "from deepguard.plugins import PluginHost\n"
        "print(snapshot_of(load_config('deepguard.yaml', PluginHost(), {}), '1').hash)\n"
    )
    for seed in ("1", "2"):
        environ = dict(os.environ) | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == kept.hash


@given(st.text(min_size=12), st.text(min_size=12))
def test_no_text_of_a_secret_setting_counts(one: str, other: str) -> None:
    from pydantic import SecretStr

    from deepguard.config.models import DetectorEntry
    from deepguard.detectors.dataspike.config import DataspikeConfig

    def made(key: str) -> Config:
        options = DataspikeConfig.model_construct(api_key=SecretStr(key), url="wss://a.example/b")
        return Config(detector=DetectorEntry.model_construct(type="dataspike", options=options))

    assert snapshot_of(made(one)).hash == snapshot_of(made(other)).hash
