"""Which configuration is meant when none is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deepguard.config.loading import Plugins, default_config, load_config
from deepguard.config.models import Config

USUAL = Path("deepguard.yaml")


def find_config(path: Path | None, host: Plugins, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of a file; without one ``deepguard.yaml`` of the working directory, or else the defaults.

    Args:
        path: The file that was named, if any.
        host: Loads plugins.
        environ: The variables that the file and plugins may refer to.

    Raises:
        ConfigError: Everything that is wrong with it.
    """
    if path is None:
        if not USUAL.exists():
            return default_config(host, environ)
        path = USUAL
    return load_config(path, host, environ)


__all__ = ["USUAL", "find_config"]
