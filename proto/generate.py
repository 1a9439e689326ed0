"""Generate the Python code of ``deepfake_streaming.proto``.

``uv run python proto/generate.py`` writes it into the package; with a folder as its argument, it writes it there. The
protobuf runtime must be at least as new as the code: ``protobuf>=`` in pyproject.toml says the version in its header.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "deepguard" / "detectors" / "dataspike"


def generate(target: Path) -> int:
    """Write ``deepfake_streaming_pb2.py`` and its ``.pyi`` into ``target``; the answer is protoc's exit code."""
    return protoc.main(
        ["protoc", f"--proto_path={HERE}", f"--python_out={target}", f"--pyi_out={target}", "deepfake_streaming.proto"]
    )


if __name__ == "__main__":
    sys.exit(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE))
