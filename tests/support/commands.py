"""Commands of `deepguard`, each in a process of its own that need not wait for imports.

What the console script itself does is tested with ``support.program``; this runs the same ``main`` many times over.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "deepguard.cli.deliveries",
        "deepguard.cli.export",
        "deepguard.cli.import_",
        "deepguard.cli.notify_test",
        "deepguard.cli.replay",
        "deepguard.cli.tune",
        "deepguard.replay.work",
        "deepguard.notify.trial",
        "rich.table",
        "support.commands",
    ]
)


def _main(arguments: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    from deepguard.cli import main

    for number, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["deepguard", *arguments]
    main()


async def command(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """One command to its end: exit code, standard output, standard error."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DATASPIKE_", "DEEPGUARD_"))}
    clean |= {"NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = _forks.Process(target=_main, args=(list(arguments), str(cwd), clean, out.name, err.name))
        process.start()
        try:
            await asyncio.to_thread(process.join, 60)
            code = process.exitcode
            assert code is not None, arguments
        finally:
            process.kill()
            process.join()
            process.close()
        return code, out.read().decode(), err.read().decode()


__all__ = ["command"]
