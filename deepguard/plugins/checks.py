"""Checks of a plugin before it is registered: what pluggy takes silently, and what its author should hear."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pluggy

from deepguard import hookspecs
from deepguard.config.suggest import did_you_mean
from deepguard.contracts import DetectorType, NotifierType, PluginConfig
from deepguard.errors import PluginError
from deepguard.hookspecs import OBSERVERS, PROJECT

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith(f"{PROJECT}_"))

Kind = TypeVar("Kind", NotifierType, DetectorType)


def find_faults(plugin: object, manager: pluggy.PluginManager) -> Iterator[str]:
    """Tell what is wrong with a plugin's hook implementations.

    Args:
        plugin: A module or an object.
        manager: Knows the hooks.

    Yields:
        For people: one fault each.
    """
    if inspect.isclass(plugin):
        yield "it is a class; name a module or an object that holds the hooks"
        return
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield from _implementation_faults(plugin, attribute, options, manager)
        # pluggy passes over what is not marked, and the author would look for the reason for hours.
        elif attribute in HOOKS and not hasattr(getattr(plugin, attribute), f"{PROJECT}_spec"):
            yield f"{attribute} is not marked with @hookimpl"


def _implementation_faults(
    plugin: object, attribute: str, options: pluggy.HookimplOpts, manager: pluggy.PluginManager
) -> Iterator[str]:
    name = options["specname"] or attribute
    if name not in HOOKS:
        if not options["optionalhook"]:
            yield f"there is no hook named '{name}'{did_you_mean(name, HOOKS)}"
        return
    if options["wrapper"] or options["hookwrapper"]:
        yield f"{name} is a hook wrapper, which deepguard does not call"
        return
    function: Callable[..., Any] = getattr(plugin, attribute)
    if inspect.isasyncgenfunction(function):
        yield f"{name} must not be an asynchronous generator"
    elif name not in OBSERVERS and inspect.iscoroutinefunction(function):
        yield f"{name} must not be 'async def'; only {', '.join(sorted(OBSERVERS))} may"
    known = getattr(manager.hook, name).spec.argnames
    for argument in pluggy.HookImpl(plugin, attribute, function, options).argnames:
        if argument not in known:
            yield f"{name} has no argument '{argument}'{did_you_mean(argument, known)}"


def check_types(offered: object, kind: type[Kind], names: frozenset[str], known: dict[str, Kind]) -> dict[str, Kind]:
    """Check what a plugin's register hook returned.

    Args:
        offered: The hook's result.
        kind: What it must be a list of.
        names: The names that the plugin may give to its types: those of its package's entry points.
        known: The types that other plugins have offered.

    Returns:
        The types by name.

    Raises:
        PluginError: What does not fit.
    """
    types: dict[str, Kind] = {}
    for item in offered if isinstance(offered, (list, tuple)) else [offered]:
        if not isinstance(item, kind):
            raise PluginError(f"its register hook must return a list of {kind.__name__}")
        if item.name not in names:
            raise PluginError(
                f"it offers a type named '{item.name}', and a type takes its name from an entry point of its package"
                + did_you_mean(item.name, names)
            )
        if item.name in known or item.name in types:
            raise PluginError(f"it offers a type named '{item.name}', and there already is one")
        if not (inspect.isclass(item.config) and issubclass(item.config, PluginConfig)):
            raise PluginError(f"the configuration model of '{item.name}' must be a subclass of PluginConfig")
        types[item.name] = item
    return types


__all__ = ["HOOKS", "check_types", "find_faults"]
