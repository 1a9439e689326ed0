"""The plugin host: loads plugins and calls their hooks, and lets none of them hurt the others."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any, Literal

import pluggy

from deepguard import hookspecs
from deepguard.config.suggest import did_you_mean
from deepguard.contracts import DetectorType, NotifierType
from deepguard.errors import PluginError
from deepguard.hookspecs import PROJECT
from deepguard.plugins.checks import check_types, find_faults
from deepguard.plugins.entry_points import distribution_of, find_entry_points
from deepguard.plugins.places import place_of
from deepguard.text import one_line

DEFAULT_POLICY = "default-policy"
POLICY_HOOKS = ("deepguard_policy", "deepguard_thresholds", "deepguard_should_notify")
FILE_MODULE = "_deepguard_file_"
"""How the names of modules begin that were loaded from files."""

_FILES = itertools.count(1)

# A plugin that ends the interpreter while it is imported must not take the command with it.
FAILURES = (Exception, SystemExit)


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One installed entry point of group ``deepguard``.

    Attributes:
        name: What the configuration calls it.
        kind: ``notifier``, ``detector``, ``policy`` or ``hooks``; empty while it is not loaded.
        distribution: The package that brought it.
        version: The package's version.
        status: Whether it is loaded.
        reason: Why it could not be loaded, else empty.
    """

    name: str
    kind: Literal["notifier", "detector", "policy", "hooks", ""]
    distribution: str
    version: str
    status: Literal["loaded", "not loaded", "failed"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an implementation of a hook returned.

    Attributes:
        value: The result.
        function: The implementation.
    """

    value: Any
    function: Callable[..., Any]

    @property
    def place(self) -> str:
        """Which implementation it was, for people: a file and a line."""
        return place_of(self.function)


class PluginHost:
    """Loads plugins and calls their hooks.

    Attributes:
        notifier_types: The kinds of notifiers that loaded plugins offer, by name.
        detector_types: The kinds of detectors that loaded plugins offer, by name.
    """

    def __init__(self, installed: Iterable[Distribution] | None = None) -> None:
        """Find the entry points, and load the default policy.

        Args:
            installed: The distributions to look at; default: every one that this interpreter sees.

        Raises:
            PluginError: The default policy does not load: deepguard's own installation is damaged.
        """
        self.notifier_types: dict[str, NotifierType] = {}
        self.detector_types: dict[str, DetectorType] = {}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        if installed is not None:
            installed = list(installed)
        self._entries = find_entry_points(distributions() if installed is None else installed)
        self._plugins: dict[str, object] = {}
        self._failures: dict[str, str] = {}
        self._installed = installed
        self._apart: dict[str, PluginHost] = {}
        if DEFAULT_POLICY not in self._entries:
            raise PluginError("deepguard's own plugins are not registered with this Python: install deepguard again")
        self.load(DEFAULT_POLICY)

    @property
    def hook(self) -> pluggy.HookRelay:
        """The hooks, for calling them as pluggy does: what an implementation raises comes through."""
        return self._manager.hook

    @property
    def names(self) -> list[str]:
        """The names that a configuration can use, in alphabetical order."""
        return sorted(self._entries.keys() - {DEFAULT_POLICY})

    def load(self, name: str) -> None:
        """Load one installed plugin; once is enough.

        Args:
            name: Its entry point's name.

        Raises:
            PluginError: It is not installed, is offered twice, or does not load; says which and why.
        """
        if name in self._plugins:
            return
        if name in self._failures:
            raise PluginError(self._failures[name])
        try:
            self._plugins[name] = self._load_entry(name)
        except PluginError as error:
            self._failures[name] = str(error)
            raise

    def load_file(self, path: Path) -> None:
        """Load a plugin from a Python file; once is enough.

        Args:
            path: The file.

        Raises:
            PluginError: It is not there or does not load; says why, and in which line.
        """
        try:
            path = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise PluginError("this is not the path of a file") from error
        name = str(path)
        if name in self._plugins:
            return
        if not path.is_file():
            raise PluginError("there is no such file; its path counts from the folder of the configuration")
        module_name = f"{FILE_MODULE}{path.stem}_{next(_FILES)}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise PluginError("this is not a Python file: its name must end in .py")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickles of the file look their module up by name.
        sys.modules[module_name] = module
        try:
            with contextlib.redirect_stdout(sys.stderr):
                spec.loader.exec_module(module)
            self._register(module, name, path.name, frozenset())
        except FAILURES as error:
            del sys.modules[module_name]
            if isinstance(error, PluginError):
                raise
            raise PluginError(f"{path.name} cannot be loaded: {_reason(error, name)}") from error
        self._plugins[name] = module

    def apart(self, name: str) -> PluginHost:
        """A host for plugins whose hooks must not be called with those of this one: a shadow policy's.

        Args:
            name: The shadow policy's name; the same name gives the same host.
        """
        if name not in self._apart:
            self._apart[name] = PluginHost(self._installed)
        return self._apart[name]

    def load_all(self) -> None:
        """Load every installed plugin; what fails is told by ``installed``."""
        for name in self._entries:
            with contextlib.suppress(PluginError):
                self.load(name)

    def installed(self) -> list[InstalledPlugin]:
        """List every entry point, in alphabetical order, without loading any."""
        return [self._describe(name, entry) for name in sorted(self._entries) for entry in self._entries[name]]

    def first(self, name: str, /, **arguments: Any) -> Any:
        """Call a hook until an implementation gives a result; one that raises is reported and counts as None.

        Args:
            name: The hook.
            **arguments: All of its arguments.
        """
        answer = self.answer(name, **arguments)
        return None if answer is None else answer.value

    def answer(self, name: str, /, *, failures: list[str] | None = None, **arguments: Any) -> Answer | None:
        """Call a hook until an implementation gives a result, and tell which one did.

        Args:
            name: The hook.
            failures: Gets why implementations that raised did so, for people; None: that is logged.
            **arguments: All of its arguments.
        """
        return next(self._answers(name, arguments, failures), None)

    def collect(self, name: str, /, **arguments: Any) -> list[Any]:
        """Call every implementation of a hook; one that raises is reported and left out.

        Args:
            name: The hook.
            **arguments: All of its arguments.

        Returns:
            The results that are not None, the plugin that was loaded last first.
        """
        return [answer.value for answer in self._answers(name, arguments)]

    async def observe(self, name: str, /, **arguments: Any) -> None:
        """Call every implementation of an observer, one after the other, awaiting those that are asynchronous.

        One that raises is reported, and the others go on.

        Args:
            name: The hook.
            **arguments: All of its arguments.
        """
        for implementation in self._implementations(name):
            try:
                result = _call(implementation, arguments)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                _report(implementation, name, error)

    def is_overridden(self, name: str) -> bool:
        """Whether a loaded plugin implements a hook, besides deepguard's own."""
        own = self._plugins[DEFAULT_POLICY]
        return any(implementation.plugin is not own for implementation in self._implementations(name))

    def _implementations(self, name: str) -> Iterator[pluggy.HookImpl]:
        # pluggy keeps them in the order opposite to that of calling.
        return reversed(getattr(self._manager.hook, name).get_hookimpls())

    def _answers(self, name: str, arguments: dict[str, Any], failures: list[str] | None = None) -> Iterator[Answer]:
        for implementation in self._implementations(name):
            try:
                result = _call(implementation, arguments)
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError("returned a coroutine; this hook cannot be asynchronous")
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                if failures is None:
                    _report(implementation, name, error)
                else:
                    failures.append(f"{place_of(implementation.function)}: {name} failed: {_reason(error)}")
            else:
                if result is not None:
                    yield Answer(result, implementation.function)

    def _load_entry(self, name: str) -> object:
        entries = self._entries.get(name, [])
        if not entries:
            raise PluginError(f"no plugin named '{one_line(name)}' is installed{did_you_mean(name, self.names)}")
        if len(entries) > 1:
            offers = " and ".join(_origin(entry) for entry in entries)
            raise PluginError(f"the plugin '{name}' is offered by {offers}: uninstall all but one of them")
        entry = entries[0]
        label = f"the plugin '{name}' of {_origin(entry)}"
        try:
            with contextlib.redirect_stdout(sys.stderr):
                plugin = entry.load()
        except FAILURES as error:
            raise PluginError(f"{label} cannot be loaded: {_reason(error)}") from error
        # Two entry points of one package may point to the same module.
        if not self._manager.is_registered(plugin):
            self._register(plugin, name, label, self._names_of(entry))
        return plugin

    def _names_of(self, entry: EntryPoint) -> frozenset[str]:
        return frozenset(
            name for name, entries in self._entries.items() if any(_origin(e) == _origin(entry) for e in entries)
        )

    def _register(self, plugin: object, name: str, label: str, type_names: frozenset[str]) -> None:
        try:
            if faults := "; ".join(find_faults(plugin, self._manager)):
                raise PluginError(faults)
            self._manager.register(plugin, name)
            notifiers: dict[str, NotifierType] = {}
            detectors: dict[str, DetectorType] = {}
            for offered in self._own_results(plugin, "deepguard_register_notifiers"):
                notifiers |= check_types(offered, NotifierType, type_names, self.notifier_types | notifiers)
            for offered in self._own_results(plugin, "deepguard_register_detectors"):
                detectors |= check_types(offered, DetectorType, type_names, self.detector_types | detectors)
        except FAILURES as error:
            if self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            reason = str(error) if isinstance(error, PluginError) else _reason(error)
            raise PluginError(f"{label} does not fit: {reason}") from error
        self.notifier_types |= notifiers
        self.detector_types |= detectors

    def _own_results(self, plugin: object, hook: str) -> list[object]:
        return [impl.function() for impl in self._implementations(hook) if impl.plugin is plugin]

    def _describe(self, name: str, entry: EntryPoint) -> InstalledPlugin:
        distribution, version = distribution_of(entry)
        if name in self._failures:
            return InstalledPlugin(name, "", distribution, version, "failed", self._failures[name])
        if name not in self._plugins:
            return InstalledPlugin(name, "", distribution, version, "not loaded")
        return InstalledPlugin(name, self._kind(name), distribution, version, "loaded")

    def _kind(self, name: str) -> Literal["notifier", "detector", "policy", "hooks"]:
        if name in self.notifier_types:
            return "notifier"
        if name in self.detector_types:
            return "detector"
        plugin = self._plugins[name]
        decides = any(impl.plugin is plugin for hook in POLICY_HOOKS for impl in self._implementations(hook))
        return "policy" if decides else "hooks"


def _call(implementation: pluggy.HookImpl, arguments: dict[str, Any]) -> Any:
    return implementation.function(*(arguments[name] for name in implementation.argnames))


def _report(implementation: pluggy.HookImpl, hook: str, error: Exception) -> None:
    # Loading a plugin happens in commands that must be quick; loguru is only needed when something is wrong.
    from loguru import logger

    logger.error("The plugin {} failed in {}: {}", implementation.plugin_name, hook, _reason(error))


def _reason(error: BaseException, file: str = "") -> str:
    """An exception's type and message on one line, and the line of ``file`` that it came from."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {one_line(str(error))}{place}"


def _origin(entry: EntryPoint) -> str:
    return " ".join(distribution_of(entry))


__all__ = ["DEFAULT_POLICY", "Answer", "InstalledPlugin", "PluginHost"]
