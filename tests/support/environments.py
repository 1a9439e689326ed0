"""Fresh environments, as a user of the wheel has them, made without the network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def fresh_environment(home: Path, *packages: Path) -> Path:
    """Make an environment with some packages in it and all dependencies of the tests; the folder of its programs.

    Args:
        home: An empty folder.
        packages: Wheels, or folders of packages.
    """
    venv.create(home, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    # The dependencies, without the network: from the environment of the tests. Its own deepguard stays behind, since
    # what makes it importable there is a .pth file, and those are not read in a folder that is named like this.
    Path(paths["purelib"], "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    programs = Path(paths["scripts"])
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check", "install"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    done = subprocess.run([*pip, *offline, *packages], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return programs


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What a program wrote; it has to end well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
