"""`deepguard run` takes as many open files as the system gives, where it begins with few."""

from __future__ import annotations

import resource
from pathlib import Path

import aiohttp
import pytest

from deepguard.server.files import OPEN_MAX, allow_many_files
from support.program import DEEPGUARD, running

MOST = 900


def limited(folder: Path, soft: int) -> Path:
    """The command, begun with so many open files, of which it may have more."""
    script = folder / "limited"
    script.write_text(f'#!/bin/sh\nulimit -Sn {soft}\nulimit -Hn {MOST}\nexec "{DEEPGUARD}" "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("soft", [100, MOST])
async def test_the_program_may_open_as_many_files_as_the_system_gives(tmp_path: Path, soft: int) -> None:
    (tmp_path / "deepguard.yaml").write_text("detector: {type: embedded}\n")
    async with (
        running(cwd=tmp_path, program=limited(tmp_path, soft)) as program,
        aiohttp.ClientSession(program.url) as http,
        http.get("/metrics") as response,
    ):
        assert f"process_max_fds {MOST:.1f}" in await response.text()


@pytest.mark.parametrize(("soft", "taken"), [(256, OPEN_MAX), (2 * OPEN_MAX, 2 * OPEN_MAX)])
def test_a_system_that_has_no_limit_and_yet_takes_no_number_above_one(
    monkeypatch: pytest.MonkeyPatch, soft: int, taken: int
) -> None:
    limits = (soft, resource.RLIM_INFINITY)

    def set_limits(_which: int, asked: tuple[int, int]) -> None:
        nonlocal limits
        if asked[0] == resource.RLIM_INFINITY:  # as macOS does
            raise ValueError("current limit exceeds maximum limit")
        limits = asked

    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", set_limits)
    allow_many_files()
    assert limits == (taken, resource.RLIM_INFINITY)


def test_a_system_that_gives_no_more_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: int, _asked: tuple[int, int]) -> None:
        raise OSError("not permitted")

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    allow_many_files()
