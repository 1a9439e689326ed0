"""What deepguard's libraries write about themselves: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAR = "from deepguard.pipeline.receive.voice import VoiceActivity; VoiceActivity().feed(bytes(64000))"


def test_the_speech_model_leaves_no_trace_of_its_use(tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", HEAR], env={**environ, "HOME": str(tmp_path)}, check=True, timeout=120)
    assert not [path for path in tmp_path.rglob("*") if "onnx" in path.name.lower() or "Microsoft" in path.name]
