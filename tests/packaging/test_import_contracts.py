"""The import contracts that `make check` holds are not empty words: each is broken by what it forbids."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VIOLATIONS = {
    "deepguard/policy/machine.py": "import pipecat\nfrom deepguard.guard import guard\n",
    "deepguard/model.py": "import deepguard_log\n",
    "plugins/deepguard_log/__init__.py": "import deepguard.model\n",
}


def test_each_contract_is_broken_by_what_it_forbids(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("deepguard", "plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "playground"))
    for name, line in VIOLATIONS.items():
        file = tmp_path / name
        file.write_text(file.read_text() + line)
    # A private home of the packages before the environment's own: these copies are what is looked at.
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{tmp_path / 'plugins'}", "COLUMNS": "200"}
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Contracts: 0 kept, 4 broken." in done.stdout
