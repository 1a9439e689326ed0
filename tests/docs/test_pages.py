"""Every page: what it links to is there, and what architecture.md says of the rooms holds."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from deepguard.config.loading import load_config
from deepguard.config.models import Config
from deepguard.plugins import PluginHost
from support.pages import PAGES, ROOT, snippets

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def anchor(heading: str) -> str:
    """What a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        if place:
            assert place in {anchor(one) for one in re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_it_names_are_there(page: Path) -> None:
    named = re.findall(
        r"`((?:deepguard|docs|config|tests|bench|proto|plugins|scripts|\.ci)/[\w./-]*)`", page.read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_in_its_text_load(page: Path, tmp_path: Path) -> None:
    (tmp_path / "my_policy.py").touch()
    sections = "|".join(Config.model_fields)
    for number, setting in enumerate(re.findall(rf"`((?:{sections}): [{{\[][^`…]*)`", page.read_text())):
        path = tmp_path / f"{number}.yaml"
        path.write_text(setting)
        load_config(path, PluginHost(), {})


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES if page.name != "README.md" and f"{page.name})" not in readme] == []


def test_the_rooms_are_those_of_the_package() -> None:
    (rooms,) = (one.text for one in snippets(ARCHITECTURE) if one.text.startswith("deepguard/"))
    (inside,) = re.findall(r"^deepguard/\n((?:  .*\n)+)", rooms)
    names = [re.match(r"((?:[\w.]+/?[ ])+?) *(?:$| \S)", line[2:] + " ") for line in inside.splitlines()]
    told = {name.rstrip("/") for found in names if found for name in found[1].split()}
    there = {
        path.name
        for path in (ROOT / "deepguard").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert told == there


def test_imports_are_told_in_the_order_that_is_held() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    rank = {name: number for number, layer in enumerate(layers) for name in re.split(r" [|:] ", layer)}
    (sentence,) = re.findall(r"Imports run one way: `([^`]+)`", ARCHITECTURE.read_text())
    groups = [[name.strip() for name in group.split(",")] for group in sentence.replace("\n", " ").split("→")]
    ranks = [[rank[name] for name in group] for group in groups]
    assert all(max(upper) < min(lower) for upper, lower in pairwise(ranks))
