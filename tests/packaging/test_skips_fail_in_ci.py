"""A test that skips, or is expected to fail, may not pass unnoticed in CI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CONFTEST = TESTS / "conftest.py"
MODULES = {
    "test_passes.py": "def test_passes():\n    pass\n",
    "test_skipped.py": "import pytest\ndef test_skipped():\n    pytest.skip('no reason')\n",
    "test_expected_to_fail.py": "import pytest\n@pytest.mark.xfail\ndef test_fails():\n    assert False\n",
    "test_not_collected.py": "import pytest\npytest.importorskip('no_such_module')\n",
    "test_page.py": "import pytest\n@pytest.mark.browser\ndef test_page():\n    assert False\n",
    "test_store.py": "def test_store(postgres_url):\n    assert False\n",
}


def run_pytest(folder: Path, *, ci: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra -p no:cacheprovider\nmarkers = browser\n")
    for name, code in MODULES.items():
        (folder / name).write_text(code)
    no_programs = {
        "CI": ci,
        "PATH": str(folder),
        "PYTHONPATH": str(TESTS),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest"]
    return subprocess.run(
        command, env={**os.environ, **no_programs}, capture_output=True, text=True, cwd=folder, check=False
    )


def test_tests_that_did_not_run_fail_the_run_in_ci(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, ci="true")
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    listed = result.stdout.partition("these tests must run")[2].splitlines()
    assert set(MODULES) - {"test_passes.py"} == {line.partition("::")[0] for line in listed if line.startswith("test_")}


def test_elsewhere_they_are_only_reported(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, ci="")
    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "1 passed, 4 skipped, 1 xfailed" in result.stdout


@pytest.mark.parametrize("packages", ["chromium ffmpeg espeak-ng", "postgresql"])
def test_what_is_skipped_says_what_to_install(tmp_path: Path, packages: str) -> None:
    assert f"apt install {packages}" in run_pytest(tmp_path, ci="").stdout
