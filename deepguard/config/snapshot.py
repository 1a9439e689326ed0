"""What is kept of a configuration beside the calls that it guarded: its settings without secrets, and a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from deepguard import __version__
from deepguard.config.models import Config
from deepguard.config.source import Keys, Place, dotted
from deepguard.contracts import PluginConfig

MASK = "**********"
SHOWN_HASH = 12
"""Characters of a hash that people are shown."""

_HASH = 32
_CORE = "deepguard."
_OF_THE_HOST = frozenset({"host", "port", "ice_servers"})
"""Settings of ``server`` that say where one host listens, or that may hold credentials; no call is judged by them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A configuration as it is written down.

    Attributes:
        hash: The same for the same settings, on every host: what a plugin has for a secret, or could, left out.
        file: The file's name as the user gave it; empty when there is none.
        body: The settings that count, defaults too, as they stand in YAML; without secrets, and without what plugins
            are set to.
        places: Line and column of each of them that the file holds, by its path, for example ``notifiers[0].on``.
    """

    hash: str
    file: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


def snapshot_of(config: Config, version: str = __version__) -> Snapshot:
    """Write a configuration down.

    Args:
        config: The configuration.
        version: The program's version.
    """
    body = _Plain(options=False).of(config)
    hashed = {
        "settings": _Plain(options=True).of(config),
        "files": dict(config.origin.files),
        "version": version,
    }
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    places = {dotted(keys): place for keys in _paths(body) if (place := config.origin.places.get(keys)) is not None}
    return Snapshot(hashlib.sha256(text.encode()).hexdigest()[:_HASH], config.origin.file, body, places)


class _Plain:
    """Turns settings into JSON's own kinds of values."""

    def __init__(self, *, options: bool) -> None:
        """Prepare.

        Args:
            options: Whether what plugins are set to comes in, masked.
        """
        self._options = options

    def of(self, value: Any, *, is_ours: bool = True) -> Any:
        """A value as JSON holds it.

        Args:
            value: A value of a checked configuration.
            is_ours: Whether deepguard's own models hold it, which say by their types what is secret. Others may keep a
                secret in a plain text.
        """
        match value:
            case SecretStr():
                return MASK if value.get_secret_value() else ""
            case BaseModel():
                return self._section(value)
            case Enum():
                return self.of(value.value)
            case None | bool() | int() | float():
                return value
            case Mapping():
                pairs = {
                    str(self.of(key, is_ours=is_ours)): self.of(one, is_ours=is_ours) for key, one in value.items()
                }
                return pairs if is_ours else {MASK: list(pairs.values())}
            case set() | frozenset():
                return sorted((self.of(one, is_ours=is_ours) for one in value), key=repr)
            case list() | tuple():
                return [self.of(one, is_ours=is_ours) for one in value]
        text = str(value)  # a text, or what stands for one in YAML: `3 of 5`
        return _without_credentials(text) if is_ours or not text else MASK

    def _section(self, section: BaseModel) -> dict[str, Any]:
        kind = type(section)
        is_ours = kind.__module__.startswith(_CORE)
        left_out = _OF_THE_HOST if kind.__name__ == "ServerParams" else frozenset()
        values = {name: getattr(section, name) for name in kind.model_fields if name not in left_out}
        return {
            name: self.of(value, is_ours=is_ours)
            for name, value in values.items()
            if self._options or not _is_of_a_plugin(value)
        }


def _is_of_a_plugin(value: Any) -> bool:
    return isinstance(value, PluginConfig) and not type(value).__module__.startswith(f"{_CORE}config.")


def _without_credentials(text: str) -> str:
    """A text without the user, the password and the query of an address."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return MASK


def _paths(value: Any, keys: Keys = ()) -> Iterator[Keys]:
    """Where each value of a body stands."""
    yield keys
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _paths(member, (*keys, key))


__all__ = ["MASK", "SHOWN_HASH", "Snapshot", "snapshot_of"]
