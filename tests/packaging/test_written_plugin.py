"""`deepguard new-plugin`: what it writes installs, passes its own tests, and delivers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepguard.testing import ScriptedEndpoint
from support.caller import calling
from support.environments import fresh_environment, run
from support.program import running

pytestmark = pytest.mark.slow

NAME = "shift-pager"
YAML = """
video: {normal_fps: 10, burst_fps: 10}
detector:
  type: scenario
  timeline:
    - {at: 0, camera: alert}
notifiers:
  - type: shift-pager
    url: ${SHIFT_PAGER_URL}
    token: ${SHIFT_PAGER_TOKEN}
    on: [alert]
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, built_wheel: Path) -> tuple[Path, Path]:
    """The package that the command of the wheel wrote, and the programs of an environment in which it is installed."""
    folder = tmp_path_factory.mktemp("plugins")
    before = fresh_environment(tmp_path_factory.mktemp("before"), built_wheel)
    told = run(before / "deepguard", "new-plugin", NAME, "--directory", folder)
    package = folder / f"deepguard-{NAME}"
    assert f"cd {package}" in told
    return package, fresh_environment(tmp_path_factory.mktemp("after"), built_wheel, package)


def test_it_passes_its_own_tests(written: tuple[Path, Path]) -> None:
    package, programs = written
    told = run(programs / "python", "-m", "pytest", "-p", "no:cacheprovider", cwd=package)
    summary = told.splitlines()[-1]
    assert " passed" in summary
    assert " skipped" not in summary


async def test_it_delivers(written: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, programs = written
    config = tmp_path / "deepguard.yaml"
    config.write_text(YAML)
    async with ScriptedEndpoint() as endpoint:
        monkeypatch.setitem(os.environ, "SHIFT_PAGER_URL", endpoint.url)
        monkeypatch.setitem(os.environ, "SHIFT_PAGER_TOKEN", "token-of-the-test")
        assert "shift-pager" in run(programs / "deepguard", "check", config)
        async with (
            running("--config", str(config), cwd=tmp_path, program=programs / "deepguard") as program,
            calling(program.url) as caller,
        ):
            (request, *_) = await endpoint.wait_for(1, seconds=60)
    assert request.headers["Authorization"] == "Bearer token-of-the-test"
    page = request.json()
    assert (page["kind"], page["simulated"]) == ("incident.opened", True)
    assert page["title"].startswith("Simulation: ")
    assert caller.session_id
