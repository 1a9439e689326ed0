"""The console script, as a process of its own."""

import json
import os
import signal
import subprocess
import sys

import pytest

from support.program import DEEPGUARD, deepguard

HEAVY = {"aiohttp", "av", "cv2", "fastapi", "numpy", "pipecat", "rich", "simplejpeg", "slack_sdk", "uvicorn"}
PROBE = """
import json, sys
from deepguard.cli import main
sys.argv = ["deepguard", "check", *sys.argv[1:]]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)))
"""
# A shell may have started the tests with interrupts ignored, which processes inherit.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from deepguard.cli import main
main()
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "detector: {type: dataspike, api_key: some-key}",
        "detector: {type: scenario, timeline: [{at: 0, all: clear}]}",
        "notifiers: [{type: log, path: alerts.jsonl}]",
        "video: {fsp: 1}",
    ],
)
def test_check_imports_nothing_heavy(folder, text):
    (folder / "deepguard.yaml").write_text(text)
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert done.returncode == ("fsp" in text), done.stderr
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert modules & HEAVY == set()
    assert "deepguard.cli.check" in modules
    assert modules & {"deepguard.cli.run", "deepguard.cli.detector", "deepguard.cli.plugins"} == set()


async def test_check_of_a_good_and_of_a_bad_file(folder):
    (folder / "good.yaml").write_text("detector: {type: dataspike}\n")
    code, out, err = await deepguard("check", "good.yaml", cwd=folder, env={"DATASPIKE_API_KEY": "some-key"})
    assert (code, err) == (0, "")
    assert out.startswith("good.yaml is fine. Detector: dataspike. Notifiers: log.\nIts hash is ")
    code, out, err = await deepguard("check", "good.yaml", cwd=folder)
    assert (code, out) == (1, "")
    assert err.startswith("good.yaml:1:")
    assert "DATASPIKE_API_KEY" in err
    assert "Traceback" not in err


async def test_no_arguments_show_help(folder):
    code, out, err = await deepguard(cwd=folder)
    assert code == 2
    assert "Usage: deepguard" in out + err


def test_an_interrupt_ends_with_130(folder):
    os.mkfifo(folder / "deepguard.yaml")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # Opening this end returns once the command has opened its own and waits for content.
    with process, (folder / "deepguard.yaml").open("w"):
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in out + err


def test_a_reader_that_goes_away_is_no_error_to_show(folder):
    process = subprocess.Popen([DEEPGUARD, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(30)
    assert b"Traceback" not in err
