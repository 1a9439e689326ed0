"""`new-plugin`: the names that it takes, and what it leaves alone."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepguard.cli import app

FILES = {
    "pyproject.toml",
    "README.md",
    ".gitignore",
    "deepguard_my_2nd_pager/__init__.py",
    "deepguard_my_2nd_pager/settings.py",
    "deepguard_my_2nd_pager/notifier.py",
    "deepguard_my_2nd_pager/py.typed",
    "tests/test_contract.py",
}


def call(*arguments: str):
    return CliRunner().invoke(app, ["new-plugin", *arguments])


def test_it_writes_a_whole_package(folder):
    result = call("my-2nd-pager")
    assert result.exit_code == 0
    package = Path("deepguard-my-2nd-pager")
    assert {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()} == FILES
    project = tomllib.loads((package / "pyproject.toml").read_text())
    assert project["project"]["name"] == "deepguard-my-2nd-pager"
    assert project["project"]["entry-points"]["deepguard"] == {"my-2nd-pager": "deepguard_my_2nd_pager"}
    for path in package.rglob("*.py"):
        compile(path.read_text(), path, "exec")
    assert "url: ${MY_2ND_PAGER_URL}" in (package / "README.md").read_text()
    assert "class My2ndPagerNotifier(Notifier)" in (package / "deepguard_my_2nd_pager/notifier.py").read_text()
    assert f"cd {package}" in result.stdout
    assert "- type: my-2nd-pager" in result.stdout


def test_it_writes_a_policy_and_its_test(folder):
    result = call("wire-desk", "--policy")
    assert result.exit_code == 0
    assert {path.name for path in folder.iterdir()} == {"wire_desk_policy.py", "test_wire_desk_policy.py"}
    assert "plugin: ./wire_desk_policy.py" in result.stdout
    Path("deepguard.yaml").write_text("policy:\n  plugin: ./wire_desk_policy.py\n")
    assert CliRunner().invoke(app, ["check"]).exit_code == 0


@pytest.mark.slow
def test_the_policy_that_it_writes_passes_its_test(folder):
    call("wire-desk", "--policy", "--directory", "desk")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "desk/test_wire_desk_policy.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 passed" in done.stdout


def test_it_overwrites_no_policy(folder):
    Path("test_pager_policy.py").write_text("mine")
    result = call("pager", "--policy")
    assert (result.exit_code, result.stderr) == (
        1,
        "deepguard: test_pager_policy.py is there already: choose another name, or another --directory\n",
    )
    assert [path.name for path in folder.iterdir()] == ["test_pager_policy.py"]
    result = call("pager", "--policy", "--directory", "test_pager_policy.py")
    assert (result.exit_code, result.stderr) == (
        1,
        "deepguard: test_pager_policy.py cannot be written: File exists\n",
    )


@pytest.mark.parametrize(
    "rule", [("check", "--select", "A,ASYNC,B,D,E,F,I,N,PT,RET,RUF,SIM,UP"), ("format", "--check")]
)
def test_what_it_writes_is_as_clean_as_our_own(folder, rule):
    call("pager")
    call("pager", "--policy", "--directory", "deepguard-pager")
    style = (
        "--isolated",
        "--no-cache",
        "--config",
        "line-length=120",
        "--config",
        "lint.pydocstyle.convention='google'",
    )
    command = [sys.executable, "-m", "ruff", *rule, *style, "."]
    done = subprocess.run(command, cwd="deepguard-pager", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_overwrites_nothing(folder):
    assert call("pager").exit_code == 0
    notifier = Path("deepguard-pager/deepguard_pager/notifier.py")
    notifier.write_text("mine")
    result = call("pager")
    assert (result.exit_code, result.stderr) == (
        1,
        "deepguard: deepguard-pager is there already: choose another name, or another --directory\n",
    )
    assert notifier.read_text() == "mine"
    assert call("pager", "--directory", "other/place").exit_code == 0
    assert Path("other/place/deepguard-pager/pyproject.toml").is_file()


@pytest.mark.parametrize("name", ["Pager", "2pager", "pager-", "a--b", "a_b", "a.b", "../a", "a" * 41, "pag\x1b[31mer"])
def test_names_that_no_package_can_have_are_refused(folder, name):
    result = call(name)
    assert result.exit_code == 1
    assert "cannot be the name of a plugin: lower-case letters and digits" in result.stderr
    assert result.stderr.rstrip("\n").isprintable()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["log", "embedded"])
def test_names_that_are_taken_are_refused(folder, name):
    result = call(name)
    assert (result.exit_code, result.stderr) == (
        1,
        f"deepguard: a plugin named '{name}' is installed already: choose another name\n",
    )


def test_a_folder_that_cannot_be_written_is_named(folder):
    Path("file").touch()
    result = call("pager", "--directory", "file")
    assert (result.exit_code, result.stderr) == (
        1,
        "deepguard: file/deepguard-pager cannot be written: Not a directory\n",
    )
