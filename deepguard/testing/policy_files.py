"""Policies' files and configurations, loaded as a server would, once for as long as they do not change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from deepguard.config.loading import load_config
from deepguard.errors import PluginError
from deepguard.plugins import PluginHost
from deepguard.text import one_line
from deepguard.thresholds import Thresholds

MOST = 16


class _Loaded(NamedTuple):
    """One file.

    Attributes:
        host: Its plugins.
        thresholds: What it says, if it is a configuration.
        stamps: What it was when it was loaded: it and the policy that it names.
        environ: What its variables may have stood for.
    """

    host: PluginHost
    thresholds: Thresholds | None
    stamps: dict[Path, tuple[int, int]]
    environ: dict[str, str]


_kept: dict[Path, _Loaded] = {}


def loaded(path: Path) -> tuple[PluginHost, Thresholds | None]:
    """The plugins of a file, and the thresholds of it where it is a configuration (``.yaml``).

    A test that plays a hundred calls would otherwise load it a hundred times; a server does it once, too.

    Args:
        path: The file.

    Raises:
        ConfigError: The configuration cannot be used.
        PluginError: The policy's file cannot be loaded.
    """
    path = path.absolute()
    found = _kept.get(path)
    if found is None or found.environ != os.environ or any(_stamp(one) != was for one, was in found.stamps.items()):
        _kept.pop(path, None)
        found = _load(path)
        if len(_kept) >= MOST:
            del _kept[next(iter(_kept))]
        _kept[path] = found
    return found.host, found.thresholds


def _load(path: Path) -> _Loaded:
    host, thresholds, files = PluginHost(), None, [path]
    if path.suffix in (".yaml", ".yml"):
        policy = load_config(path, host).policy
        thresholds = policy.thresholds.thresholds()
        if policy.plugin is not None:
            files.append(path.parent / policy.plugin)
    else:
        try:
            host.load_file(path)
        except PluginError as error:
            raise PluginError(f"{one_line(str(path))}: {error}") from error.__cause__
    return _Loaded(host, thresholds, {file: _stamp(file) for file in files}, dict(os.environ))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)  # the name of an installed plugin, or a file that is gone
    return (status.st_mtime_ns, status.st_size)


__all__ = ["MOST", "loaded"]
