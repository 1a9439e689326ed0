"""The answers of a policy in another process, with another hash seed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from deepguard.contracts import Policy
from deepguard.testing.policy_contract.turns import answers, asked, drawn_streams

STREAMS = 20
LENGTH = 80
PATIENCE = 60.0
SEEDS = ("1", "2")


def answers_here(policy: Policy) -> list[list[str]]:
    """What a policy answers to the streams, in this process."""
    return [answers(asked(policy, stream).turns) for stream in drawn_streams(STREAMS, LENGTH)]


def answers_elsewhere(module: str, file: str, name: str) -> list[list[list[str]]]:
    """What the policy of a test class answers in other processes, one for each of ``SEEDS``.

    Args:
        module: The module of the class.
        file: Its file.
        name: The class, as it is found in the module.

    Raises:
        RuntimeError: The policy cannot be had there; says why.
    """
    command = [
        sys.executable,
        "-c",
        f"import sys; from {__name__} import main; main(*sys.argv[1:])",
        module,
        file,
        name,
    ]
    path = os.pathsep.join([*filter(None, sys.path), str(Path.cwd())])
    processes = [
        subprocess.Popen(  # noqa: S603 - this very program
            command,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in SEEDS
    ]
    found: list[list[list[str]]] = []
    try:
        for process in processes:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"it took longer than {PATIENCE:g} s") from None
            if process.returncode:
                raise RuntimeError(err.strip() or f"exit code {process.returncode}")
            found.append(json.loads(out.splitlines()[-1]))
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()
    return found


def main(module: str, file: str, name: str) -> None:
    """Print what the policy of a test class answers, as JSON: a list for each stream."""
    thing: Any = _module(module, Path(file))
    for part in name.split("."):
        thing = getattr(thing, part)
    print(json.dumps(answers_here(thing().policy())))


def _module(name: str, file: Path) -> Any:
    try:
        module = importlib.import_module(name)
        if Path(module.__file__ or "") == file:
            return module
    except ImportError:
        pass
    # Pytest may have found the file in a way of its own.
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


__all__ = ["LENGTH", "STREAMS", "answers_elsewhere", "answers_here", "main"]
