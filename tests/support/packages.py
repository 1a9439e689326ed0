"""Installed packages, as pip leaves them: modules and a dist-info folder on the import path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

HEADER = """
from deepguard.contracts import DetectorType, Notifier, NotifierType, PluginConfig
from deepguard.hookspecs import hookimpl
"""


class SitePackages:
    """A folder on the import path that packages can be put into.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def install(
        self, name: str, entry_points: Mapping[str, str], modules: Mapping[str, str], *, version: str = "1.0"
    ) -> None:
        """Put a package in.

        Args:
            name: The distribution's name.
            entry_points: Its entry points in group ``deepguard``.
            modules: Source by module name; ``HEADER`` goes before each.
            version: The distribution's version.
        """
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{entry} = {value}" for entry, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[deepguard]", *lines, ""]))
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(HEADER + source)
        self.modules |= modules.keys()
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SitePackages]:
    """An empty folder for packages, on the import path for one test."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    packages = SitePackages(folder)
    yield packages
    for module in packages.modules:
        sys.modules.pop(module, None)


__all__ = ["SitePackages", "site"]
