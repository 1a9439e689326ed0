"""What a user gets from `pip install`: the wheel's contents."""

import configparser
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "deepguard", *(path.parent for path in sorted(ROOT.glob("plugins/*/__init__.py")))]


@pytest.fixture(scope="module")
def wheel(built_wheel: Path) -> dict[str, str]:
    """The text of each file in the wheel, by its name."""
    with zipfile.ZipFile(built_wheel) as archive:
        return {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}


def dist_info(wheel: dict[str, str], name: str) -> str:
    return next(text for path, text in wheel.items() if path.endswith(f".dist-info/{name}"))


def test_no_stray_top_level_names(wheel: dict[str, str]) -> None:
    names = {path.split("/")[0] for path in wheel}
    assert {name for name in names if not name.endswith(".dist-info")} == {package.name for package in PACKAGES}


def test_every_file_of_the_packages_is_in_it(wheel: dict[str, str]) -> None:
    for package in PACKAGES:
        files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
        missing = {path for path in files if "__pycache__" not in path and not path.endswith("README.md")} - set(wheel)
        assert not missing


@pytest.mark.parametrize(
    "path",
    [
        "deepguard/py.typed",
        "deepguard/server/playground/index.html",
        "deepguard/detectors/dataspike/deepfake_streaming_pb2.py",
        "deepguard_log/__init__.py",
    ],
)
def test_what_is_easily_forgotten_is_in_it(wheel: dict[str, str], path: str) -> None:
    assert path in wheel


def test_every_entry_point_leads_to_a_module_of_it(wheel: dict[str, str]) -> None:
    parser = configparser.ConfigParser(delimiters="=")
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    parser.read_string(dist_info(wheel, "entry_points.txt"))
    assert parser["console_scripts"]["deepguard"] == "deepguard.cli:main"
    for group in ("console_scripts", "deepguard"):
        for value in parser[group].values():
            module = value.partition(":")[0].replace(".", "/")
            assert f"{module}.py" in wheel or f"{module}/__init__.py" in wheel, value


def test_its_metadata_says_what_it_is(wheel: dict[str, str]) -> None:
    metadata = Parser().parsestr(dist_info(wheel, "METADATA"))
    assert metadata["Name"] == "pipecat-deepguard"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in dist_info(wheel, "licenses/LICENSE")
