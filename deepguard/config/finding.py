"""Which configuration is meant when none is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deepguard.config.loading import Plugins, default_config, load_config
from deepguard.config.models import Config

USUAL = Path("deepguard.yaml")
VARIABLE = "DEEPGUARD_CONFIG"


def find_config(
    path: Path | None, host: Plugins, environ: Mapping[str, str] = os.environ, *, policy: Path | None = None
) -> Config:
    """Load the configuration that is meant.

    It is the named file, or that of the variable ``DEEPGUARD_CONFIG``, or ``deepguard.yaml`` of the working directory,
    or else the defaults.

    Args:
        path: The file that was named, if any.
        host: Loads plugins.
        environ: The variables that the file and plugins may refer to.
        policy: A policy's file, in place of the one that the configuration names.

    Raises:
        ConfigError: Everything that is wrong with it.
    """
    found = which_config(path, environ)
    if found is None:
        return default_config(host, environ, policy=policy)
    return load_config(found, host, environ, policy=policy)


def which_config(path: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that is meant; None for the defaults.

    Args:
        path: The file that was named, if any.
        environ: May name one in ``DEEPGUARD_CONFIG``.
    """
    if path is None and (named := environ.get(VARIABLE)):
        return Path(named)
    return USUAL if path is None and USUAL.exists() else path


__all__ = ["USUAL", "VARIABLE", "find_config", "which_config"]
