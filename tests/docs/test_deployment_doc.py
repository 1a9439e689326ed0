"""docs/deployment.md: the metrics that it names, also in its rules, are there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from deepguard.runtime import Runtime
from deepguard.server.metrics import RuntimeCollector
from deepguard.server.sessions import Sessions
from support.pages import ROOT, code, snippets, table

PAGE = ROOT / "docs" / "deployment.md"


def served(folder: Path) -> set[str]:
    """The names of all metrics of our own, as they are scraped."""
    config = folder / "deepguard.yaml"
    config.write_text("detector: {type: embedded}\n")
    families = RuntimeCollector(Runtime.load(config, {}), Sessions(1)).collect()
    return {family.name + {"counter": "_total", "info": "_info"}.get(family.type, "") for family in families}


def test_its_metrics_and_its_rules_are_real(tmp_path: Path) -> None:
    there = served(tmp_path)
    listed = [name for row in table(PAGE, "metric") for name in code(row[0])]
    assert len(listed) >= 8
    assert set(listed) <= there
    assert set(re.findall(r"\bdeepguard_[a-z_]+", PAGE.read_text())) <= there
    (rules,) = (yaml.safe_load(one.text) for one in snippets(PAGE) if one.text.startswith("groups:"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert expressions == ["max by (notifier) (deepguard_deliveries_dead) > 0", "deepguard_store_up == 0"]
