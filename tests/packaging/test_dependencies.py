"""What deepguard imports is what it declares: nothing only because the tests need it, and nothing for nothing."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS_OF = {
    "aioice": "aiortc",
    "annotated-types": "pydantic",
    "pydantic-core": "pydantic",
    "pylibsrtp": "aiortc",
    "starlette": "fastapi",
    "yarl": "aiohttp",
}
"""Distributions that are the floor of a declared one, and are imported for a name that it does not hand on."""


SEEN_BY_OTHERS = {"asyncpg", "tzdata"}
"""Needed and never imported here: SQLAlchemy and zoneinfo do."""
OF_WHOEVER_TESTS = {"hypothesis", "pytest"}
"""Only the kit for authors imports it, who have it to run their tests."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> set[str]:
    files = [ROOT / "bot.py", *(ROOT / "deepguard").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    modules = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules if not module.startswith("deepguard")}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    declared = {normal(re.split(r"[\[<>=!~;, ]", requirement)[0]) for requirement in requirements}
    providers = {**packages_distributions(), "google": ["protobuf"]}  # a namespace that several distributions share
    imported = {normal(providers[module][0]) for module in imported_modules() - set(sys.stdlib_module_names)}
    assert {PARTS_OF.get(name, name) for name in imported} - OF_WHOEVER_TESTS == declared - SEEN_BY_OTHERS
