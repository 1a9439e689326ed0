"""The files by which deepguard is deployed: they name what exists, and Pipecat Cloud's own tool accepts them."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
SENT = [
    "bot.py",
    "deepguard.yaml",
    "deepguard",
    "plugins",
    "pyproject.toml",
    "uv.lock",
    "README.md",
    "LICENSE",
    "Dockerfile",
]
NOT_SENT = [".env", ".venv/bin/python", "deepguard/__pycache__/x.pyc", "tests/test_x.py", "deepguard.db", ".git/config"]

# In a process of its own: importing pipecatcloud takes over the logger.
READ_DEPLOY_CONFIG = """
import json, sys
from pipecatcloud.cli import config
config.deploy_config_path = sys.argv[1]
from pipecatcloud._utils.deploy_utils import load_deploy_config_file
print(json.dumps(load_deploy_config_file().to_dict()))
"""
PACK_BUILD_CONTEXT = """
import pathlib, sys
from pipecatcloud._utils.build_utils import create_deterministic_tarball, get_exclusions
context = pathlib.Path(sys.argv[1])
pathlib.Path(sys.argv[2]).write_bytes(create_deterministic_tarball(str(context), get_exclusions(context)).tarball)
"""


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def instructions(word: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", read("Dockerfile"))
    return [line.removeprefix(word).strip() for line in joined.splitlines() if line.startswith(f"{word} ")]


def copied_sources() -> list[str]:
    copies = [copy.split() for copy in instructions("COPY") if "--from" not in copy]
    bound = re.findall(r"type=bind,source=([^,\s]+)", "\n".join(instructions("RUN")))
    return [source for copy in copies for source in copy[:-1]] + bound


def files_below(path: Path) -> list[Path]:
    return [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


@pytest.fixture
def context(tmp_path: Path) -> set[str]:
    """What `pipecat cloud deploy` sends to be built, of a tree that also holds what must stay at home."""
    tree = tmp_path / "tree"
    for name in [*SENT, ".dockerignore"]:
        for file in files_below(ROOT / name):
            target = tree / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for name in NOT_SENT:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("at home")
    done = run_python(PACK_BUILD_CONTEXT, tree, tmp_path / "context.tar.gz")
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "context.tar.gz") as archive:
        return set(archive.getnames())


def test_the_build_context_holds_all_that_is_copied_and_no_secret(context: set[str]) -> None:
    sources = copied_sources()
    assert {"deepguard", "plugins", "bot.py", "uv.lock"} <= set(sources)
    wanted = {file.relative_to(ROOT).as_posix() for source in sources for file in files_below(ROOT / source)}
    assert wanted
    assert wanted <= context
    assert not context & set(NOT_SENT)


def test_pipecat_cloud_builds_the_last_stage() -> None:
    stages = instructions("FROM")
    assert stages[-1].startswith("dailyco/pipecat-base:")
    assert stages[-1].endswith(" AS cloud")
    assert read("Dockerfile").rstrip().endswith("WORKDIR /app\nCOPY bot.py deepguard.yaml ./")


def test_the_images_run_a_python_that_is_supported() -> None:
    pythons = {match[1] for stage in instructions("FROM") if (match := re.search(r"(?:python:|-py)(3\.\d+)", stage))}
    assert pythons
    assert all(f"Programming Language :: Python :: {version}" in read("pyproject.toml") for version in pythons)


def test_the_standalone_image_does_not_run_as_root() -> None:
    standalone = read("Dockerfile").partition(" AS standalone")[2].partition("\nFROM ")[0]
    user = re.search(r"^USER (\w+)$", standalone, re.MULTILINE)
    assert user
    assert re.search(rf"useradd .*\b{user[1]}$", standalone, re.MULTILINE)


def test_pipecat_clouds_own_loader_accepts_the_deploy_file() -> None:
    done = run_python(READ_DEPLOY_CONFIG, ROOT / "pcc-deploy.toml")
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)
    assert config["agent_name"] == "deepguard"
    assert config["build_config"]["dockerfile"] == "Dockerfile"


def test_that_loader_refuses_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "pcc-deploy.toml").write_text('agent_naem = "deepguard"\n')
    assert "agent_naem" in run_python(READ_DEPLOY_CONFIG, tmp_path / "pcc-deploy.toml").stderr


def test_the_example_environment_sets_nothing_and_names_what_is_read() -> None:
    assert not dotenv_values(ROOT / "env.example")
    code = "\n".join(path.read_text() for path in (ROOT / "deepguard").rglob("*.py"))
    names = re.findall(r"^# ([A-Z][A-Z0-9_]+)=", read("env.example"), re.MULTILINE)
    assert {"DATASPIKE_API_KEY", "DATASPIKE_WS_URL"} <= set(names)
    assert [name for name in names if name not in code] == []


def read(name: str) -> str:
    return (ROOT / name).read_text()
