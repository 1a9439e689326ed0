"""From a file to a checked configuration: everything that is wrong is told at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from deepguard.config.crosschecks import PLUGIN_NAME, check_detectors, check_shadows, check_silences, mappings
from deepguard.config.models import (
    MAX_DETECTORS,
    Config,
    DetectorCommon,
    DetectorEntry,
    DetectorList,
    NotifierCommon,
    NotifierEntry,
)
from deepguard.config.reading import read_source
from deepguard.config.source import Keys, Origin, Source, dotted, name_of
from deepguard.config.suggest import did_you_mean
from deepguard.config.wording import message_for, path_in, texts_in, truth_values, without
from deepguard.contracts import DetectorType, NotifierType, PluginConfig
from deepguard.errors import ConfigError, PluginError

API_KEY = "DATASPIKE_API_KEY"
AUTO = "auto"
SEVERAL = "several"

_PARTS = frozenset({"thresholds", "notify"})
"""Sections inside of sections."""

_SECRET_VARIABLE = re.compile(r"KEY|SECRET|TOKEN|PASS|URL", re.IGNORECASE)

Model = TypeVar("Model", bound=BaseModel)
Kind = TypeVar("Kind", DetectorType, NotifierType)


class Plugins(Protocol):
    """What loading needs of the plugin host."""

    notifier_types: dict[str, NotifierType]
    detector_types: dict[str, DetectorType]

    @property
    def names(self) -> list[str]:
        """The installed plugins."""
        ...

    def load(self, name: str) -> None:
        """Load an installed plugin, or raise ``PluginError``."""
        ...

    def load_file(self, path: Path) -> None:
        """Load a plugin's file, or raise ``PluginError``."""
        ...

    def apart(self, name: str) -> Plugins:
        """The host of a shadow policy's plugin, by the shadow's name."""
        ...


def load_config(
    path: str | Path, host: Plugins, environ: Mapping[str, str] = os.environ, *, policy: Path | None = None
) -> Config:
    """Read and check a configuration file, and load the plugins that it names, in the file's order.

    Args:
        path: The file. An empty one means defaults.
        host: Loads plugins.
        environ: The variables that the file and plugins may refer to.
        policy: A policy's file, in place of the one that the configuration names.

    Raises:
        ConfigError: Everything that is wrong, in the order of the file.
    """
    path = Path(path)
    return _Loading(read_source(path, environ), host, environ, path.parent, policy).config()


def default_config(host: Plugins, environ: Mapping[str, str] = os.environ, *, policy: Path | None = None) -> Config:
    """The configuration without a file: the detector that the environment allows, and the log notifier.

    Args:
        host: Loads plugins.
        environ: The variables that plugins may refer to.
        policy: A policy's file.

    Raises:
        ConfigError: The environment holds settings that do not work.
    """
    return _Loading(Source(), host, environ, Path(), policy).config()


class _Loading:
    """One document on its way to a configuration."""

    def __init__(
        self, source: Source, host: Plugins, environ: Mapping[str, str], folder: Path, policy: Path | None
    ) -> None:
        self._source = source
        self._host = host
        self._environ = environ
        self._folder = folder
        self._loaded: set[Keys] = set()
        self._files: dict[str, str] = {}
        # `video:` with every line below it commented out means the same as no `video` at all.
        self._data = {name: _filled(value) for name, value in source.data.items() if value is not None}
        self._data.setdefault("detector", {})
        self._data.setdefault("notifiers", [{"type": "log"}])
        section = self._data.get("policy", {})
        if policy is not None and isinstance(section, dict):
            self._data["policy"] = {**section, "plugin": str(policy.absolute())}

    def config(self) -> Config:
        """Check everything, and raise if anything is wrong."""
        for keys, name in sorted(self._named_plugins(), key=lambda named: self._source.place(named[0])):
            if name and keys not in self._source.broken:
                self._load(keys, name)
        # A placeholder, so that the other sections are checked whatever is wrong with the detector.
        detector = self._detector() or DetectorEntry.model_construct(type=AUTO, options=PluginConfig())
        config = self._validate(Config, self._data | {"detector": detector, "notifiers": self._notifiers()}, ())
        check_silences(self._source, self._data)
        check_shadows(self._source, self._data)
        if config is not None:
            check_detectors(self._source, config)
        if self._source.problems or config is None:
            raise ConfigError(sorted(self._source.problems, key=lambda problem: (problem.line, problem.column)))
        places = {keys: self._source.place(keys) for keys in self._source.values if keys}
        return config.coming_from(Origin(self._source.file, places, self._files))

    def _named_plugins(self) -> Iterator[tuple[Keys, str]]:
        """Every plugin that the document names; what is not a name at all is the business of the models."""
        detector, policy = self._data["detector"], self._data.get("policy")
        notifiers, plugins = self._data["notifiers"], self._data.get("plugins")
        named: list[tuple[Keys, object]] = []
        if isinstance(detector, dict):
            named.append((("detector", "type"), self._detector_type(detector)))
        for index, member in mappings(detector).items():
            named.append((("detector", index, "type"), self._detector_type(member)))
        if isinstance(policy, dict):
            named.append((("policy", "plugin"), policy.get("plugin")))
            for index, shadow in mappings(policy.get("shadow")).items():
                named.append((("policy", "shadow", index, "plugin"), shadow.get("plugin")))
        for index, notifier in enumerate(notifiers if isinstance(notifiers, list) else []):
            if isinstance(notifier, dict):
                named.append((("notifiers", index, "type"), notifier.get("type")))
        for index, plugin in enumerate(plugins if isinstance(plugins, list) else []):
            named.append((("plugins", index), plugin))
        return ((keys, name) for keys, name in named if isinstance(name, str))

    def _load(self, keys: Keys, name: str) -> None:
        """Load one plugin; a failure becomes a problem."""
        host = self._host
        if keys[:2] == ("policy", "shadow"):
            # Its hooks are to be asked for a shadow's decisions, and never for those of a call.
            host = host.apart(str(self._source.at((*keys[:-1], "name"))))
        try:
            if keys[0] == "policy" and (name.endswith(".py") or "/" in name):
                host.load_file(self._folder / name)
                self._files[dotted(keys)] = _digest(self._folder / name)
            elif name in host.names:
                host.load(name)
            else:
                self._source.problem(keys, self._not_installed(keys, name))
                return
        except PluginError as error:
            self._source.problem(keys, without(str(error), self._secrets()))
        else:
            self._loaded.add(keys)

    def _not_installed(self, keys: Keys, name: str) -> str:
        kind = {"detector": "detector", "notifiers": "notifier"}.get(str(keys[0]), "plugin")
        # A secret in the wrong line must not be shown; a name is made of letters, and is in the file itself.
        shown = PLUGIN_NAME.fullmatch(name) and keys not in self._source.expanded
        message = f"no {kind} named '{name}' is installed" if shown else f"no {kind} of this name is installed"
        if guess := did_you_mean(name, [*self._host.names, *([AUTO] if kind == "detector" else [])]):
            message += guess
        elif shown:
            message += f"; if its package is called deepguard-{name}, run `pip install deepguard-{name}`;"
        else:
            message += ";"
        return f"{message} `deepguard plugins` lists what is installed"

    def _detector_type(self, detector: dict[str, Any]) -> object:
        name = detector.get("type", AUTO)
        if name != AUTO:
            return name
        return "dataspike" if self._environ.get(API_KEY, "").strip() else "embedded"

    def _detector(self) -> DetectorEntry | None:
        keys, entry = ("detector",), self._data["detector"]
        if isinstance(entry, list):
            return self._several(entry)
        if not isinstance(entry, dict):
            self._source.problem(keys, "must hold settings, for example `type: auto`")
            return None
        return self._one_detector(keys, entry, ["type"])

    def _several(self, entries: list[Any]) -> DetectorEntry | None:
        if not entries:
            self._source.problem(("detector",), "must name a detector; begin each entry with `- type: name`")
        if len(entries) > MAX_DETECTORS:
            message = f"at most {MAX_DETECTORS} detectors can judge a call; take this one and those after it out"
            self._source.problem(("detector", MAX_DETECTORS), message)
        seen: dict[str, int] = {}
        found = [self._member(index, entry, seen) for index, entry in enumerate(entries)]
        members = tuple(member for member in found if member is not None)
        if not 0 < len(members) == len(entries) <= MAX_DETECTORS:
            return None
        return DetectorEntry(type=SEVERAL, options=DetectorList(members=members))

    def _member(self, index: int, entry: object, seen: dict[str, int]) -> DetectorEntry | None:
        keys: Keys = ("detector", index)
        if not isinstance(entry, dict):
            self._source.problem(keys, "must hold settings, beginning with `type: name`")
            return None
        fields = list(DetectorCommon.model_fields)
        common = self._validate(DetectorCommon, {name: entry[name] for name in fields if name in entry}, keys)
        detector = self._one_detector(keys, entry, ["type", *fields])
        if common is None or detector is None:
            return None
        name = common.name or detector.type
        if name in seen:
            where = (*keys, "name") if common.name else (*keys, "type")
            by_auto = not common.name and entry.get("type", AUTO) == AUTO
            stands = f" (auto stands for {name})" if by_auto else ""
            message = f"detector[{seen[name]}] has the same name{stands}; give this one a `name:` of its own"
            self._source.problem(where, message)
        seen.setdefault(name, index)
        return detector.model_copy(update={"name": name})

    def _one_detector(self, keys: Keys, entry: dict[str, Any], common: list[str]) -> DetectorEntry | None:
        """A detector; ``common`` are the settings that are not its own model's."""
        name = self._detector_type(entry)
        kind = self._type((*keys, "type"), name, self._host.detector_types, "detector")
        options = {name: value for name, value in entry.items() if name not in common}
        if entry.get("type", AUTO) == AUTO and options:
            for option in options:
                guess = did_you_mean(option, common) or " while `type` is auto; name the detector in `type`"
                self._source.problem((*keys, option), f"unknown setting '{name_of(option)}'{guess}", at_key=True)
            return None
        settings = self._validate(kind.config, options, keys, common) if kind else None
        return DetectorEntry(type=str(name), options=settings) if settings is not None else None

    def _notifiers(self) -> list[NotifierEntry]:
        entries = self._data["notifiers"]
        if not isinstance(entries, list):
            self._source.problem(("notifiers",), "must be a list; begin each entry with `- type: name`")
            return []
        seen: dict[str, int] = {}
        return [found for index, entry in enumerate(entries) if (found := self._notifier(index, entry, seen))]

    def _notifier(self, index: int, entry: object, seen: dict[str, int]) -> NotifierEntry | None:
        keys: Keys = ("notifiers", index)
        if not isinstance(entry, dict):
            self._source.problem(keys, "must hold settings, beginning with `type: name`")
            return None
        fields = list(NotifierCommon.model_fields)
        common = self._validate(NotifierCommon, {name: entry[name] for name in fields if name in entry}, keys)
        kind = self._type((*keys, "type"), entry.get("type"), self._host.notifier_types, "notifier")
        options = {name: value for name, value in entry.items() if name not in fields}
        if "type" not in entry:
            for option in options:
                if guess := did_you_mean(option, ["type"]):
                    self._source.problem((*keys, option), f"unknown setting '{name_of(option)}'{guess}", at_key=True)
        settings = self._validate(kind.config, options, keys, fields) if kind else None
        if common is None or settings is None:
            return None
        name = common.name or common.type
        if name in seen:
            where = (*keys, "name") if common.name else (*keys, "type")
            message = f"notifiers[{seen[name]}] has the same name; give this one a `name:` of its own"
            self._source.problem(where, message)
        seen.setdefault(name, index)
        paced = {key: getattr(common, key) or getattr(kind, key) for key in ("rate", "burst", "digest_after")}
        return NotifierEntry(**(dict(common) | paced | {"name": name, "options": settings}))

    def _type(self, keys: Keys, name: object, types: Mapping[str, Kind], kind: str) -> Kind | None:
        """The type that a loaded plugin offers; None when a problem has been noted, here or elsewhere."""
        if not isinstance(name, str) or not name:
            if kind == "detector" or name == "":
                self._source.problem(keys, f"must be the name of a {kind}")
            return None
        if keys not in self._loaded:
            return None
        if name not in types:
            self._source.problem(keys, f"the plugin of this name offers no {kind}; `deepguard plugins` lists each kind")
        return types.get(name)

    def _validate(self, model: type[Model], data: dict[str, Any], keys: Keys, also: Iterable[str] = ()) -> Model | None:
        """Check one part against its model; ``also`` names settings that stand beside the model's own."""
        try:
            checked = model.model_validate(data, context={"environ": self._environ})
            for path in truth_values(data, checked):
                self._source.problem((*keys, *path), "must be a number")
            return checked
        except ValidationError as error:
            found: dict[Keys, list[str]] = {}
            unknown: set[Keys] = set()
            hidden = [*texts_in(data), *self._secrets()]
            for details in error.errors(include_url=False, include_input=False):
                path = path_in(data, details["loc"])
                said = message_for(details, model, path, self._source.at((*keys, *path)), also, hidden)
                if (*keys, *path) in self._source.expanded:
                    said += ", once its variables are replaced"
                # The members of a union complain one by one.
                if said not in found.setdefault(path, []):
                    found[path].append(said)
                if details["type"] == "extra_forbidden":
                    unknown.add(path)
            for path, messages in found.items():
                self._source.problem((*keys, *path), ", or ".join(messages), at_key=path in unknown)
        except Exception as error:  # noqa: BLE001 - a plugin's model may raise anything, and its words may hold values
            self._source.problem(keys, f"the plugin failed to check these settings ({type(error).__name__})")
        return None

    def _secrets(self) -> list[str]:
        return [value for name, value in self._environ.items() if _SECRET_VARIABLE.search(name)]


def _digest(path: Path) -> str:
    """The SHA-256 of a file that has been loaded; empty when it can no longer be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _filled(section: object) -> object:
    """A section without its empty parts, which mean defaults too."""
    if isinstance(section, dict):
        return {name: value for name, value in section.items() if value is not None or name not in _PARTS}
    return section


__all__ = ["API_KEY", "AUTO", "SEVERAL", "default_config", "load_config"]
