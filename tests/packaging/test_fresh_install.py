"""A stranger's notifier: installed with pip into a fresh environment, named in the YAML, and called."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.caller import calling
from support.environments import fresh_environment, run
from support.program import running

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "acme-notify"
version = "4.2"

[project.entry-points.deepguard]
acme-file = "acme_notify"

[tool.setuptools]
py-modules = ["acme_notify"]
"""
MODULE = """
import json
from pathlib import Path

from deepguard import Notification, Notifier, NotifierType, PluginConfig, hookimpl


class FileConfig(PluginConfig):
    path: Path


class FileNotifier(Notifier):
    def __init__(self, config: FileConfig) -> None:
        self._path = config.path

    async def send(self, notification: Notification) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"kind": notification.kind, "call": notification.call_id}) + "\\n")


@hookimpl
def deepguard_register_notifiers() -> list[NotifierType]:
    return [NotifierType("acme-file", FileConfig, FileNotifier)]
"""
YAML = """
video: {{normal_fps: 10, burst_fps: 10}}
detector:
  type: scenario
  timeline:
    - {{at: 0, camera: alert}}
notifiers:
  - type: acme-file
    path: {path}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, built_wheel: Path) -> Path:
    """The folder of programs of a fresh environment that has deepguard's wheel and the stranger's package."""
    package = tmp_path_factory.mktemp("acme")
    (package / "pyproject.toml").write_text(PYPROJECT)
    (package / "acme_notify.py").write_text(MODULE)
    return fresh_environment(tmp_path_factory.mktemp("fresh"), built_wheel, package)


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    """A configuration that names the stranger's notifier, which writes to the file ``notified`` beside it."""
    (tmp_path / "deepguard.yaml").write_text(YAML.format(path=tmp_path / "notified"))
    return tmp_path / "deepguard.yaml"


@asynccontextmanager
async def lines_written_to(path: Path) -> AsyncIterator[asyncio.StreamReader]:
    """What is appended to a file, as it is written: a named pipe tells, where a plain file would have to be polled."""
    os.mkfifo(path)
    reader = asyncio.StreamReader()
    # Opened for both, so that there is no end of file between two writers.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            yield reader
        finally:
            transport.close()


def test_the_fresh_environment_runs_what_was_installed(programs: Path) -> None:
    for module in ("deepguard", "deepguard_log", "acme_notify"):
        place = run(programs / "python", "-P", "-c", f"import {module}; print({module}.__file__)")
        assert Path(place.strip()).is_relative_to(programs.parent)


def test_plugins_lists_it(programs: Path) -> None:
    listed = json.loads(run(programs / "deepguard", "plugins", "--json"))
    assert [plugin["name"] for plugin in listed].count("log") == 1
    acme = next(plugin for plugin in listed if plugin["name"] == "acme-file")
    assert acme == {
        "name": "acme-file",
        "kind": "notifier",
        "distribution": "acme-notify",
        "version": "4.2",
        "status": "loaded",
        "reason": "",
    }


def test_check_accepts_its_configuration_and_refuses_what_its_model_refuses(programs: Path, yaml: Path) -> None:
    run(programs / "deepguard", "check", yaml)
    yaml.write_text(yaml.read_text().replace("path:", "paht:"))
    done = subprocess.run([programs / "deepguard", "check", yaml], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "paht" in done.stdout + done.stderr


async def test_it_is_called_when_an_incident_opens(programs: Path, yaml: Path) -> None:
    async with (
        lines_written_to(yaml.parent / "notified") as notified,
        running("--config", str(yaml), cwd=yaml.parent, program=programs / "deepguard") as program,
        calling(program.url) as caller,
    ):
        async with asyncio.timeout(60):
            while (told := json.loads(await notified.readline()))["kind"] != "incident.opened":
                pass
        assert told["call"] == caller.session_id
