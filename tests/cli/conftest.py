"""Commands in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.packages import site


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, and an environment that is put back: commands read ``.env`` into it."""
    before = dict(os.environ)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in [name for name in os.environ if name.startswith(("DATASPIKE_", "DEEPGUARD_"))]:
        del os.environ[name]
    yield work
    os.environ.clear()
    os.environ.update(before)


__all__ = ["folder", "site"]
