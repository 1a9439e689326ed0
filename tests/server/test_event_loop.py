"""What the program's event loop brings along."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

TUNED_BY = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}

FAULTS = """
import asyncio, resource, sys
from deepguard.server import loop


def faults() -> int:
    # As a decoder does it: pictures are made, and given back all at once.
    def once():
        for picture in [bytearray(1_400_000) for _ in range(6)]:
            picture[::4096] = bytes(len(picture[::4096]))
    once()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(20):
        once()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


async def main() -> int:
    return await asyncio.to_thread(faults)


print((loop.run if sys.argv[1] == "ours" else asyncio.run)(main()))
"""


def page_faults(loop: str, **variables: str) -> int:
    env = {name: value for name, value in os.environ.items() if name not in TUNED_BY} | variables
    command = [sys.executable, "-c", FAULTS, loop]
    return int(subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_memory_that_a_decoder_gave_back_is_kept_for_the_next() -> None:
    usual = page_faults("asyncio")
    assert page_faults("ours") < usual / 10
    # Whoever tunes it has their way.
    assert page_faults("ours", MALLOC_TRIM_THRESHOLD_="131072") > usual / 10
